import type { FeedReport, LineReport, StreamReport } from "../replay/feed-meter.ts";
import { counted, grouped } from "./terminal.ts";

/** A line of a summary: a label, or "" where it goes on, and what it says. */
export type Row = readonly [label: string, text: string];

/** Streams that are listed; the rest is counted. */
const STREAM_LIMIT = 8;
const CELLS_PER_ROW = 3;
const CELL_WIDTH = 34;

/** Formats that have a label of their own, for streams and for messages; the others say their name in the text. */
const LABELS: Readonly<Record<string, { readonly stream: string; readonly messages: string }>> = {
  "MoldUDP64, ITCH 5.0": { stream: "MoldUDP64", messages: "ITCH 5.0" },
};

/** What arrived by protocol: streams with their gaps, and messages by type. */
export function feedRows(feed: FeedReport): Row[] {
  if (feed.lines.length === 0) return [["feed", plainText(feed)]];
  const all = feed.lines.flatMap((line) => line.streams.map((stream) => ({ line, stream })));
  // What is not whole comes first, so that no limit hides it.
  const whole = all.filter(({ stream }) => isWhole(stream));
  const ordered = [...all.filter(({ stream }) => !isWhole(stream)), ...whole];
  const rows = ordered.slice(0, STREAM_LIMIT).flatMap(({ line, stream }) => streamRows(line, stream));
  const hidden = all.length - STREAM_LIMIT;
  const allWhole = whole.length >= hidden ? ", all whole" : "";
  if (hidden > 0) rows.push(["", `and ${counted(hidden, "more stream")}${allWhole} (--json has them)`]);
  if (feed.unreadablePackets > 0) {
    rows.push(["", `${counted(feed.unreadablePackets, "packet")} could not be read: cut short, or damaged`]);
  }
  const formats = [...new Set(feed.lines.map(({ format }) => format))];
  return [...rows, ...formats.flatMap((format) => messageRows(format, feed.lines))];
}

function plainText(feed: FeedReport): string {
  const { udpFrames, otherFrames, lineCount } = feed;
  const other = counted(otherFrames, "other frame");
  if (udpFrames === 0) return `${other}, none of them UDP`;
  const udp = `${counted(udpFrames, "UDP frame")} to ${counted(lineCount, "destination")}`;
  return `${udp}${otherFrames === 0 ? "" : `, ${other}`}; no feed that softbar knows among them`;
}

function isWhole({ missing, recovered }: StreamReport): boolean {
  return missing === recovered;
}

function streamRows(line: LineReport, stream: StreamReport): Row[] {
  const { messages, packets, outOfOrder, duplicates, restarts, heartbeats, endOfSession } = stream;
  const one = line.numbers === "messages" ? "message" : "packet";
  const extras = [
    outOfOrder > 0 ? counted(outOfOrder, "packet out of order", "packets out of order") : "",
    duplicates > 0 ? counted(duplicates, `${one} twice`, `${one}s twice`) : "",
    restarts > 0 ? counted(restarts, "restart of the sequence", "restarts of the sequence") : "",
    heartbeats > 0 ? counted(heartbeats, "heartbeat") : "",
    endOfSession > 0 ? counted(endOfSession, "end-of-session packet") : "",
    ...Object.entries(line.remarks).map(([name, count]) =>
      isFault(name) && count > 0 ? `${name}: ${grouped(count)}` : "",
    ),
  ];
  const size = `${counted(messages, "message")} in ${counted(packets, "packet")}`;
  const label = LABELS[line.format]?.stream;
  const place = `${stream.stream} on ${line.line}: ${size}`;
  return [
    label === undefined ? ["feed", `${line.format}, ${place}`] : [label, place],
    ["", [gapText(stream, one), ...extras].filter((text) => text !== "").join(", ")],
  ];
}

/** Remarks that tell of something wrong; the others are figures, which --json has. */
function isFault(remark: string): boolean {
  return /gaps|missing|malformed|unknown|resets|clears/.test(remark);
}

function gapText({ gaps, missing, recovered, firstSequence }: StreamReport, one: string): string {
  if (firstSequence === null) return "nothing sequenced";
  if (gaps === 0) return "no gaps";
  const later = recovered > 0 ? `, ${grouped(recovered)} of them came later` : "";
  return `${counted(gaps, "gap")}, ${counted(missing, one)} missing${later}`;
}

/** Messages of one format on all lines: three types to a row, the most frequent first. */
function messageRows(format: string, lines: readonly LineReport[]): Row[] {
  const counts = new Map<string, number>();
  for (const { messageTypes } of lines.filter((line) => line.format === format)) {
    for (const { type, name, count } of messageTypes) {
      const key = `${type} ${name}`;
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  const total = counted(
    [...counts.values()].reduce((sum, count) => sum + count, 0),
    "message",
  );
  const label = LABELS[format]?.messages;
  const rows: Row[] = [label === undefined ? ["messages", `${format}: ${total}`] : [label, total]];
  const cells = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key} ${grouped(count)} `.padEnd(CELL_WIDTH));
  for (let first = 0; first < cells.length; first += CELLS_PER_ROW) {
    rows.push([
      "",
      cells
        .slice(first, first + CELLS_PER_ROW)
        .join("")
        .trimEnd(),
    ]);
  }
  return rows;
}
