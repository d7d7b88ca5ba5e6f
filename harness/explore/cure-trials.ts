import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { isFailure } from "../../emulator/explore/verdict.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import type { SearchSession } from "./search-session.ts";

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
  /** Runs in which a cure has to hold. */
  readonly runs: number;
  readonly #session: SearchSession;
  readonly #model: MemoryModel;
  readonly #endMs: number;

  constructor(session: SearchSession, model: MemoryModel, foundAtRun: number, timeLimitMs: number = TIME_LIMIT_MS) {
    this.#session = session;
    this.#model = model;
    this.#endMs = performance.now() + timeLimitMs;
    const needed = MEASURING_SEEDS.map((seed) => this.#search(model, Number.POSITIVE_INFINITY, seed));
    this.runs = Math.max(TRIAL_RUNS_MIN, RUNS_PER_FIND * Math.max(foundAtRun, ...needed));
  }

  /** True when nothing fails any more. */
  holds(): boolean {
    return this.#search(this.#model, this.runs, TRIAL_SEED) === -1;
  }

  /** True when it fails in sequential consistency too, where there is nothing that a barrier could put in order. */
  failsInOrder(): boolean {
    return this.#search("sc", this.runs, TRIAL_SEED) !== -1;
  }

  /** The run that failed, or -1. */
  #search(model: MemoryModel, runs: number, seed: number): number {
    const strategy = new Portfolio();
    const modelIndex = MEMORY_MODELS.indexOf(model);
    let run = 0;
    let hasFailed = false;
    this.#session.repeat(() => {
      if (run >= runs) return false;
      if (performance.now() > this.#endMs) throw new CureNotSought("the failure is too rare");
      hasFailed = isFailure(this.#session.run(strategy, modelIndex, deriveSeed(seed, run++)));
      return !hasFailed;
    });
    return hasFailed ? run : -1;
  }
}
