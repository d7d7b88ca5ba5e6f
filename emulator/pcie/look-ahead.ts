import type { Iotlb } from "./iotlb.ts";
import { READ_LIMIT, type ReadQueue } from "./read-queue.ts";

/**
 * Looks at the first word of each read that waits. The lines come from the other core all at once then, and not one after
 * the other when the reads are answered: a card has its reads under way together too.
 */
export class LookAhead {
  readonly #reads: ReadQueue;
  readonly #mappings: Iotlb;
  readonly #places = new Int32Array(READ_LIMIT);
  /** Sum of words that were only looked at, so that the looking is not optimised away. */
  #seen = 0;

  constructor(reads: ReadQueue, mappings: Iotlb) {
    this.#reads = reads;
    this.#mappings = mappings;
  }

  /** Leaves the fields of reads and mappings changed. */
  look(): void {
    const reads = this.#reads;
    const mappings = this.#mappings;
    const places = this.#places;
    let words: Int32Array | undefined;
    let count = 0;
    while (reads.peekAhead()) {
      if (reads.byteLength < 0 || !mappings.translate(reads.high, reads.low, reads.byteLength)) continue;
      const { memory, offset } = mappings;
      if (memory.words !== words) {
        if (words !== undefined) this.#touch(words, count);
        words = memory.words;
        count = 0;
      }
      places[count++] = offset >> 2;
    }
    if (words !== undefined) this.#touch(words, count);
  }

  /** A loop of nothing but loads: a processor has some ten misses under way in it, and with the translation between them three. */
  #touch(words: Int32Array, count: number): void {
    const places = this.#places;
    let seen = 0;
    for (let nth = 0; nth < count; nth++) seen ^= words[places[nth] as number] as number;
    this.#seen ^= seen;
  }
}
