import type { Await } from "../../emulator/explore/plugged/awaits.ts";

/** Promises of the testbed and timers that a driver waits for in a run with faults, in virtual time. */
export class VirtualWaits {
  readonly #pending: Await[] = [];

  add(pending: Await): void {
    this.#pending.push(pending);
  }

  remove(pending: Await): void {
    const at = this.#pending.indexOf(pending);
    if (at >= 0) this.#pending.splice(at, 1);
  }

  /** Resolves with true when `isOver` holds where all of the driver's code waits, with false at `limitNs`. */
  wait(name: string, limitNs: number, isOver: () => boolean): Promise<boolean> {
    return new Promise((settle) => this.add({ name, limitNs, isOver, settle }));
  }

  /** When the first of them is over by its limit; Infinity when none is pending. */
  get earliestNs(): number {
    return this.#pending.reduce((earliest, { limitNs }) => Math.min(earliest, limitNs), Number.POSITIVE_INFINITY);
  }

  /** Settles the first that has come true or, when there is none, whose limit is over. False when nothing was settled. */
  settleNext(nowNs: number): boolean {
    const { earliestNs } = this;
    const next =
      this.#pending.find(({ isOver }) => isOver()) ??
      (earliestNs <= nowNs ? this.#pending.find(({ limitNs }) => limitNs === earliestNs) : undefined);
    if (next === undefined) return false;
    this.remove(next);
    next.settle(next.isOver());
    return true;
  }
}
