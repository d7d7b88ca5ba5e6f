/** Evidence that decides: what else could look so by chance does it once in 10^18 times. */
const DECISIVE_BITS = 60;
/** A second format may have at most half of the evidence of the first, or the line waits for more. */
const LEAD = 2;

/**
 * Evidence of what a line carries, in bits by format. That of packets which follow each other adds up; a packet that cannot
 * be of a format takes all of its evidence away.
 */
export class FeedEvidence {
  readonly #bits: Float64Array;

  constructor(formatCount: number) {
    this.#bits = new Float64Array(formatCount);
  }

  /** A packet speaks for format `index` with so many bits; with fewer than 0 it speaks against it. */
  add(index: number, bits: number): void {
    this.#bits[index] = bits < 0 ? 0 : (this.#bits[index] as number) + bits;
  }

  of(index: number): number {
    return this.#bits[index] as number;
  }

  /** The format for which clearly more speaks than for any other; −1 where there is none. */
  get leader(): number {
    const bits = this.#bits;
    let best = 0;
    let second = 0;
    let bestIndex = -1;
    for (let index = 0; index < bits.length; index++) {
      const own = bits[index] as number;
      if (own > best) {
        second = best;
        best = own;
        bestIndex = index;
      } else if (own > second) {
        second = own;
      }
    }
    return best >= LEAD * second ? bestIndex : -1;
  }

  /** Whether format `index`, which leads, can be taken for good. */
  isDecisive(index: number): boolean {
    return this.of(index) >= DECISIVE_BITS;
  }
}
