import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";

const ORIGIN_SAMPLE_COUNT = 5;

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
    // A thread that loses its processor between the two readings gets too early an origin: the latest of some is right.
    let originNs = Number.NEGATIVE_INFINITY;
    for (let sample = 0; sample < ORIGIN_SAMPLE_COUNT; sample++) {
      originNs = Math.max(originNs, Number(process.hrtime.bigint()) - performance.now() * 1e6);
    }
    this.#originNs = originNs;
    this.refresh();
  }

  refresh(): void {
    this.now[0] = this.#originNs + performance.now() * 1e6;
  }
}
