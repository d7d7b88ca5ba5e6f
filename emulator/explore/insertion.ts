import { THREAD_LIMIT } from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** Places that are tried together: a missing mb is usually missing on both sides. */
const SITE_LIMIT = 2;

/**
 * Barriers put, for a trial, in front of operations: every time a thread is about to do this kind of operation at this
 * address. How the missing barrier of a failure is found and named.
 */
export class Insertion {
  #count = 0;
  readonly #threads = new Uint8Array(SITE_LIMIT);
  readonly #kinds = new Uint8Array(SITE_LIMIT);
  readonly #addresses = new Int32Array(SITE_LIMIT);
  readonly #barriers = new Uint8Array(SITE_LIMIT);
  /** By thread: the operation that waits behind its barrier; 0 when none does. */
  readonly #waiting = new Uint8Array(THREAD_LIMIT);
  readonly #byteLengths = new Uint8Array(THREAD_LIMIT);
  readonly #low = new Int32Array(THREAD_LIMIT);
  readonly #high = new Int32Array(THREAD_LIMIT);

  clear(): void {
    this.#count = 0;
  }

  add(thread: number, kind: number, address: number, barrier: number): void {
    if (this.#count === SITE_LIMIT) throw new RangeError(`at most ${SITE_LIMIT} barriers are tried together`);
    const at = this.#count++;
    this.#threads[at] = thread;
    this.#kinds[at] = kind;
    this.#addresses[at] = address;
    this.#barriers[at] = barrier;
  }

  /** A run begins. */
  reset(): void {
    if (this.#count > 0) this.#waiting.fill(0);
  }

  /** A thread has published an operation: a barrier takes its place, if one belongs there. */
  apply(state: ExplorerState, thread: number): void {
    for (let at = 0; at < this.#count; at++) {
      const kind = state.kind[thread] as number;
      if (this.#threads[at] !== thread || this.#kinds[at] !== kind) continue;
      if (this.#addresses[at] !== state.address[thread]) continue;
      this.#waiting[thread] = kind;
      this.#byteLengths[thread] = state.byteLength[thread] as number;
      this.#low[thread] = state.low[thread] as number;
      this.#high[thread] = state.high[thread] as number;
      state.kind[thread] = this.#barriers[at] as number;
      return;
    }
  }

  /** The barrier has been carried out: the operation it stands before is published again. */
  restore(state: ExplorerState, thread: number): boolean {
    const kind = this.#waiting[thread] as number;
    if (this.#count === 0 || kind === 0) return false;
    this.#waiting[thread] = 0;
    const byteLength = this.#byteLengths[thread] as number;
    state.publish(
      thread,
      kind,
      state.address[thread] as number,
      byteLength,
      this.#low[thread] as number,
      this.#high[thread] as number,
    );
    return true;
  }
}
