import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import { PREEMPT, Schedule } from "../../emulator/explore/schedule.ts";
import { VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { findCure } from "./cure.ts";
import { picture } from "./picture.ts";
import type { Session } from "./session.ts";
import { shrink } from "./shrink.ts";
import { sourceHashOf, writeToken } from "./token.ts";

/** A failure, made small and explained. */
export interface RaceReport {
  readonly program: string;
  /** The strongest memory model that still fails. */
  readonly model: MemoryModel;
  readonly verdict: string;
  /** The assertion that did not hold; empty for the other verdicts. */
  readonly violation: string;
  /** Run of the search in which it was found, counted from 1. */
  readonly foundAtRun: number;
  readonly deviationCount: number;
  /** Steps that preempt an actor, are kept back, or read an older version. */
  readonly preemptions: number;
  readonly reorderings: number;
  /** Barriers that cure it, in words; undefined when none does. */
  readonly cure: string | undefined;
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
  const { execution, machine, program } = session;
  const failing = new Schedule();
  failing.copyFrom(execution.recorder.schedule);
  const shrunk = shrink(session, model, failing, execution.verdict);
  const { schedule } = shrunk;
  const cure = options.cure === false ? undefined : findCure(session, shrunk.model, schedule);
  execution.trace.isOn = true;
  const verdict = session.replay(shrunk.model, schedule);
  execution.trace.isOn = false;
  return {
    program: program.name,
    model: shrunk.model,
    verdict: VERDICT_NAMES[verdict] ?? "",
    violation: verdict === VIOLATION ? machine.violation : "",
    foundAtRun: found.runs,
    deviationCount: schedule.count,
    preemptions: countOf(schedule, true),
    reorderings: countOf(schedule, false),
    cure,
    picture: picture(machine, execution.trace),
    token: writeToken({
      program: program.name,
      sourceHash: sourceHashOf(program),
      model: shrunk.model,
      strategy: "portfolio",
      seed: options.seed,
      schedule,
    }),
  };
}

function countOf(schedule: Schedule, ofPreemptions: boolean): number {
  let count = 0;
  for (let at = 0; at < schedule.count; at++) if ((schedule.kind[at] === PREEMPT) === ofPreemptions) count++;
  return count;
}
