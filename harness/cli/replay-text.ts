import { ITCH50_MESSAGES } from "../../emulator/wire/feeds/itch50.ts";
import type { LatencyReport } from "../replay/latency.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
import type { SessionReport } from "../replay/feed-meter.ts";
import { bytesText, durationText, grouped, painter, threeDigits } from "./terminal.ts";

type Paint = ReturnType<typeof painter>;

/** Sessions that are listed; the rest is counted. */
const SESSION_LIMIT = 8;
const FINDING_LIMIT = 10;

/** The summary of a replay for people: what arrived, how fast, what did not, what the feed says. */
export function replayText(report: ReplayReport, paint: Paint): string {
  const rows: [string, string][] = [
    ["frames", framesText(report, paint)],
    ["bytes", bytesLine(report)],
    ["time", timeText(report)],
    ...latencyRows(report),
    ...report.drops.map(({ about, register, count }): [string, string] => {
      return ["dropped", `${paint("yellow", grouped(count))}  ${about}${register === undefined ? "" : ` (${register})`}`];
    }),
    ...waitRows(report),
    ...feedRows(report),
    ["driver", driverText(report, paint)],
  ];
  const lines = rows.map(([label, text]) => `  ${paint("dim", label.padEnd(9))} ${text}`);
  return [titleOf(report, paint), ...lines, ...warningsOf(report, paint), ...violationLines(report, paint), ""].join("\n");
}

function titleOf(report: ReplayReport, paint: Paint): string {
  const speed = report.speed === "max" ? "at full speed" : `at ${report.speed === 1 ? "" : `${report.speed} times `}the recorded speed`;
  return `${paint("bold", report.source.name)} (${report.source.format}) through ${report.device}, ${speed}`;
}

function framesText(report: ReplayReport, paint: Paint): string {
  const { sentCount, deliveredCount, droppedCount, balance } = report;
  const dropped = `${grouped(droppedCount)} dropped`;
  const sum = balance.holds ? paint("green", "nothing unaccounted for") : paint("red", "THE BALANCE DOES NOT HOLD");
  const counts = [`${grouped(sentCount)} sent`, `${grouped(deliveredCount)} delivered`, droppedCount > 0 ? paint("yellow", dropped) : dropped];
  return `${counts.join("   ")}   ${sum}`;
}

function bytesLine(report: ReplayReport): string {
  const mean = report.deliveredCount === 0 ? 0 : report.deliveredBytes / report.deliveredCount;
  return `${bytesText(report.deliveredBytes)}   ${grouped(mean)} a frame   longest ${grouped(report.source.longestByteCount)}`;
}

function timeText(report: ReplayReport): string {
  const { elapsedNs, framesPerSecond, gigabitsPerSecond, source } = report;
  const gigabits = gigabitsPerSecond < 0.01 ? `${threeDigits(gigabitsPerSecond * 1000)} Mbit/s` : `${threeDigits(gigabitsPerSecond)} Gbit/s`;
  return `${durationText(elapsedNs)}   ${grouped(framesPerSecond)} frames/s   ${gigabits}   (recorded over ${durationText(source.recordedNs)})`;
}

function latencyRows(report: ReplayReport): [string, string][] {
  const { latency, speed, unmeasuredCount } = report;
  if (latency === undefined) return [];
  const queueing = speed === "max" ? "; at full speed most of it is queueing" : "";
  const rows: [string, string][] = [
    ["latency", percentiles(latency)],
    ["", `from the wire at the card to the consumer${queueing}`],
  ];
  if (unmeasuredCount > 0) rows.push(["", `${grouped(unmeasuredCount)} frames could not be matched with their arrival`]);
  return rows;
}

function percentiles(latency: LatencyReport): string {
  const { p50Ns, p90Ns, p99Ns, p999Ns, maxNs } = latency;
  const named = { p50: p50Ns, p90: p90Ns, p99: p99Ns, "p99.9": p999Ns, max: maxNs };
  return Object.entries(named)
    .map(([name, ns]) => `${name} ${durationText(ns)}`)
    .join("   ");
}

function waitRows(report: ReplayReport): [string, string][] {
  const rows: [string, string][] = [];
  if (report.lateness !== undefined) {
    const { meanNs, maxNs } = report.lateness;
    rows.push(["pace", `frames came ${durationText(meanNs)} after their time on average, ${durationText(maxNs)} at most`]);
  }
  if (report.speed !== "max" && report.roomWaits !== undefined) {
    const { count, totalNs } = report.roomWaits;
    rows.push(["waits", `the wire waited ${grouped(count)} times for room in the card, ${durationText(totalNs)} in all`]);
  }
  return rows;
}

function feedRows(report: ReplayReport): [string, string][] {
  const { feed } = report;
  if (feed.sessions.length === 0) {
    const other = feed.otherFrames === 0 ? "" : `, ${grouped(feed.otherFrames)} other frames`;
    return [["feed", `${grouped(feed.udpFrames)} UDP frames to ${grouped(feed.lineCount)} destinations${other}; no MoldUDP64 with ITCH 5.0 among them`]];
  }
  const rows: [string, string][] = feed.sessions.slice(0, SESSION_LIMIT).flatMap(sessionRows);
  const hidden = feed.sessions.length - SESSION_LIMIT;
  if (hidden > 0) rows.push(["", `and ${grouped(hidden)} more sessions (--json has them all)`]);
  rows.push(["ITCH 5.0", `${grouped(feed.itchMessageCount)} messages`], ...messageRows(feed.itchMessages));
  return rows;
}

function sessionRows(session: SessionReport): [string, string][] {
  const { gaps, missing, recovered } = session;
  const gapText = gaps === 0 ? "no gaps" : `${grouped(gaps)} gaps, ${grouped(missing)} messages missing${recovered > 0 ? `, ${grouped(recovered)} of them came later` : ""}`;
  const extras = [
    [session.outOfOrder, "packets out of order"],
    [session.duplicates, "messages twice"],
    [session.heartbeats, "heartbeats"],
    [session.endOfSession, "end-of-session packets"],
  ] as const;
  const extraText = extras.filter(([count]) => count > 0).map(([count, what]) => `, ${grouped(count)} ${what}`);
  return [
    ["MoldUDP64", `${session.session} on ${session.line}: ${grouped(session.messages)} messages in ${grouped(session.packets)} packets`],
    ["", `${gapText}${extraText.join("")}`],
  ];
}

/** Four types to a row, the most frequent first. */
function messageRows(counts: Readonly<Record<string, number>>): [string, string][] {
  const names = new Map(ITCH50_MESSAGES.map(({ letter, name }) => [letter, name]));
  const cells = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([letter, count]) => `${letter} ${names.get(letter) ?? ""} ${grouped(count)}`.padEnd(34));
  const rows: [string, string][] = [];
  for (let first = 0; first < cells.length; first += 3) rows.push(["", cells.slice(first, first + 3).join("").trimEnd()]);
  return rows;
}

function driverText(report: ReplayReport, paint: Paint): string {
  const { violations, notes, balance } = report;
  const lost = balance.lostInDriver > 0 ? `${paint("red", `${grouped(balance.lostInDriver)} frames lost`)} between ring and consumer, ` : "";
  const broken = violations.length === 0 ? paint("green", "no rule broken") : paint("red", `${violations.length} rules broken`);
  return `${lost}${broken}${notes.length === 0 ? "" : `, ${notes.length} remarks (--json has them)`}`;
}

/** What a reader must know before he believes the numbers above. */
function warningsOf(report: ReplayReport, paint: Paint): string[] {
  const { source } = report;
  const oversize = report.drops.find(({ register }) => register === "ROC")?.count ?? 0;
  const warnings = [
    report.interrupted ? "stopped early: not all of it was replayed" : "",
    source.damage ?? "",
    source.snappedCount > 0 ? `${grouped(source.snappedCount)} frames were cut short when they were captured, and were replayed as captured` : "",
    source.paddedCount > 0 ? `${grouped(source.paddedCount)} frames were shorter than 60 bytes and were padded, as a sending card does` : "",
    source.outOfOrderCount > 0
      ? `${grouped(source.outOfOrderCount)} frames have an earlier time than the one before; all were sent in file order, without waiting for those`
      : "",
    source.untimedCount > 0 ? `${grouped(source.untimedCount)} frames have no time stamp and were sent with the one before` : "",
    source.fcsCount > 0 ? `the capture includes the FCS: it was checked and taken off, and ${source.badFcsCount === 0 ? "every one was right" : `${grouped(source.badFcsCount)} were wrong`}` : "",
    oversize > 0 ? `${grouped(oversize)} frames are longer than an 82599 takes without jumbo frames; --jumbo lets it take up to 15,868 bytes` : "",
  ];
  return warnings.filter((text) => text !== "").map((text) => `  ${paint("dim", "note".padEnd(9))} ${text}`);
}

function violationLines(report: ReplayReport, paint: Paint): string[] {
  const lines = report.violations.slice(0, FINDING_LIMIT).map(({ message, count }) => {
    return `  ${paint("red", "violation")} ${message}${count > 1 ? ` (${grouped(count)} times)` : ""}`;
  });
  const hidden = report.violations.length - FINDING_LIMIT;
  return hidden > 0 ? [...lines, `  and ${grouped(hidden)} more`] : lines;
}
