import { Execution } from "../../emulator/explore/execution.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import type { RaceProgram } from "./race-program.ts";
import { SearchSession } from "./search-session.ts";

/** One program, laid out, with what is needed to search and to replay it. */
export class Session extends SearchSession {
  readonly program: RaceProgram;
  readonly isFixed: boolean;
  readonly machine: Machine = new Machine();
  readonly execution: Execution;

  constructor(program: RaceProgram, isFixed: boolean = false) {
    super();
    this.program = program;
    this.isFixed = isFixed;
    program.build(this.machine, isFixed);
    this.execution = new Execution(this.machine);
  }

  run(strategy: Strategy, model: number, seed: number): number {
    this.onRun?.();
    return this.execution.run(strategy, model, seed);
  }
}
