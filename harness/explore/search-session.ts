import type { Execution } from "../../emulator/explore/execution.ts";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { isFailure, PASSED } from "../../emulator/explore/verdict.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { type RunLimit, SLICE_MS } from "./run-limit.ts";

/** What a search has found, or that it has found nothing. */
export interface SearchResult {
  /** Runs made. */
  readonly runs: number;
  /** True when the last of them failed; its schedule is in the recorder of the execution. */
  readonly hasFailed: boolean;
  /** Runs of which nothing is known, because they were too long. */
  readonly unknown: number;
}

/** Something that can be run under one schedule after the other: a small program, or a driver with its devices. */
export interface AnySession {
  readonly machine: Machine;
  readonly execution: Execution;
  /** Called before each run, outside of it. What it throws ends the search. */
  onRun: (() => void) | undefined;
  /** Called at each access while the lines of a driver are noted. */
  onStep?: (() => void) | undefined;
  /** What the run that ended last was waiting for, where that is known; empty when it was for nothing. */
  readonly stuck: string;

  /** One run from the beginning to its verdict. `model` is an index of MEMORY_MODELS. */
  run(strategy: Strategy, model: number, seed: number): number | Promise<number>;

  /** Runs until one fails, `runs` times at most. */
  search(model: MemoryModel, runs: number, seed: number, strategy?: Strategy): SearchResult | Promise<SearchResult>;

  /** Runs one schedule; returns the verdict. */
  replay(model: MemoryModel, schedule: Schedule): number | Promise<number>;
}

/** A session whose runs come to their end at once, without a turn of the event loop. */
export abstract class SearchSession implements AnySession {
  abstract readonly machine: Machine;
  abstract readonly execution: Execution;
  onRun: (() => void) | undefined;
  onStep: (() => void) | undefined;
  stuck = "";
  /** Stops a run that takes too long; without one, whoever calls has to see to that. */
  limit: RunLimit | undefined;
  readonly #replay = new Replay();

  abstract run(strategy: Strategy, model: number, seed: number): number;

  search(model: MemoryModel, runs: number, seed: number, strategy: Strategy = new Portfolio()): SearchResult {
    const modelIndex = MEMORY_MODELS.indexOf(model);
    let unknown = 0;
    let run = 0;
    let hasFailed = false;
    this.#repeat(() => {
      if (run === runs) return false;
      const verdict = this.run(strategy, modelIndex, deriveSeed(seed, run++));
      hasFailed = isFailure(verdict);
      if (!hasFailed && verdict !== PASSED) unknown++;
      return !hasFailed;
    });
    return { runs: run, hasFailed, unknown };
  }

  /** Calls `step`, which makes one run at most, until it returns false. Throws {@link RunLimitError}. */
  #repeat(step: () => boolean): void {
    const { limit } = this;
    if (limit === undefined) {
      while (step()) {
        // One run at a time.
      }
      return;
    }
    let goesOn = true;
    while (goesOn)
      limit.guard(() => {
        const endMs = performance.now() + SLICE_MS;
        do goesOn = step();
        while (goesOn && performance.now() < endMs);
      });
  }

  replay(model: MemoryModel, schedule: Schedule): number {
    this.#replay.schedule.copyFrom(schedule);
    let verdict = PASSED;
    this.#repeat(() => {
      verdict = this.run(this.#replay, MEMORY_MODELS.indexOf(model), 0);
      return false;
    });
    return verdict;
  }
}
