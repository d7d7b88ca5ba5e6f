import { createHistogram } from "node:perf_hooks";

/** A distribution in nanoseconds. Plain data. */
export interface LatencyReport {
  readonly sampleCount: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Collects durations; three significant digits are kept. */
export class LatencyMeter {
  readonly #histogram = createHistogram();
  #count = 0;

  /** Adds `until[0]` - `since[0]`. Clocks of two threads agree to some ten nanoseconds; what would be negative is 1. */
  record(since: Float64Array, until: Float64Array): void {
    const durationNs = Math.round((until[0] as number) - (since[0] as number));
    this.#histogram.record(Math.max(durationNs, 1));
    this.#count++;
  }

  /** Undefined when nothing was recorded. */
  report(): LatencyReport | undefined {
    if (this.#count === 0) return undefined;
    const histogram = this.#histogram;
    return {
      sampleCount: this.#count,
      minNs: histogram.min,
      meanNs: Math.round(histogram.mean),
      p50Ns: histogram.percentile(50),
      p90Ns: histogram.percentile(90),
      p99Ns: histogram.percentile(99),
      p999Ns: histogram.percentile(99.9),
      maxNs: histogram.max,
    };
  }
}
