import { Cpu } from "./cpu.ts";
import type { Execution } from "./execution.ts";
import type { CpuName } from "./machine.ts";
import type { Pending } from "./state.ts";
import type { Strategy } from "./strategy.ts";

/**
 * A CPU whose program is a plain synchronous function: each access publishes its operation and calls the explorer from
 * inside, which lets everybody else go on until this operation's turn has come. At most one per program, because a plain
 * function cannot be left half way.
 *
 * `await` runs any of {@link Cpu}'s operations: `plain.await(plain.cpu.read32(at))`.
 */
export class PlainCpu {
  /** Publishes operations of this CPU; each must be passed to {@link await} at once. */
  readonly access: Cpu;
  readonly name: CpuName;
  readonly #execution: Execution;
  readonly #thread: number;

  constructor(execution: Execution, seat: { readonly cpu: CpuName; readonly thread: number }) {
    this.#execution = execution;
    this.name = seat.cpu;
    this.#thread = seat.thread;
    this.access = new Cpu(execution.state, seat.thread);
  }

  /** Lets the published operation happen, and returns its answer. Throws when the run ends before. */
  await(_published: Pending): number {
    return this.#execution.schedulingPoint(this.#thread);
  }

  /** Part of a program that is run in the ordinary order, without a choice: bringing a card up. */
  setUp(part: () => void): void {
    this.#execution.isSettingUp = true;
    part();
    this.#execution.isSettingUp = false;
  }

  /** One run of `program` among the other actors; returns the verdict. */
  run(strategy: Strategy, model: number, seed: number, program: () => void): number {
    const execution = this.#execution;
    execution.begin(strategy, model, seed);
    try {
      program();
      execution.finishPlain(this.#thread);
    } catch (error) {
      execution.failPlain(error);
    }
    while (execution.turn()) {
      // The function has returned; the others go on to their end.
    }
    return execution.verdict;
  }
}
