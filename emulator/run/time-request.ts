import type { Clock } from "../clock/clock.ts";
import type { EventSource } from "./device-host.ts";

/** How far one `relax()` of a CPU moves virtual time when nothing is planned sooner. */
export const RELAX_NS = 10_000;

/**
 * A CPU in a thread of its own that waits for virtual time to pass: a delay, or a poll that relaxes. Virtual time moves
 * to planned events only, so what the CPU waits for has to be one. The wish is a double in shared memory, which the CPU
 * sets and nobody takes back: one that has been reached counts no more.
 */
export class TimeRequest implements EventSource {
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #clock: Clock;
  readonly #wantedNs: Float64Array;

  constructor(clock: Clock, wantedNs: SharedArrayBuffer) {
    this.#clock = clock;
    this.#wantedNs = new Float64Array(wantedNs);
  }

  poll(): boolean {
    const wanted = this.#wantedNs[0] as number;
    this.next[0] = wanted > (this.#clock.now[0] as number) ? wanted : Number.POSITIVE_INFINITY;
    return false;
  }

  isIdle(): boolean {
    return true;
  }
}
