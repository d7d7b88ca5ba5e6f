import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

/** Further searches by which is measured how rare the failure is. */
const MEASURING_SEEDS: readonly number[] = [101, 102, 103];
/** A cure has to hold in so many times the runs that the longest of the searches needed: one in 20,000 slips through. */
const RUNS_PER_FIND = 10;
const TRIAL_RUNS_MIN = 300;
const TRIAL_SEED = 104;
/** How long a missing barrier is looked for: with a long driver there are many places for it. */
const TIME_LIMIT_MS = 30_000;

/** No barrier was looked for, or not to the end. The message says why. */
export class CureNotSought extends Error {
  override readonly name = "CureNotSought";
}

/**
 * Tries cures out in searches like the one that has found the failure, each long enough that it would have found it
 * again: what only makes a failure rarer is no cure. Throws {@link CureNotSought} when that would take too long.
 */
export class CureTrials {
  /** Runs in which a cure has to hold. Known when they are measured. */
  runs: number = TRIAL_RUNS_MIN;
  readonly #session: AnySession;
  readonly #model: MemoryModel;
  readonly #endMs: number;

  private constructor(session: AnySession, model: MemoryModel, timeLimitMs: number) {
    this.#session = session;
    this.#model = model;
    this.#endMs = performance.now() + timeLimitMs;
  }

  /** Measures how many runs it takes to find the failure again. */
  static *measured(
    session: AnySession,
    model: MemoryModel,
    foundAtRun: number,
    timeLimitMs: number = TIME_LIMIT_MS,
  ): Work<CureTrials> {
    const trials = new CureTrials(session, model, timeLimitMs);
    let longest = foundAtRun;
    for (const seed of MEASURING_SEEDS)
      longest = Math.max(longest, yield* trials.#search(model, Number.POSITIVE_INFINITY, seed));
    trials.runs = Math.max(TRIAL_RUNS_MIN, RUNS_PER_FIND * longest);
    return trials;
  }

  /** True when nothing fails any more. */
  *holds(): Work<boolean> {
    return (yield* this.#search(this.#model, this.runs, TRIAL_SEED)) === -1;
  }

  /** True when it fails in sequential consistency too, where there is nothing that a barrier could put in order. */
  *failsInOrder(): Work<boolean> {
    return (yield* this.#search("sc", this.runs, TRIAL_SEED)) !== -1;
  }

  /** The run that failed, or -1. */
  *#search(model: MemoryModel, runs: number, seed: number): Work<number> {
    const session = this.#session;
    const { onRun } = session;
    session.onRun = () => {
      onRun?.();
      if (performance.now() > this.#endMs) throw new CureNotSought("the failure is too rare");
    };
    try {
      const result = yield* settled(session.search(model, runs, seed));
      return result.hasFailed ? result.runs : -1;
    } finally {
      session.onRun = onRun;
    }
  }
}
