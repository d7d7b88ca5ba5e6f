import { createHistogram } from "node:perf_hooks";

/** How far a line was ahead of the others, in nanoseconds; negative where it came later. Plain data. */
export interface LeadReport {
  readonly sampleCount: number;
  /** Exact, as is `maxNs`; the three between them keep three significant digits. */
  readonly minNs: number;
  readonly p1Ns: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}

/**
 * A distribution of signed times: the engine's histogram takes positive ones only, so those ahead and those behind have
 * one each, and a tie is none of them. Percentiles are nearest-rank: a value that was measured, up to the three digits.
 */
export class LeadTimes {
  /** Argument of {@link record}: the lead in nanoseconds. An array, because a double as argument would be boxed. */
  readonly leadNs: Float64Array = new Float64Array(1);
  aheadCount = 0;
  behindCount = 0;
  tieCount = 0;
  readonly #ahead = createHistogram();
  readonly #behind = createHistogram();
  // Least [0] and greatest [1].
  readonly #bounds = new Float64Array([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);

  /** Adds {@link leadNs}. */
  record(): void {
    const lead = Math.round(this.leadNs[0] as number) + 0; // no minus zero
    const bounds = this.#bounds;
    if (lead < (bounds[0] as number)) bounds[0] = lead;
    if (lead > (bounds[1] as number)) bounds[1] = lead;
    if (lead > 0) {
      this.aheadCount++;
      this.#ahead.record(lead);
    } else if (lead < 0) {
      this.behindCount++;
      this.#behind.record(-lead);
    } else {
      this.tieCount++;
    }
  }

  /** Undefined when nothing was recorded. */
  report(): LeadReport | undefined {
    const sampleCount = this.aheadCount + this.behindCount + this.tieCount;
    if (sampleCount === 0) return undefined;
    return {
      sampleCount,
      minNs: this.#bounds[0] as number,
      p1Ns: this.#ranked(Math.ceil(sampleCount * 0.01)),
      medianNs: this.#ranked(Math.ceil(sampleCount * 0.5)),
      p99Ns: this.#ranked(Math.ceil(sampleCount * 0.99)),
      maxNs: this.#bounds[1] as number,
    };
  }

  /** The value of `rank`, counted from 1 at the least. */
  #ranked(rank: number): number {
    const { behindCount, tieCount, aheadCount } = this;
    // The least of all is the farthest behind: the other end of that histogram.
    if (rank <= behindCount) return -this.#behind.percentile((100 * (behindCount - rank + 1)) / behindCount);
    if (rank <= behindCount + tieCount) return 0;
    return this.#ahead.percentile((100 * (rank - behindCount - tieCount)) / aheadCount);
  }
}
