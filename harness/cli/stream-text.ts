import type { ReplayReport } from "../replay/replay-report.ts";
import type { ArbitratedStream, BookReport, RecoveredStream, TopOfBook } from "../replay/streams/stream-report.ts";
import type { Row } from "./feed-text.ts";
import { counted, durationText, grouped } from "./terminal.ts";

/** Streams that are told of in full; more of them share a table. */
const FULL_LIMIT = 2;
const TABLE_LIMIT = 12;
const BOOK_LIMIT = 4;
const INSTRUMENT_LIMIT = 5;
const RANGE_LIMIT = 24;
const RANGES_PER_ROW = 6;
const LETTERS = "ABCDEFGH";

/** What came of arbitration, recovery and books. */
export function streamRows({ streams }: ReplayReport): Row[] {
  if (streams === undefined) return [];
  const { arbitration = [], recovery = [], books = [] } = streams;
  return [...arbitrationRows(arbitration), ...recovery.flatMap(recoveryRows), ...bookRows(books)];
}

/** What a reader must know before believing them. */
export function streamNotes({ streams, speed }: ReplayReport): readonly string[] {
  if (streams === undefined) return [];
  if (streams.arbitration === undefined || speed === 1) return streams.notes;
  return [...streams.notes, "how far a line was ahead is as replayed: as recorded it is at --speed recorded"];
}

// ---- lines ----------------------------------------------------------------------------------------------------------

function arbitrationRows(streams: readonly ArbitratedStream[]): Row[] {
  if (streams.length <= FULL_LIMIT) return streams.flatMap(fullRows);
  const sum = (of: (stream: ArbitratedStream) => number): number =>
    streams.reduce((total, each) => total + of(each), 0);
  const [first] = streams as [ArbitratedStream];
  const formats = [...new Set(streams.map(({ format }) => format))].join(", ");
  const filled = `${grouped(sum(filledOf))} filled by the other line`;
  const whole = [...streams].sort((one, other) => isWhole(one) - isWhole(other));
  const hidden = streams.length - TABLE_LIMIT;
  return [
    ["lines", `${grouped(streams.length)} streams of ${formats} on several lines, ${first.mode} mode`],
    ["", `${grouped(sum(({ passed }) => passed))} passed, ${filled}, ${grouped(sum(({ lost }) => lost))} lost on both`],
    ["", tableRow("lines A + B", "passed", "A/B first", "filled", "lost", "A ahead")],
    ...whole.slice(0, TABLE_LIMIT).map((stream): Row => ["", streamTableRow(stream)]),
    ...(hidden > 0 ? [["", `and ${counted(hidden, "more stream")} (--json has them)`] as const] : []),
  ];
}

/** 0 for a stream with a line that missed something: those come first. */
function isWhole({ lines, lost }: ArbitratedStream): number {
  return lost === 0 && lines.every(({ missed }) => missed === 0) ? 1 : 0;
}

function filledOf({ lines }: ArbitratedStream): number {
  return lines.reduce((sum, line) => sum + line.filledByOthers, 0);
}

function streamTableRow(stream: ArbitratedStream): string {
  const { lines, passed, lost } = stream;
  const firsts = lines.map(({ firstPackets }) => grouped(firstPackets)).join("/");
  const lead = lines[0]?.lead;
  const names = lines.map(({ line }) => line).join(" + ");
  const ahead = lead === undefined ? "" : leadText(lead.medianNs);
  return tableRow(names, grouped(passed), firsts, grouped(filledOf(stream)), grouped(lost), ahead);
}

function tableRow(names: string, passed: string, firsts: string, filled: string, lost: string, ahead: string): string {
  const cells = [passed.padStart(8), firsts.padStart(12), filled.padStart(7), lost.padStart(6), ahead.padStart(11)];
  return `${names.padEnd(44)}${cells.join("")}`;
}

function fullRows(stream: ArbitratedStream): Row[] {
  const { format, lines, passed, lost, numbers, lostRanges = [], mode } = stream;
  const width = Math.max(...lines.map(({ firstPackets }) => grouped(firstPackets).length));
  const ofLines = lines.map(
    ({ line, firstPackets, missed, filledByOthers, lostOnAll, payloadMismatches }, index): Row => {
      const missing =
        missed === 0
          ? "missed none"
          : `missed ${grouped(missed)}: ${grouped(filledByOthers)} filled, ${grouped(lostOnAll)} lost on both`;
      const other = payloadMismatches > 0 ? `   ${grouped(payloadMismatches)} with other bytes` : "";
      return [
        "",
        `${LETTERS[index]} ${line.padEnd(21)}  first ${grouped(firstPackets).padStart(width)}   ${missing}${other}`,
      ];
    },
  );
  return [
    [
      "lines",
      `${format}, ${stream.stream}, ${mode} mode: ${grouped(passed)} ${numbers} passed, ${grouped(lost)} lost on both`,
    ],
    ...ofLines,
    ...leadRow(stream),
    ...rangeRows("lost on both", lostRanges),
  ];
}

/** How far the line was ahead that was first more often. */
function leadRow({ lines }: ArbitratedStream): Row[] {
  const most = Math.max(...lines.map(({ firstPackets }) => firstPackets));
  const index = lines.findIndex(({ firstPackets }) => firstPackets === most);
  const lead = lines[index]?.lead;
  if (lead === undefined) return [["", "no packet came on two lines"]];
  const { minNs, medianNs, p99Ns, maxNs } = lead;
  const cells = Object.entries({ min: minNs, median: medianNs, p99: p99Ns, max: maxNs });
  return [["", `${LETTERS[index]} ahead by  ${cells.map(([name, ns]) => `${name} ${leadText(ns)}`).join("   ")}`]];
}

function leadText(leadNs: number): string {
  return leadNs < 0 ? `−${durationText(-leadNs)}` : durationText(leadNs);
}

// ---- recovery -------------------------------------------------------------------------------------------------------

function recoveryRows({ session, client, server }: RecoveredStream): Row[] {
  const { gaps, missing, recovered, lost, requests, requestedMessages, fillTimes, lostRanges } = client;
  const rows: Row[] = [
    [
      "recovery",
      `${session}: ${counted(gaps, "gap")}, ${counted(missing, "message")} missing: ${grouped(recovered)} filled, ${grouped(lost)} given up`,
    ],
  ];
  if (requests > 0) {
    const turnedDown = server.refused + server.overRate + server.absent + server.tooNew + server.tooOld;
    const answers = `${grouped(server.answered)} answered, ${grouped(server.partial)} of them in part, ${grouped(turnedDown)} refused`;
    rows.push(["", `asked ${counted(requests, "time")} for ${counted(requestedMessages, "message")}: ${answers}`]);
  }
  if (fillTimes !== undefined) {
    const { minNs, medianNs, p99Ns, maxNs } = fillTimes;
    // The percentiles keep three digits, the greatest is exact.
    const cells = Object.entries({ min: minNs, median: medianNs, p99: Math.min(p99Ns, maxNs), max: maxNs });
    rows.push(["", `time to fill  ${cells.map(([name, ns]) => `${name} ${durationText(ns)}`).join("   ")}`]);
  }
  return [...rows, ...rangeRows("given up", lostRanges)];
}

/** Sequences, six ranges to a row. */
function rangeRows(label: string, ranges: readonly (readonly [number, number])[]): Row[] {
  const texts = ranges
    .slice(0, RANGE_LIMIT)
    .map(([first, end]) => (end - first === 1 ? `${first}` : `${first}–${end - 1}`));
  const hidden = ranges.length - texts.length;
  if (hidden > 0) texts.push(`and ${counted(hidden, "more range")} (--json has them)`);
  const rows: Row[] = [];
  for (let at = 0; at < texts.length; at += RANGES_PER_ROW) {
    const text = texts.slice(at, at + RANGES_PER_ROW).join(", ");
    rows.push(["", `${at === 0 ? `${label}: ` : " ".repeat(label.length + 2)}${text}`]);
  }
  return rows;
}

// ---- books ----------------------------------------------------------------------------------------------------------

function bookRows(books: readonly BookReport[]): Row[] {
  const hidden = books.length - BOOK_LIMIT;
  const rows = books.slice(0, BOOK_LIMIT).flatMap(oneBookRows);
  return hidden > 0 ? [...rows, ["", `and ${counted(hidden, "more book")} (--json has them)`]] : rows;
}

function oneBookRows(book: BookReport): Row[] {
  const { format, stream, orderMessages, malformed, openOrders, levels, stateHash, faults, instruments } = book;
  const faultTexts = Object.entries(faults).map(([kind, count]) => `${grouped(count)} ${words(kind)}`);
  if (malformed > 0) faultTexts.push(`${counted(malformed, "message")} unreadable`);
  return [
    ["books", `${format}, ${stream}: state ${stateHash} after ${counted(orderMessages, "order message")}`],
    [
      "",
      `${counted(openOrders, "open order")} on ${counted(levels, "level")}; faults: ${faultTexts.join(", ") || "none"}`,
    ],
    ["", instrumentRow("instrument", "messages", "size", "bid", "ask", "size")],
    ...instruments.slice(0, INSTRUMENT_LIMIT).map(({ symbol, messages, bid, ask }): Row => {
      return [
        "",
        instrumentRow(symbol, grouped(messages), sizeText(bid), priceText(bid), priceText(ask), sizeText(ask)),
      ];
    }),
  ];
}

function instrumentRow(
  ...[symbol = "", messages = "", bidSize = "", bid = "", ask = "", askSize = ""]: string[]
): string {
  const left = `${symbol.padEnd(12)}${messages.padStart(10)}${bidSize.padStart(12)}${bid.padStart(14)}`;
  return `${left}  |${ask.padStart(14)}${askSize.padStart(12)}`;
}

function sizeText(top: TopOfBook | null): string {
  return top === null ? "" : grouped(top.size);
}

/** Both feeds have four decimals. */
function priceText(top: TopOfBook | null): string {
  return top === null ? "–" : (top.price / 10_000).toFixed(4);
}

/** "unknownReference" as "unknown reference". */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
