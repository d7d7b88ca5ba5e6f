import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";

/** What a driver waits for that is no promise of the testbed. */
const OTHER = "something that is none of the testbed's";

/** One promise that an async driver waits for. */
export interface Await {
  readonly name: string;
  /** Whether it may be settled now. */
  readonly isOver: () => boolean;
  /** When it is settled anyhow. */
  readonly limitNs: number;
  /** `isOver` as it was when its turn came. */
  readonly settle: (isOver: boolean) => void;
  /** True for what does not keep a run from its end when the body has returned: an interval, say. */
  isDaemon?: boolean;
}

/**
 * The promises that an async driver waits for. While its code runs none of them is settled: JavaScript would not go on
 * with another task before this one waits. When all of it waits, each is an actor, and the explorer chooses who is next.
 */
export class Awaits {
  /** Called with the actor of each, when it is made: by whoever wants to know from which line of the driver it comes. */
  onAdd: ((thread: number) => void) | undefined;
  readonly #state: ExplorerState;
  readonly #threads: readonly number[];
  readonly #pending: (Await | undefined)[];
  /** All that anything was ever waited for: the operand of an AWAIT is an index of it. */
  readonly #known: string[] = [OTHER];

  constructor(state: ExplorerState, threads: readonly number[]) {
    this.#state = state;
    this.#threads = threads;
    this.#pending = threads.map(() => undefined);
  }

  /** What is waited for, by the operand of an AWAIT. */
  nameOf(operand: number): string {
    return this.#known[operand] ?? OTHER;
  }

  /** What is waited for now, in the order of the actors. */
  get names(): string[] {
    return this.#pending.flatMap((pending) => (pending === undefined ? [] : [pending.name]));
  }

  get count(): number {
    return this.#pending.reduce((count, pending) => (pending === undefined ? count : count + 1), 0);
  }

  /** True when nothing is pending that keeps a run from its end. */
  get hasOnlyDaemons(): boolean {
    return this.#pending.every((pending) => pending === undefined || pending.isDaemon === true);
  }

  /** When the first of them is over by its limit. */
  get earliestNs(): number {
    return Math.min(...this.#pending.map((pending) => pending?.limitNs ?? Number.POSITIVE_INFINITY));
  }

  reset(): void {
    this.#pending.fill(undefined);
    for (const thread of this.#threads) this.#state.status[thread] = k.DORMANT;
  }

  /** Throws RangeError when it would be one too many. */
  add(pending: Await): void {
    const at = this.#pending.indexOf(undefined);
    if (at < 0)
      throw new RangeError(
        `an explored run waits for at most ${this.#threads.length} promises and timers at a time: let fewer tasks run`,
      );
    this.#pending[at] = pending;
    this.onAdd?.(this.#threads[at] as number);
  }

  remove(pending: Await): void {
    const at = this.#pending.indexOf(pending);
    if (at >= 0) this.#pending[at] = undefined;
  }

  /** Takes out the first that is over by its limit at `nowNs`. */
  takeDue(nowNs: number): Await | undefined {
    const { earliestNs } = this;
    const due = this.#pending.find((pending) => pending !== undefined && pending.limitNs === earliestNs);
    if (due === undefined || earliestNs > nowNs) return undefined;
    this.remove(due);
    return due;
  }

  /** All of the driver's code waits: from here on one of them may be chosen. */
  open(): void {
    for (const [at, pending] of this.#pending.entries()) {
      if (pending !== undefined) this.#publish(this.#threads[at] as number, pending);
    }
  }

  /** All that is left of the driver's code waits for what is no promise of the testbed: `thread` stands for it. */
  openOther(thread: number): void {
    this.#publish(thread, undefined);
  }

  /**
   * The one that was chosen, or undefined. The others are out of reach again, unless the run is over: then one sees what
   * everybody was waiting for.
   */
  close(isRunOver: boolean): Await | undefined {
    const { status } = this.#state;
    let chosen: Await | undefined;
    for (const [at, thread] of this.#threads.entries()) {
      if (status[thread] === k.RETURNING) {
        chosen = this.#pending[at];
        this.#pending[at] = undefined;
      } else if (isRunOver) continue;
      status[thread] = k.DORMANT;
    }
    return chosen;
  }

  get hasChosen(): boolean {
    return this.#threads.some((thread) => this.#state.status[thread] === k.RETURNING);
  }

  #publish(thread: number, pending: Await | undefined): void {
    const { status, limitNs, predicates, operand } = this.#state;
    this.#state.publish(thread, k.AWAIT, 0, 0, 0, 0);
    operand[thread] = this.#operandOf(pending?.name ?? OTHER);
    limitNs[thread] = pending?.limitNs ?? Number.POSITIVE_INFINITY;
    predicates[thread] = pending?.isOver;
    status[thread] = k.READY;
  }

  #operandOf(name: string): number {
    const known = this.#known.indexOf(name);
    return known >= 0 ? known : this.#known.push(name) - 1;
  }
}
