import { bytesText, counted, durationText, grouped, threeDigits } from "../../cli/quantities.ts";
import type { ReplayReport } from "../../replay/replay-report.ts";
import { speedText } from "../../replay/replay-speed.ts";
import { type Html, html } from "../html.ts";
import type { ReportContents } from "./report-contents.ts";
import { facts, numeric, type Section, table } from "./section.ts";

/** Ranges of sequences that are listed in one cell. */
const RANGE_LIMIT = 12;

/** What was sent, what arrived and how fast. */
export function trafficSection({ replay }: ReportContents): Section | undefined {
  if (replay === undefined) return undefined;
  const { source, device, clock, speed, sentCount, deliveredCount, droppedCount, balance, deliveredBytes } = replay;
  const { elapsedNs, framesPerSecond, gigabitsPerSecond, lateness, plannedNs, sentNs, latency } = replay;
  const unaccounted = balance.lostInCard + balance.lostInDriver;
  const megabits = gigabitsPerSecond * 1000;
  const rate = framesPerSecond < 100 ? threeDigits(framesPerSecond) : grouped(framesPerSecond);
  const figures = [
    ["Sent", grouped(sentCount)],
    ["Delivered", grouped(deliveredCount)],
    ["Dropped", grouped(droppedCount)],
    ["Unaccounted for", balance.holds ? "none" : html`<span class="bad">${grouped(unaccounted)}</span>`],
    ["Frames a second", rate],
    ...(latency === undefined
      ? []
      : ([
          ["Latency, p50", durationText(latency.p50Ns)],
          ["p99", durationText(latency.p99Ns)],
        ] as const)),
  ] as const;
  const body = html`${facts(figures, "figures")}${facts([
    ["Source", source.kind === "capture" ? `${source.name} (${source.format})` : source.name],
    ["Device", device],
    ["Speed", `${speedText(speed)}${clock === "virtual" ? ", virtual time" : ""}`],
    ["Bytes", bytesText(deliveredBytes)],
    ["Rate", megabits < 100 ? `${threeDigits(megabits)} Mbit/s` : `${threeDigits(gigabitsPerSecond)} Gbit/s`],
    ["Took", durationText(elapsedNs)],
    ...(plannedNs === undefined
      ? []
      : [["Planned, on the wire", `${durationText(plannedNs)}, took ${durationText(sentNs)}`] as const]),
    ...(lateness === undefined || lateness.sampleCount === 0
      ? []
      : [
          [
            "Late by",
            lateness.maxNs === 0
              ? "nothing"
              : `p50 ${durationText(lateness.p50Ns)}, p99 ${durationText(lateness.p99Ns)}, max ${durationText(lateness.maxNs)}`,
          ] as const,
        ]),
  ])}${interruptedNote(replay)}`;
  return { id: "traffic", title: "Traffic", body };
}

function interruptedNote({ interrupted, source }: ReplayReport): Html[] {
  return [interrupted ? "Stopped early: not all of it was replayed." : "", source.damage ?? ""]
    .filter((text) => text !== "")
    .map((text) => html`<p class="note">${text}</p>`);
}

/** Where frames were dropped, what the wire did to them, and what is missing in the streams. */
export function dropsSection({ replay }: ReportContents): Section | undefined {
  if (replay === undefined) return undefined;
  const { drops, damage, sentCount } = replay;
  const rows = drops.map(({ about, register, count }) => [
    about,
    html`<code>${register ?? ""}</code>`,
    grouped(count),
    `${((100 * count) / Math.max(1, sentCount)).toFixed(2)} %`,
  ]);
  const gaps = gapRows(replay);
  const body = html`${rows.length === 0 ? html`<p>No frame was dropped.</p>` : table("Dropped frames", ["Where", "Register", numeric("Frames"), numeric("Of all")], rows)}
${damage !== undefined && damageText(damage)}${gaps.length === 0 ? html`<p>No stream has a gap.</p>` : table("Gaps in the streams", ["Stream", "Line", "Format", numeric("Gaps"), numeric("Missing"), numeric("Came later")], gaps)}`;
  return { id: "drops", title: "Drops and gaps", body };
}

function gapRows({ feed }: ReplayReport): string[][] {
  return feed.lines.flatMap(({ line, format, streams }) =>
    streams
      .filter(({ gaps }) => gaps > 0)
      .map(({ stream, gaps, missing, recovered }) => [
        stream,
        line,
        format,
        grouped(gaps),
        grouped(missing),
        grouped(recovered),
      ]),
  );
}

function damageText(damage: NonNullable<ReplayReport["damage"]>): Html {
  const { counts, lines = [] } = damage;
  const did = Object.entries(counts).map(([what, count]) => [what, grouped(count)] as const);
  const rows = lines.map(({ line, session, sentCount, arrivedCount, missing, duplicates, outOfOrder }) => [
    [line, session].filter((word) => word !== "").join(" "),
    grouped(sentCount),
    grouped(arrivedCount),
    grouped(missing.reduce((sum, [first, end]) => sum + end - first, 0)),
    rangesText(missing),
    grouped(duplicates.length),
    grouped(outOfOrder.length),
  ]);
  const columns = [
    "Line",
    numeric("Sent"),
    numeric("Arrived"),
    numeric("Must miss"),
    "Sequences",
    numeric("Twice"),
    numeric("Out of order"),
  ];
  return html`<h3>What the wire did</h3>${facts(did)}${rows.length > 0 && table("What a correct receiver must report", columns, rows)}`;
}

/** "17–19, 23": sequences as [first, behind the last). */
export function rangesText(ranges: readonly (readonly [number, number])[]): string {
  const texts = ranges
    .slice(0, RANGE_LIMIT)
    .map(([first, end]) => (end - first === 1 ? `${first}` : `${first}–${end - 1}`));
  const hidden = ranges.length - texts.length;
  return hidden > 0 ? `${texts.join(", ")} and ${counted(hidden, "more range")}` : texts.join(", ");
}
