import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Times between one packet and the next. Plain data. */
export interface GapReport {
  readonly smallestNs: number;
  /** The upper one of the two in the middle; four significant digits. */
  readonly medianNs: number;
  readonly largestNs: number;
  /** Packets with the same time as the one before. */
  readonly zeroCount: number;
}

export class GapMeter {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 4 });
  #count = 0;
  #zeroCount = 0;
  #smallestNs = Number.POSITIVE_INFINITY;
  #largestNs = 0;
  #seconds = Number.NaN;
  #nanoseconds = 0;

  /** Adds a packet. Times never go back. */
  record(seconds: number, nanoseconds: number): void {
    const gapNs = (seconds - this.#seconds) * 1e9 + (nanoseconds - this.#nanoseconds);
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    // Before the first packet there is none.
    if (Number.isNaN(gapNs)) return;
    this.#count++;
    if (gapNs === 0) this.#zeroCount++;
    if (gapNs < this.#smallestNs) this.#smallestNs = gapNs;
    if (gapNs > this.#largestNs) this.#largestNs = gapNs;
    // The histogram begins at 1, and ends with the 104 days that a Number counts exactly.
    this.#histogram.record(Math.min(Math.max(gapNs, 1), Number.MAX_SAFE_INTEGER));
  }

  /** Undefined for fewer than two packets. */
  report(): GapReport | undefined {
    if (this.#count === 0) return undefined;
    return {
      smallestNs: this.#smallestNs,
      medianNs: this.#medianNs(),
      largestNs: this.#largestNs,
      zeroCount: this.#zeroCount,
    };
  }

  #medianNs(): number {
    if (this.#zeroCount > this.#count / 2) return 0;
    if (this.#count < 3) return this.#largestNs;
    // A little above a half, so that of two in the middle it is the upper one.
    const median = this.#histogram.percentile(50 * (1 + 1.25 / this.#count));
    return Math.min(Math.max(median, this.#smallestNs), this.#largestNs);
  }
}
