import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";

/** One promise that an async driver waits for. */
export interface Await {
  readonly name: string;
  /** Whether it may be settled now. */
  readonly isOver: () => boolean;
  /** When it is settled anyhow. */
  readonly limitNs: number;
  /** `isOver` as it was when its turn came. */
  readonly settle: (isOver: boolean) => void;
}

/**
 * The promises that an async driver waits for. While its code runs none of them is settled: JavaScript would not go on
 * with another task before this one waits. When all of it waits, each is an actor, and the explorer chooses who is next.
 */
export class Awaits {
  readonly #state: ExplorerState;
  readonly #threads: readonly number[];
  readonly #pending: (Await | undefined)[];

  constructor(state: ExplorerState, threads: readonly number[]) {
    this.#state = state;
    this.#threads = threads;
    this.#pending = threads.map(() => undefined);
  }

  get names(): string[] {
    return this.#pending.flatMap((pending) => (pending === undefined ? [] : [pending.name]));
  }

  get count(): number {
    return this.names.length;
  }

  /** When the first of them is over by its limit. */
  get earliestNs(): number {
    return Math.min(...this.#pending.map((pending) => pending?.limitNs ?? Number.POSITIVE_INFINITY));
  }

  reset(): void {
    this.#pending.fill(undefined);
  }

  add(pending: Await): void {
    const at = this.#pending.indexOf(undefined);
    if (at < 0) throw new RangeError(`an explored run waits for at most ${this.#threads.length} promises at a time`);
    this.#pending[at] = pending;
  }

  remove(pending: Await): void {
    const at = this.#pending.indexOf(pending);
    if (at >= 0) this.#pending[at] = undefined;
  }

  /** Takes out the first that is over by its limit at `nowNs`. */
  takeDue(nowNs: number): Await | undefined {
    const due = this.#pending.find((pending) => pending !== undefined && pending.limitNs <= nowNs);
    if (due !== undefined) this.remove(due);
    return due;
  }

  /** All of the driver's code waits: from here on one of them may be chosen. */
  open(): void {
    const { status, limitNs, predicates } = this.#state;
    for (const [at, pending] of this.#pending.entries()) {
      if (pending === undefined) continue;
      const thread = this.#threads[at] as number;
      this.#state.publish(thread, k.AWAIT, 0, 0, 0, 0);
      limitNs[thread] = pending.limitNs;
      predicates[thread] = pending.isOver;
      status[thread] = k.READY;
    }
  }

  /** The one that was chosen, or undefined. The others are out of reach again. */
  close(): Await | undefined {
    const { status } = this.#state;
    let chosen: Await | undefined;
    for (const [at, thread] of this.#threads.entries()) {
      if (status[thread] === k.RETURNING) {
        chosen = this.#pending[at];
        this.#pending[at] = undefined;
      }
      status[thread] = k.DORMANT;
    }
    return chosen;
  }

  get hasChosen(): boolean {
    return this.#threads.some((thread) => this.#state.status[thread] === k.RETURNING);
  }
}
