import { counted, durationText, grouped } from "../../cli/quantities.ts";
import type { FeedReport } from "../../replay/feed-meter.ts";
import type { ArbitratedStream, BookReport, RecoveredStream, TopOfBook } from "../../replay/streams/stream-report.ts";
import { type Html, html } from "../html.ts";
import type { ReportContents } from "./report-contents.ts";
import { facts, numeric, type Section, table } from "./section.ts";
import { rangesText } from "./traffic-sections.ts";

/** Both feeds that books are kept of have four decimals. */
const PRICE_UNITS = 10_000;

/** What the frames carried: streams by line, messages by type, lines arbitrated, gaps recovered, books. */
export function feedsSection({ replay }: ReportContents): Section | undefined {
  if (replay === undefined) return undefined;
  const { feed, streams, decoder } = replay;
  const { arbitration = [], recovery = [], books = [], notes = [] } = streams ?? {};
  const body = html`${feed.lines.length === 0 ? plainFeed(feed) : [streamTable(feed), messageTable(feed)]}
${arbitration.length > 0 && arbitrationTable(arbitration)}${recovery.length > 0 && recoveryTable(recovery)}${books.map(bookPart)}${notes.map((note) => html`<p class="note">${note}</p>`)}${decoder !== undefined && html`<h3>The decoder's report</h3><pre class="picture" tabindex="0" role="region" aria-label="The decoder's report">${typeof decoder === "string" ? decoder : JSON.stringify(decoder, undefined, 2)}</pre>`}`;
  return { id: "feeds", title: "Feeds", body };
}

function plainFeed({ udpFrames, otherFrames, lineCount }: FeedReport): Html {
  return html`<p>${counted(udpFrames, "UDP frame")} to ${counted(lineCount, "destination")}, ${counted(otherFrames, "other frame")}; no feed that softbar knows among them.</p>`;
}

function streamTable({ lines, unreadablePackets }: FeedReport): Html {
  const rows = lines.flatMap(({ line, format, streams }) =>
    streams.map((stream) => {
      const {
        packets,
        messages,
        gaps,
        missing,
        recovered,
        outOfOrder,
        duplicates,
        restarts,
        firstSequence,
        nextSequence,
      } = stream;
      const range = firstSequence === null || nextSequence === null ? "–" : `${firstSequence}–${nextSequence - 1}`;
      return [
        stream.stream,
        line,
        format,
        range,
        ...[packets, messages, gaps, missing, recovered, duplicates, outOfOrder, restarts].map(grouped),
      ];
    }),
  );
  const counts = ["Packets", "Messages", "Gaps", "Missing", "Came later", "Twice", "Out of order", "Restarts"];
  return html`${table("Streams by line", ["Stream", "Line", "Format", "Sequences", ...counts.map(numeric)], rows)}${unreadablePackets > 0 && html`<p class="note">${counted(unreadablePackets, "packet")} could not be read: cut short, or damaged.</p>`}`;
}

function messageTable({ lines }: FeedReport): Html {
  const counts = new Map<string, { readonly cells: readonly string[]; count: number }>();
  for (const { format, messageTypes } of lines) {
    for (const { type, name, count } of messageTypes) {
      const key = `${format} ${type} ${name}`;
      const known = counts.get(key) ?? { cells: [type, name, format], count: 0 };
      known.count += count;
      counts.set(key, known);
    }
  }
  const rows = [...counts.values()]
    .sort((one, other) => other.count - one.count)
    .map(({ cells, count }) => [...cells, grouped(count)]);
  if (rows.length === 0) return html``;
  const all = [...counts.values()].reduce((sum, { count }) => sum + count, 0);
  return html`<details><summary>${counted(all, "message")} of ${counted(rows.length, "type")}</summary>${table("Messages by type", ["Type", "Name", "Format", numeric("Messages")], rows)}</details>`;
}

function arbitrationTable(streams: readonly ArbitratedStream[]): Html {
  const rows = streams.flatMap(({ stream, lines }) =>
    lines.map(({ line, firstPackets, missed, filledByOthers, lostOnAll, payloadMismatches, lead }) => [
      line,
      stream,
      ...[firstPackets, missed, filledByOthers, lostOnAll, payloadMismatches].map(grouped),
      lead === undefined ? "–" : leadText(lead.medianNs),
      lead === undefined ? "–" : leadText(lead.p99Ns),
    ]),
  );
  const totals = streams.map(
    ({ stream, mode, passed, lost, numbers, lostRanges = [] }) =>
      html`<p>${stream}, ${mode} mode: ${grouped(passed)} ${numbers} passed, ${grouped(lost)} lost on all lines${lostRanges.length > 0 && `: ${rangesText(lostRanges)}`}.</p>`,
  );
  const columns = [
    "Line",
    "Stream",
    ...["First", "Missed", "Filled by others", "Lost on all", "Other bytes", "Ahead, median", "Ahead, p99"].map(
      numeric,
    ),
  ];
  return html`<h3>Lines</h3>${totals}${table("Lines against each other", columns, rows)}`;
}

/** How far a line was ahead; a true minus where it was behind. */
function leadText(leadNs: number): string {
  return leadNs < 0 ? `−${durationText(-leadNs)}` : durationText(leadNs);
}

function recoveryTable(streams: readonly RecoveredStream[]): Html {
  const rows = streams.map(({ session, client, server }) => {
    const { gaps, missing, recovered, lost, requests, fillTimes, lostRanges } = client;
    const refused = server.refused + server.overRate + server.absent + server.tooNew + server.tooOld;
    const counts = [gaps, missing, recovered, lost, requests, server.answered, server.partial, refused].map(grouped);
    const times =
      fillTimes === undefined ? ["–", "–"] : [durationText(fillTimes.medianNs), durationText(fillTimes.maxNs)];
    return [session, ...counts, ...times, rangesText(lostRanges)];
  });
  const counts = [
    "Gaps",
    "Missing",
    "Filled",
    "Given up",
    "Requests",
    "Answered",
    "In part",
    "Refused",
    "To fill, median",
    "Max",
  ];
  return html`<h3>Recovery</h3>${table("Gaps and re-requests", ["Session", ...counts.map(numeric), "Given up"], rows)}`;
}

function bookPart({
  format,
  stream,
  stateHash,
  orderMessages,
  openOrders,
  levels,
  faults,
  instruments,
  malformed,
}: BookReport): Html {
  const wrong = [...Object.entries(faults), ...(malformed > 0 ? [["unreadable", malformed] as const] : [])];
  const rows = instruments.map(({ symbol, messages, bid, ask }) => [
    symbol,
    grouped(messages),
    sizeText(bid),
    priceText(bid),
    priceText(ask),
    sizeText(ask),
  ]);
  return html`<h3>Books of ${stream}</h3>${facts([
    ["Format", format],
    ["State", html`<code>${stateHash}</code>`],
    ["Order messages", grouped(orderMessages)],
    ["Open orders", grouped(openOrders)],
    ["Levels", grouped(levels)],
    ["Faults", wrong.length === 0 ? "none" : wrong.map(([kind, count]) => `${kind} ${count}`).join(", ")],
  ])}${table(`Instruments of ${stream}`, ["Instrument", ...["Messages", "Bid size", "Bid", "Ask", "Ask size"].map(numeric)], rows)}`;
}

function priceText(top: TopOfBook | null): string {
  return top === null ? "–" : (top.price / PRICE_UNITS).toFixed(4);
}

function sizeText(top: TopOfBook | null): string {
  return top === null ? "" : grouped(top.size);
}
