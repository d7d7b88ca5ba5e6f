import type { LatencyReport } from "../replay/latency.ts";
import type { ReplayReport, ReplaySourceReport } from "../replay/replay-report.ts";
import { speedText } from "../replay/replay-speed.ts";
import { feedRows, type Row } from "./feed-text.ts";
import { preparationNotes } from "./preparation-text.ts";
import { streamNotes, streamRows } from "./stream-text.ts";
import { bytesText, counted, durationText, grouped, type painter, threeDigits } from "./terminal.ts";

type Paint = ReturnType<typeof painter>;

const FINDING_LIMIT = 10;
const LABEL_WIDTH = 9;
/** Lines and gaps of the damage that are shown. */
const LINE_LIMIT = 8;
const RANGE_LIMIT = 6;

/** The summary of a replay for people: what arrived, how fast, what did not and why, what the feed says. */
export function replayText(report: ReplayReport, paint: Paint): string {
  const rows: Row[] = [
    ["frames", framesText(report, paint)],
    ["bytes", sizeText(report)],
    ["time", timeText(report)],
    ...latencyRows(report),
    ...dropRows(report, paint),
    ...paceRows(report),
    ...faultRows(report, paint),
    ...damageRows(report),
    // A driver that sees no frames has no feed to tell of, but what its card says.
    ...(report.card !== undefined && report.feed.otherFrames + report.feed.udpFrames === 0
      ? []
      : feedRows(report.feed)),
    ...streamRows(report),
    ...cardRows(report),
    ...decoderRows(report),
    ["driver", driverText(report, paint)],
    ...[...notesOf(report), ...streamNotes(report)].map((text): Row => ["note", text]),
  ];
  const lines = rows.map(([label, text]) => `  ${paint("dim", label.padEnd(LABEL_WIDTH))} ${text}`);
  return [titleOf(report, paint), ...lines, ...violationLines(report, paint), ""].join("\n");
}

function titleOf({ source, device, speed, clock }: ReplayReport, paint: Paint): string {
  const format = source.kind === "capture" ? ` (${source.format})` : "";
  const time = clock === "virtual" ? ", in virtual time" : "";
  return `${paint("bold", source.name)}${format} through ${device}, at ${speedText(speed)}${time}`;
}

function framesText(report: ReplayReport, paint: Paint): string {
  const { sentCount, deliveredCount, droppedCount, balance, streams } = report;
  const answers = streams?.answerFrames ?? 0;
  const dropped = `${grouped(droppedCount)} dropped`;
  return [
    answers === 0 ? `${grouped(sentCount)} sent` : `${grouped(sentCount)} sent (${grouped(answers)} answers)`,
    `${grouped(deliveredCount)} delivered`,
    droppedCount > 0 ? paint("yellow", dropped) : dropped,
    balance.holds ? paint("green", "none unaccounted for") : paint("red", "THE BALANCE DOES NOT HOLD"),
  ].join("   ");
}

function sizeText({ deliveredBytes, deliveredCount, damage, source }: ReplayReport): string {
  const mean = deliveredBytes / Math.max(1, deliveredCount);
  // Of frames on their way it is not known which did not come.
  const hasAll = damage === undefined && deliveredCount === source.frameCount;
  const longest = hasAll ? `, the longest ${grouped(source.longestByteCount)}` : "";
  return `${bytesText(deliveredBytes)}   ${grouped(mean)} a frame${longest}`;
}

function timeText({ elapsedNs, framesPerSecond, gigabitsPerSecond, source }: ReplayReport): string {
  const megabits = gigabitsPerSecond * 1000;
  const bits = megabits < 100 ? `${threeDigits(megabits)} Mbit/s` : `${threeDigits(gigabitsPerSecond)} Gbit/s`;
  const recorded = `recorded over ${durationText(source.recordedNs)}`;
  return `${durationText(elapsedNs)}   ${grouped(framesPerSecond)} frames/s   ${bits}   (${recorded})`;
}

function latencyRows({ latency, speed, unmeasuredCount }: ReplayReport): Row[] {
  if (latency === undefined) return [];
  const { skippedCount } = latency;
  const warmUp = skippedCount === 0 ? "" : `, after the first ${grouped(skippedCount)} frames (warm-up)`;
  const queueing = speed === "max" ? "; at full speed most of it is queueing" : "";
  const rows: Row[] = [
    ["latency", percentilesText(latency)],
    ["", `from the wire at the card to the consumer${warmUp}${queueing}`],
  ];
  if (unmeasuredCount > 0) {
    rows.push(["", `${counted(unmeasuredCount, "frame")} could not be matched with the time of arrival`]);
  }
  return rows;
}

function percentilesText({ p50Ns, p90Ns, p99Ns, p999Ns, maxNs }: LatencyReport): string {
  const named = { p50: p50Ns, p90: p90Ns, p99: p99Ns, "p99.9": p999Ns, max: maxNs };
  const cells = Object.entries(named).map(([name, durationNs]) => `${name} ${durationText(durationNs)}`);
  return cells.join("   ");
}

function dropRows({ drops }: ReplayReport, paint: Paint): Row[] {
  return drops.map(({ about, register, count }): Row => {
    const counter = register === undefined ? "" : ` (${register})`;
    return ["dropped", `${paint("yellow", grouped(count))}  ${about}${counter}`];
  });
}

/** Faults of the card: one that was asked for and never struck has tested nothing. */
function faultRows({ faults = [] }: ReplayReport, paint: Paint): Row[] {
  return faults.map(({ kind, met, struck }): Row => {
    if (struck > 0) return ["fault", `${kind} struck ${counted(struck, "time")}, and could have ${grouped(met)}`];
    return ["fault", paint("yellow", `${kind} never struck: the replay came to ${counted(met, "place")} for it`)];
  });
}

function paceRows({ lateness, roomWaits, speed, plannedNs, sentNs, bursts }: ReplayReport): Row[] {
  const rows: Row[] = [];
  if (plannedNs !== undefined) {
    const end = plannedNs === sentNs ? "to the nanosecond" : `${durationText(sentNs - plannedNs)} longer`;
    rows.push(["pace", `planned ${durationText(plannedNs)}, took ${durationText(sentNs)}: ${end}`]);
  }
  if (lateness !== undefined && lateness.sampleCount > 0) {
    const { p50Ns, p99Ns, maxNs } = lateness;
    const times = `p50 ${durationText(p50Ns)}   p99 ${durationText(p99Ns)}   max ${durationText(maxNs)}`;
    rows.push(["late", maxNs === 0 ? "no frame was late" : times]);
  }
  if (bursts !== undefined) {
    const idle = bursts.idle === "max" ? "were cut to that" : `passed at ${bursts.idle} times the recorded speed`;
    rows.push(["bursts", `gaps of ${durationText(bursts.gapNs)} and more ${idle}`]);
  }
  if (speed !== "max" && roomWaits !== undefined) {
    const times = counted(roomWaits.count, "time");
    rows.push(["waits", `the wire waited ${times} for room in the card, ${durationText(roomWaits.totalNs)} in all`]);
  }
  return rows;
}

/** What the wire did, and what the receiver of each line has to miss. */
function damageRows({ damage }: ReplayReport): Row[] {
  if (damage === undefined) return [];
  const { lost, duplicated, delayed, reordered, corrupted, offered } = damage.counts;
  const did = Object.entries({ lost, corrupted, duplicated, reordered, delayed })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${grouped(count)} ${what}`);
  const rows: Row[] = [["damage", `${did.join(", ") || "nothing was done"} of ${counted(offered, "frame")}`]];
  if (damage.lacksSequences)
    rows.push(["", "no frame carries a sequence number that was found: no line carries a feed that softbar knows"]);
  for (const { line, session, missing } of (damage.lines ?? []).slice(0, LINE_LIMIT)) {
    const messages = missing.reduce((sum, [first, end]) => sum + end - first, 0);
    const name = [line, session].filter((text) => text !== "").join(" ");
    const ranges = missing.length > 0 ? ` in ${counted(missing.length, "gap")}: ${rangesText(missing)}` : "";
    rows.push(["", `a receiver of ${name} must miss ${grouped(messages)}${ranges}`]);
  }
  const hidden = (damage.lines ?? []).length - LINE_LIMIT;
  if (hidden > 0) rows.push(["", `and ${counted(hidden, "more line")} (--json and --ledger have them)`]);
  return rows;
}

function rangesText(ranges: readonly (readonly [number, number])[]): string {
  const texts = ranges
    .slice(0, RANGE_LIMIT)
    .map(([first, end]) => (end - first === 1 ? `${first}` : `${first}–${end - 1}`));
  return `${texts.join(", ")}${ranges.length > RANGE_LIMIT ? ", …" : ""}`;
}

/** What the driver says in its card's own terms: a row for each group of counts. */
function cardRows({ card = {} }: ReplayReport): Row[] {
  return Object.entries(card).map(([group, counts]): Row => {
    const texts = Object.entries(counts).map(([what, count]) => `${grouped(count)} ${what}`);
    return [group, texts.join(", ")];
  });
}

/** The decoder's own report: field by field where it has fields. */
function decoderRows({ decoder }: ReplayReport): Row[] {
  if (decoder === undefined) return [];
  if (typeof decoder !== "object" || decoder === null || Array.isArray(decoder)) {
    return [["decoder", typeof decoder === "string" ? decoder : JSON.stringify(decoder)]];
  }
  const rows = Object.entries(decoder).map(([name, value]) => {
    return `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  return rows.map((text, index): Row => [index === 0 ? "decoder" : "", text]);
}

function driverText({ violations, notes, balance }: ReplayReport, paint: Paint): string {
  const lost = `${counted(balance.lostInDriver, "frame")} lost between ring and consumer`;
  const broken = `${counted(violations.length, "rule")} broken`;
  return [
    balance.lostInDriver > 0 ? paint("red", lost) : "",
    violations.length === 0 ? paint("green", "no rule broken") : paint("red", broken),
    notes.length === 0 ? "" : `${counted(notes.length, "remark")} (--json has them)`,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

/** What a reader must know before believing the numbers above. */
function notesOf({ source, drops, interrupted }: ReplayReport): string[] {
  const isOversize = drops.some(({ register }) => register === "ROC");
  const { damage, preparation, snappedCount, paddedCount, outOfOrderCount, untimedCount, outsideCount, passCount } =
    source;
  return [
    interrupted ? "stopped early: not all of it was replayed" : "",
    damage ?? "",
    ...(preparation === undefined ? [] : preparationNotes(preparation)),
    outsideCount > 0 ? `${counted(outsideCount, "frame")} outside of the window, left out` : "",
    passCount > 1
      ? `${counted(passCount, "pass", "passes")} with the same sequence numbers: later ones are repetitions`
      : "",
    snappedCount > 0 ? `${counted(snappedCount, "frame")} cut short by the capture, replayed as captured` : "",
    paddedCount > 0 ? `${counted(paddedCount, "frame")} below 60 bytes, padded as a sending card does` : "",
    outOfOrderCount > 0
      ? `${counted(outOfOrderCount, "frame")} with an earlier time than the one before, sent without waiting`
      : "",
    untimedCount > 0 ? `${counted(untimedCount, "frame")} without a time stamp, sent with the one before` : "",
    fcsText(source),
    isOversize
      ? "an 82599 takes frames of up to 1,514 bytes, with --jumbo up to 15,868, and counts longer ones in ROC"
      : "",
  ].filter((text) => text !== "");
}

function fcsText({ fcsCount, badFcsCount }: ReplaySourceReport): string {
  if (fcsCount === 0) return "";
  if (badFcsCount === fcsCount)
    return `the last 4 bytes of ${counted(fcsCount, "frame")} were taken off as an FCS, and not one was right; --fcs absent is for a capture without`;
  const wrong = `${grouped(badFcsCount)} ${badFcsCount === 1 ? "was" : "were"} wrong`;
  const verdict = badFcsCount === 0 ? "all were right" : wrong;
  return `the capture includes the FCS of ${counted(fcsCount, "frame")}, checked and taken off: ${verdict}`;
}

function violationLines({ violations }: ReplayReport, paint: Paint): string[] {
  const lines = violations.slice(0, FINDING_LIMIT).map(({ message, count }) => {
    const times = count > 1 ? ` (${grouped(count)} times)` : "";
    return `  ${paint("red", "violation")} ${message}${times}`;
  });
  const hidden = violations.length - FINDING_LIMIT;
  return hidden > 0 ? [...lines, `  and ${grouped(hidden)} more`] : lines;
}
