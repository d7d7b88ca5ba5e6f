import { Execution } from "../../emulator/explore/execution.ts";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { isFailure } from "../../emulator/explore/verdict.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import type { RaceProgram } from "./race-program.ts";

/** What a search has found, or that it has found nothing. */
export interface SearchResult {
  /** Runs made. */
  readonly runs: number;
  /** True when the last of them failed; its schedule is in the recorder of the execution. */
  readonly hasFailed: boolean;
  /** Runs of which nothing is known, because they were too long. */
  readonly unknown: number;
}

/** One program, laid out, with what is needed to search and to replay it. */
export class Session {
  readonly program: RaceProgram;
  readonly isFixed: boolean;
  readonly machine: Machine = new Machine();
  readonly execution: Execution;
  readonly #replay = new Replay();

  constructor(program: RaceProgram, isFixed: boolean = false) {
    this.program = program;
    this.isFixed = isFixed;
    program.build(this.machine, isFixed);
    this.execution = new Execution(this.machine);
  }

  /** Runs until one fails, `runs` times at most. */
  search(model: MemoryModel, runs: number, seed: number, strategy: Strategy = new Portfolio()): SearchResult {
    const modelIndex = MEMORY_MODELS.indexOf(model);
    let unknown = 0;
    for (let run = 0; run < runs; run++) {
      const verdict = this.execution.run(strategy, modelIndex, deriveSeed(seed, run));
      if (isFailure(verdict)) return { runs: run + 1, hasFailed: true, unknown };
      if (this.execution.verdict !== 0) unknown++;
    }
    return { runs, hasFailed: false, unknown };
  }

  /** Runs one schedule; returns the verdict. */
  replay(model: MemoryModel, schedule: Schedule): number {
    this.#replay.schedule.copyFrom(schedule);
    return this.execution.run(this.#replay, MEMORY_MODELS.indexOf(model), 0);
  }
}
