import * as k from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import { FIRST_DEVICE_SITE, ordinalOfSite, whoseSite } from "../../emulator/explore/races/access-marks.ts";
import { HOLD, PREEMPT, type Schedule } from "../../emulator/explore/schedule.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import { actorName, type DrawnRow, lastOfThreads } from "../explore/picture.ts";
import type { ExploredEvents } from "./explored-events.ts";
import type { TracedRun } from "./explored-trace.ts";
import type { FindingEvent, TraceEvent } from "./trace-event.ts";
import type { TraceMark, TracePicture } from "./trace-header.ts";

const WAITS = ["interrupt", "relax", "delay", "lock"] as const;
/** What is at fault where somebody stands at the end, by verdict. */
const STANDS: Readonly<Record<string, string>> = {
  deadlock: "nothing comes any more",
  livelock: "nothing comes any more",
  starvation: "stands here, and has come to no end",
  "unknown (step limit)": "stands here, and has come to no end",
};

/** How a run ended, behind its last step, and what of it its picture shows and a reader must look at. */
export interface RunEnding {
  readonly events: readonly TraceEvent[];
  readonly picture: TracePicture;
}

/**
 * What the steps of a run do not tell: what had not arrived when it ended, who was still waiting, and which assertion did
 * not hold; and of the steps, which differ from the ordinary order and which are at fault. `all`: the events so far.
 */
export function endingOf(traced: TracedRun, told: ExploredEvents, all: readonly TraceEvent[]): RunEnding {
  const { machine, trace, run, rows, schedule } = traced;
  const timeNs = all.at(-1)?.timeNs ?? 0;
  const events: TraceEvent[] = [];
  const marks: TraceMark[] = [];
  const base = (actor: string): { seq: number; timeNs: number; actor: string } => ({
    seq: all.length + events.length,
    timeNs,
    actor,
  });
  const numbers = rows.map((row) => {
    if (row.at >= 0) return told.seqOfStep(row.at);
    if (row.rest === undefined) return -1;
    const event = restEvent(row, base(told.steps.actorId(row.actor)));
    const stands = STANDS[run.verdict];
    if (row.rest === "waits" && stands !== undefined) marks.push(fault(event.seq, stands));
    events.push(event);
    return event.seq;
  });
  if (run.verdict === "violation") {
    const racing = racingSteps(machine, trace).map((at) => fault(told.seqOfStep(at), "races"));
    const last = lastOfThreads(trace);
    marks.push(...racing);
    if (racing.length === 0 && last >= 0) marks.push(fault(told.seqOfStep(last), "the last step before it failed"));
    const isTold = all.some((event) => isViolation(event) && run.violation.includes(event.message));
    if (!isTold) events.push(assertion(base(last < 0 ? "cpu0" : told.steps.actorOf(last)), run.violation));
  }
  if (run.verdict === "hang") {
    const last = lastOfThreads(trace);
    if (last >= 0) marks.push(fault(told.seqOfStep(last), "the last step: behind it, no access and no wait"));
  }
  for (const { at, actor, text } of deviationsOf(machine, trace, schedule)) {
    // What is kept back to the end is no step, but has a line.
    const seq = at >= 0 ? told.seqOfStep(at) : numbers[rows.findIndex((row) => row.at < 0 && row.actor === actor)];
    if (seq !== undefined && seq >= 0) marks.push({ seq, kind: "deviation", text });
  }
  return { events, picture: { rows: numbers, marks } };
}

function fault(seq: number, text: string): TraceMark {
  return { seq, kind: "fault", text };
}

function isViolation(event: TraceEvent): event is FindingEvent {
  return event.kind === "finding" && event.severity === "violation";
}

function restEvent({ rest, text }: DrawnRow, base: { seq: number; timeNs: number; actor: string }): TraceEvent {
  if (rest === "late") return { kind: "step", ...base, text };
  const [, how = "", what = text] = /^waits( for|:) (.*)$/.exec(text) ?? [];
  const known = WAITS.find((each) => what.startsWith(each));
  return { kind: "wait", ...base, for: known ?? (how === ":" ? "poll" : "promise"), what };
}

/** The line that an assertion made of it: its first, as a stack or the sites of races may follow. */
function assertion(base: { seq: number; timeNs: number; actor: string }, violation: string): TraceEvent {
  return {
    kind: "finding",
    ...base,
    severity: "violation",
    rule: "assertion",
    message: violation.split("\n", 1)[0] ?? "",
  };
}

/** Both halves of each race, as far as they are steps. */
function racingSteps({ state }: Machine, trace: StepTrace): number[] {
  const races = state.races?.races;
  const found = new Set<number>();
  for (let race = 0; races !== undefined && race < races.count; race++) {
    const first = (races.address[race] as number) >>> 0;
    const end = first + (races.byteLength[race] as number);
    const sites = [races.firstSite[race] as number, races.secondSite[race] as number];
    const ofThreads = sites.map((site) =>
      whoseSite(site) < FIRST_DEVICE_SITE ? stepOf(trace, whoseSite(site), ordinalOfSite(site)) : -1,
    );
    const other = Math.max(...ofThreads);
    for (const [half, site] of sites.entries()) {
      const device = whoseSite(site) - FIRST_DEVICE_SITE;
      // The transfer of a device that touches the place, next to the other half in time.
      const at = device < 0 ? (ofThreads[half] as number) : transferNear(trace, device, first, end, other, half === 0);
      if (at >= 0) found.add(at);
    }
  }
  return [...found];
}

function transferNear(
  trace: StepTrace,
  device: number,
  first: number,
  end: number,
  other: number,
  isBefore: boolean,
): number {
  const step = isBefore ? -1 : 1;
  for (let at = other + step; at >= 0 && at < trace.count; at += step) {
    const actor = trace.actor[at] as number;
    const isOfDevice = actor === k.UP + device || actor === k.FETCHES + device;
    const address = (trace.address[at] as number) >>> 0;
    if (isOfDevice && address < end && address + (trace.byteLength[at] as number) > first) return at;
  }
  return -1;
}

function stepOf(trace: StepTrace, actor: number, ordinal: number): number {
  for (let at = 0; at < trace.count; at++) if (trace.actor[at] === actor && trace.ordinal[at] === ordinal) return at;
  return -1;
}

/** The steps at which a run differs from the ordinary order; -1 for one that it did not come to. */
function deviationsOf(
  machine: Machine,
  trace: StepTrace,
  schedule: Schedule,
): { readonly at: number; readonly actor: number; readonly text: string }[] {
  return Array.from({ length: schedule.count }, (_, index) => {
    const actor = schedule.actor[index] as number;
    const kind = schedule.kind[index];
    const other = actorName(machine, schedule.other[index] as number);
    const late = other === "" ? "later than usual" : `later than usual: ${other} goes first`;
    const text =
      kind === PREEMPT ? late : kind === HOLD ? "kept back: later than usual" : "not the newest, as is usual";
    return { at: stepOf(trace, actor, schedule.ordinal[index] as number), actor, text };
  });
}
