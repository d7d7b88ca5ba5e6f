import type { Machine } from "../../emulator/explore/machine.ts";
import { HOLD, PREEMPT, type Schedule } from "../../emulator/explore/schedule.ts";
import { isFailure, PASSED } from "../../emulator/explore/verdict.ts";
import { actorName, stepText } from "./picture.ts";
import { hangReport, type RaceReport, reportOf } from "./report.ts";
import type { AnySession } from "./search-session.ts";
import type { RaceToken } from "./token.ts";
import type { Work } from "./work.ts";

/** What became of the run that a token describes. */
export interface RerunReport {
  /** `diverged`: it does not fail, but could not be followed to its end either. `unknown`: it took too many steps. */
  readonly outcome: "failed" | "passed" | "diverged" | "unknown";
  readonly isSourceChanged: boolean;
  /** Where the run left the token's schedule; undefined when it did not. */
  readonly divergence: string | undefined;
  /** The run itself, failing or not. */
  readonly run: RaceReport;
  /** Every step. */
  readonly steps: readonly string[];
}

/** Replays a token: to the step while the source is as it was, as well as it can be after a change. */
export function* rerunToken(session: AnySession, token: RaceToken, sourceHash: string): Work<RerunReport> {
  const { model, schedule } = token;
  const run = yield* reportOf(session, model, schedule, originOf(token, sourceHash));
  const { execution } = session;
  const { verdict } = execution;
  const isSourceChanged = sourceHash !== token.sourceHash;
  const divergence = isFailure(verdict) && !isSourceChanged ? undefined : divergenceOf(session, schedule);
  const steps = stepsOf(session);
  const passed = divergence === undefined ? "passed" : "diverged";
  const outcome = isFailure(verdict) ? "failed" : verdict === PASSED ? passed : "unknown";
  return { outcome, isSourceChanged, divergence, run, steps };
}

/** The run of a token that was stopped because it had taken too long, as far as it came. */
export function hungToken(session: AnySession, token: RaceToken, sourceHash: string): RerunReport {
  const run = hangReport(session, token.model, token.schedule, originOf(token, sourceHash));
  const isSourceChanged = sourceHash !== token.sourceHash;
  return { outcome: "failed", isSourceChanged, divergence: undefined, run, steps: stepsOf(session) };
}

function originOf({ program, strategy, seed, schedule }: RaceToken, sourceHash: string) {
  const unsought = { cure: undefined, isCureKnown: false, whyCureUnknown: "" };
  return { program, sourceHash, strategy, seed, foundAtRun: 0, foundWith: schedule.count, ...unsought };
}

function stepsOf({ machine, execution: { trace } }: AnySession): string[] {
  return Array.from({ length: trace.count }, (_, at) => stepText(machine, trace, at));
}

/** The first deviation of a schedule that the run did not make. */
export function divergenceOf({ execution, machine }: AnySession, schedule: Schedule): string | undefined {
  const made = execution.recorder.schedule;
  for (let at = 0; at < schedule.count; at++) {
    let isMade = false;
    for (let other = 0; other < made.count && !isMade; other++)
      isMade =
        made.kind[other] === schedule.kind[at] &&
        made.actor[other] === schedule.actor[at] &&
        made.ordinal[other] === schedule.ordinal[at];
    if (!isMade) return deviationText(machine, schedule, at);
  }
  return undefined;
}

function deviationText(machine: Machine, schedule: Schedule, at: number): string {
  const who = actorName(machine, schedule.actor[at] as number);
  const which = (schedule.ordinal[at] as number) + 1;
  if (schedule.kind[at] === HOLD) return `step ${which} of what ${who} sends, which was to be kept back`;
  if (schedule.kind[at] === PREEMPT)
    return `step ${which} of ${who}, before which ${actorName(machine, schedule.other[at] as number)} was to go`;
  return `step ${which} of ${who}, which was to read an older value`;
}
