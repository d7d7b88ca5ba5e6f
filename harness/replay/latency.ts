import { createHistogram } from "node:perf_hooks";
import { type DurationBucket, DurationHistogram } from "./duration-histogram.ts";

/** A distribution in nanoseconds. Plain data. */
export interface LatencyReport {
  readonly sampleCount: number;
  /** Samples from the beginning that are left out: {@link WARM_UP_SAMPLES}, or 0 where there were too few after them. */
  readonly skippedCount: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
  /** For pictures: eight buckets to a doubling, from the first that holds something to the last. */
  readonly buckets: readonly DurationBucket[];
}

/**
 * While the engine still compiles card and driver they are ten times slower, and the compiler takes their processors. That
 * is over after a tenth of a second, and says nothing about either of them.
 */
export const WARM_UP_SAMPLES = 100_000;

/** Collects durations; three significant digits are kept. Reports those after the warm-up, if they are as many as those in it. */
export class LatencyMeter {
  readonly #warmUp = createHistogram();
  readonly #histogram = createHistogram();
  readonly #warmUpBuckets = new DurationHistogram();
  readonly #buckets = new DurationHistogram();
  #warmUpCount = 0;
  #count = 0;

  /** Adds `until[0]` - `since[0]`. Clocks of two threads agree to some ten nanoseconds; what would be negative is 1. */
  record(since: Float64Array, until: Float64Array): void {
    const durationNs = Math.max(1, Math.round((until[0] as number) - (since[0] as number)));
    if (this.#warmUpCount < WARM_UP_SAMPLES) {
      this.#warmUp.record(durationNs);
      this.#warmUpBuckets.record(durationNs);
      this.#warmUpCount++;
      return;
    }
    this.#histogram.record(durationNs);
    this.#buckets.record(durationNs);
    this.#count++;
  }

  /** Undefined when nothing was recorded. */
  report(): LatencyReport | undefined {
    if (this.#warmUpCount === 0) return undefined;
    const isWarm = this.#count >= WARM_UP_SAMPLES;
    const histogram = isWarm ? this.#histogram : this.#warmUp;
    const buckets = isWarm ? this.#buckets : this.#warmUpBuckets;
    if (!isWarm && this.#count > 0) {
      histogram.add(this.#histogram);
      buckets.add(this.#buckets);
    }
    return {
      sampleCount: isWarm ? this.#count : this.#warmUpCount + this.#count,
      skippedCount: isWarm ? this.#warmUpCount : 0,
      minNs: histogram.min,
      meanNs: Math.round(histogram.mean),
      p50Ns: histogram.percentile(50),
      p90Ns: histogram.percentile(90),
      p99Ns: histogram.percentile(99),
      p999Ns: histogram.percentile(99.9),
      maxNs: histogram.max,
      buckets: buckets.buckets(),
    };
  }
}

/** How late frames arrived against absolute deadlines, in nanoseconds. Plain data. */
export interface LatenessReport {
  readonly sampleCount: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** Of the last frame: how much longer the whole took than it should. */
  readonly endNs: number;
}

/** Collects lateness; three significant digits are kept, but for the mean and the last, which are exact. */
export class LatenessMeter {
  readonly #histogram = createHistogram();
  /** Sum and last. */
  readonly #sums = new Float64Array(2);
  #count = 0;

  /** Adds `arrival[0]` - `deadline[0]`, which is not negative. */
  record(deadline: Float64Array, arrival: Float64Array): void {
    const lateNs = (arrival[0] as number) - (deadline[0] as number);
    this.#sums[0] = (this.#sums[0] as number) + lateNs;
    this.#sums[1] = lateNs;
    this.#count++;
    // A histogram has no 0: half a nanosecond and less is told apart below.
    this.#histogram.record(Math.max(1, Math.round(lateNs)));
  }

  report(): LatenessReport {
    const histogram = this.#histogram;
    const isExact = (this.#sums[0] as number) === 0;
    return {
      sampleCount: this.#count,
      meanNs: (this.#sums[0] as number) / Math.max(1, this.#count),
      p50Ns: isExact ? 0 : histogram.percentile(50),
      p99Ns: isExact ? 0 : histogram.percentile(99),
      maxNs: isExact ? 0 : histogram.max,
      endNs: this.#sums[1] as number,
    };
  }
}
