import type { Execution } from "../execution.ts";
import { isFailure } from "../verdict.ts";
import { Exhaustive, type Reduction } from "./exhaustive.ts";

export interface ExhaustOptions {
  readonly runsMax: number;
  readonly reduction?: Reduction;
  /** Schedules with more preemptions than this are left out. Delays of what is on its way do not count. */
  readonly preemptionsMax?: number;
  /**
   * Schedules that depart from the ordinary run in more steps than this are left out: steps in which somebody else goes
   * on, something on its way is passed over, or an older value is read. For programs that are too long for all of them.
   */
  readonly delaysMax?: number;
  /** Called after each run that was seen to its end. Return false to stop. Default: stop at the first failure. */
  readonly onRun?: (execution: Execution) => boolean;
}

export interface ExhaustResult {
  readonly runs: number;
  /** Runs that turned out to repeat others. */
  readonly redundant: number;
  /** True when every schedule (within the bound) has been covered: then no failure means that there is none. */
  readonly isComplete: boolean;
  readonly hasFailed: boolean;
}

/** Tries every schedule of a program, up to `runsMax` runs. */
export function exhaust(execution: Execution, model: number, options: ExhaustOptions): ExhaustResult {
  // What happens early is possible because others are: such steps commute with nothing.
  const reduction = execution.state.latitude.allowsEarly ? "full" : options.reduction;
  const search = new Exhaustive(reduction, options.preemptionsMax, options.delaysMax);
  let hasFailed = false;
  let hasUnknown = false;
  for (let runs = 0; runs < options.runsMax; runs++) {
    if (!search.hasNext()) {
      const isComplete = !search.isTruncated && !hasUnknown;
      return { runs, redundant: search.redundantCount, isComplete, hasFailed };
    }
    const verdict = execution.run(search, model, 0);
    search.finish(execution);
    if (execution.isRedundant) continue;
    if (isFailure(verdict)) hasFailed = true;
    else if (verdict !== 0) hasUnknown = true;
    const goesOn = options.onRun?.(execution) ?? !hasFailed;
    if (!goesOn) return { runs: runs + 1, redundant: search.redundantCount, isComplete: false, hasFailed };
  }
  return { runs: options.runsMax, redundant: search.redundantCount, isComplete: false, hasFailed };
}
