import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";

/**
 * CLOCK_MONOTONIC in nanoseconds, the same in every thread: each worker's `performance.now()` counts from an origin of
 * its own, so the distance to the monotonic clock is measured once. `performance.now()` is used afterwards because the
 * engine calls it without allocating; `process.hrtime` makes an array each time.
 */
export class WallClock implements Clock {
  readonly now: Float64Array = new Float64Array(1);
  readonly kind = "wall";
  readonly #originNs: number;

  constructor() {
    this.#originNs = Number(process.hrtime.bigint()) - performance.now() * 1e6;
    this.refresh();
  }

  refresh(): void {
    this.now[0] = this.#originNs + performance.now() * 1e6;
  }
}
