import { type MemoryModel, THREAD_LIMIT } from "../../emulator/explore/kinds.ts";
import { PREEMPT, Schedule } from "../../emulator/explore/schedule.ts";
import { LIVELOCK, STARVATION, UNKNOWN, VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { findCure } from "./cure.ts";
import { CureNotSought } from "./cure-trials.ts";
import { isOfDriver } from "./driver-session.ts";
import { draw, lastOfThreads, stepText, waitersText } from "./picture.ts";
import { raceSites } from "./race-text.ts";
import { recordRun } from "./recorded-run.ts";
import type { AnySession } from "./search-session.ts";
import type { Session } from "./session.ts";
import { shrink } from "./shrink.ts";
import { sourceHashOf, writeToken } from "./token.ts";
import { atOnce, type Work } from "./work.ts";

/** A failure, made small and explained. */
export interface RaceReport {
  readonly program: string;
  /** The strongest memory model that still fails. */
  readonly model: MemoryModel;
  readonly verdict: string;
  /** The assertion that did not hold; empty for the other verdicts. */
  readonly violation: string;
  /** The rule that was broken, as `softbar rules` has it; empty where an assertion failed, or nothing more than the verdict is known. */
  readonly rule: string;
  /** Who waited for what when nothing could come any more, or at the end of the steps; empty where the picture's last lines say it all. */
  readonly stuck: string;
  /** Run of the search in which it was found, counted from 1. */
  readonly foundAtRun: number;
  /** Deviations from the ordinary order before and after shrinking. */
  readonly foundWith: number;
  readonly deviationCount: number;
  /** Steps that preempt an actor, are kept back, or read an older version. */
  readonly preemptions: number;
  readonly reorderings: number;
  /** Barriers that cure it, in words; undefined when none does. */
  readonly cure: string | undefined;
  /** False when nobody has looked for one, or not to the end. */
  readonly isCureKnown: boolean;
  /** Why it was not looked for to the end; empty when it was, or when nobody wanted it. */
  readonly whyCureUnknown: string;
  readonly picture: string;
  readonly token: string;
}

export interface InvestigateOptions {
  readonly runs: number;
  readonly seed: number;
  /** Whether to look for the missing barrier. Default true. */
  readonly cure?: boolean;
}

/** Searches one model; explains what it finds. Undefined when nothing failed. */
export function investigate(session: Session, model: MemoryModel, options: InvestigateOptions): RaceReport | undefined {
  const found = session.search(model, options.runs, options.seed);
  if (!found.hasFailed) return undefined;
  const { program } = session;
  const explained = explainFailure(session, model, {
    program: program.name,
    sourceHash: sourceHashOf(program),
    strategy: "portfolio",
    seed: options.seed,
    foundAtRun: found.runs,
    cure: options.cure === false ? undefined : (...failing) => findCure(...failing, found.runs),
  });
  return atOnce(explained);
}

/** What a report says besides what the run itself shows. */
export interface FailureOrigin {
  readonly program: string;
  readonly sourceHash: string;
  readonly strategy: string;
  readonly seed: number;
  readonly foundAtRun: number;
  /** Looks for the barrier that is missing. Undefined: nobody does. */
  readonly cure:
    | ((session: AnySession, model: MemoryModel, schedule: Schedule) => Work<string | undefined>)
    | undefined;
}

/** A failure, and what has been found out about it. */
interface Explained extends Omit<FailureOrigin, "cure"> {
  readonly cure: string | undefined;
  readonly isCureKnown: boolean;
  readonly whyCureUnknown: string;
  readonly foundWith: number;
}

/** Makes the failure of the last run small, and explains it. */
export function* explainFailure(session: AnySession, model: MemoryModel, origin: FailureOrigin): Work<RaceReport> {
  const { execution } = session;
  const failing = new Schedule();
  failing.copyFrom(execution.recorder.schedule);
  const shrunk = yield* shrink(session, model, failing);
  let cure: string | undefined;
  let whyCureUnknown = "";
  let isCureKnown = origin.cure !== undefined;
  try {
    if (origin.cure !== undefined) cure = yield* origin.cure(session, shrunk.model, shrunk.schedule);
  } catch (error) {
    if (!(error instanceof CureNotSought)) throw error;
    isCureKnown = false;
    whyCureUnknown = error.message;
  }
  const explained = { ...origin, cure, isCureKnown, whyCureUnknown, foundWith: failing.count };
  return yield* reportOf(session, shrunk.model, shrunk.schedule, explained);
}

/** Replays a schedule that fails, and reports what happens. */
export function* reportOf(
  session: AnySession,
  model: MemoryModel,
  schedule: Schedule,
  origin: Explained,
): Work<RaceReport> {
  const { verdict, noteOf } = yield* recordRun(session, model, schedule);
  const name = VERDICT_NAMES[verdict] ?? "";
  return toldRun(session, model, schedule, origin, { verdict: name, noteOf, stuck: stuckText(session, verdict) });
}

/** The run that was stopped by {@link RunLimitError}, up to its last access; it was recorded. */
export function hangReport(session: AnySession, model: MemoryModel, schedule: Schedule, origin: Explained): RaceReport {
  const { machine, execution } = session;
  const { trace } = execution;
  const last = lastOfThreads(trace);
  let asked = last;
  while (asked >= 0 && (trace.actor[asked] as number) >= THREAD_LIMIT) asked--;
  const line = asked < 0 ? "" : trace.lineOf(trace.actor[asked] as number, trace.ordinal[asked] as number);
  const where = line === "" ? "" : `  ${line}`;
  const stuck = last < 0 ? "it has made none at all" : `its last was ${stepText(machine, trace, last)}${where}`;
  // Nobody waits: what was asked for last has come.
  machine.violation = "hang";
  return toldRun(session, model, schedule, origin, { verdict: "hang", noteOf: trace.lineOf, stuck });
}

interface ToldRun {
  readonly verdict: string;
  readonly noteOf: (actor: number, ordinal: number) => string;
  readonly stuck: string;
}

/** Puts a run into words that was made with its trace. */
function toldRun(
  session: AnySession,
  model: MemoryModel,
  schedule: Schedule,
  origin: Explained,
  { verdict, noteOf, stuck }: ToldRun,
): RaceReport {
  const { execution, machine } = session;
  const drawn = draw(machine, execution.trace, { noteOf });
  const sites = isOfDriver(session) ? raceSites(session, noteOf, drawn.numbers) : "";
  const { program, sourceHash, strategy, seed, foundAtRun, foundWith, cure, isCureKnown, whyCureUnknown } = origin;
  return {
    program,
    model,
    verdict,
    violation: verdict === VERDICT_NAMES[VIOLATION] ? `${machine.violation}${sites}` : "",
    rule: isOfDriver(session) ? session.brokenRule : "",
    foundAtRun,
    foundWith,
    deviationCount: schedule.count,
    preemptions: countOf(schedule, true),
    reorderings: countOf(schedule, false),
    cure,
    isCureKnown,
    whyCureUnknown,
    stuck,
    picture: drawn.text,
    token: writeToken({ program, sourceHash, model, strategy, seed, schedule }),
  };
}

/** What is known of those who wait: of promises by their session, of polls by the steps, which name registers and memory. */
export function stuckText({ stuck, machine, execution }: AnySession, verdict: number): string {
  if (stuck !== "" || ![LIVELOCK, STARVATION, UNKNOWN].includes(verdict)) return stuck;
  return waitersText(machine, execution.trace);
}

function countOf(schedule: Schedule, ofPreemptions: boolean): number {
  let count = 0;
  for (let at = 0; at < schedule.count; at++) if ((schedule.kind[at] === PREEMPT) === ofPreemptions) count++;
  return count;
}
