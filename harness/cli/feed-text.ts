import { ITCH50_MESSAGES } from "../../emulator/wire/feeds/itch50-messages.ts";
import type { FeedReport, SessionReport } from "../replay/feed-meter.ts";
import { counted, grouped } from "./terminal.ts";

/** A line of a summary: a label, or "" where it goes on, and what it says. */
export type Row = readonly [label: string, text: string];

/** Sessions that are listed; the rest is counted. */
const SESSION_LIMIT = 8;
const CELLS_PER_ROW = 3;
const CELL_WIDTH = 34;

/** What arrived by protocol: sessions with their gaps, and messages by type. */
export function feedRows(feed: FeedReport): Row[] {
  if (feed.sessions.length === 0) return [["feed", plainText(feed)]];
  const rows = feed.sessions.slice(0, SESSION_LIMIT).flatMap(sessionRows);
  const hidden = feed.sessions.length - SESSION_LIMIT;
  if (hidden > 0) rows.push(["", `and ${counted(hidden, "more session")} (--json has them all)`]);
  if (feed.unreadablePackets > 0) {
    rows.push(["", `${counted(feed.unreadablePackets, "packet")} could not be read: cut short, or damaged`]);
  }
  return [...rows, ["ITCH 5.0", counted(feed.itchMessageCount, "message")], ...messageRows(feed.itchMessages)];
}

function plainText(feed: FeedReport): string {
  const { udpFrames, otherFrames, lineCount } = feed;
  const other = counted(otherFrames, "other frame");
  if (udpFrames === 0) return `${other}, none of them UDP`;
  const udp = `${counted(udpFrames, "UDP frame")} to ${counted(lineCount, "destination")}`;
  return `${udp}${otherFrames === 0 ? "" : `, ${other}`}; no MoldUDP64 with ITCH 5.0 among them`;
}

function sessionRows(session: SessionReport): Row[] {
  const { line, messages, packets, outOfOrder, restarts, duplicates, heartbeats, endOfSession } = session;
  const extras = [
    outOfOrder > 0 ? counted(outOfOrder, "packet out of order", "packets out of order") : "",
    restarts > 0 ? counted(restarts, "restart of the sequence", "restarts of the sequence") : "",
    duplicates > 0 ? counted(duplicates, "message twice", "messages twice") : "",
    heartbeats > 0 ? counted(heartbeats, "heartbeat") : "",
    endOfSession > 0 ? counted(endOfSession, "end-of-session packet") : "",
  ];
  const size = `${counted(messages, "message")} in ${counted(packets, "packet")}`;
  return [
    ["MoldUDP64", `${session.session} on ${line}: ${size}`],
    ["", [gapText(session), ...extras].filter((text) => text !== "").join(", ")],
  ];
}

function gapText({ gaps, missing, recovered }: SessionReport): string {
  if (gaps === 0) return "no gaps";
  const later = recovered > 0 ? `, ${grouped(recovered)} of them came later` : "";
  return `${counted(gaps, "gap")}, ${counted(missing, "message")} missing${later}`;
}

/** Three types to a row, the most frequent first. */
function messageRows(counts: Readonly<Record<string, number>>): Row[] {
  const names = new Map(ITCH50_MESSAGES.map(({ letter, name }) => [letter, name]));
  const cells = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([letter, count]) => `${letter} ${names.get(letter) ?? ""} ${grouped(count)}`.padEnd(CELL_WIDTH));
  const rows: Row[] = [];
  for (let first = 0; first < cells.length; first += CELLS_PER_ROW) {
    const text = cells.slice(first, first + CELLS_PER_ROW).join("");
    rows.push(["", text.trimEnd()]);
  }
  return rows;
}
