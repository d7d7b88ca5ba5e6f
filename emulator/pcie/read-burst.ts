import type { MemoryView } from "../memory/memory-view.ts";
import type { Iotlb } from "./iotlb.ts";
import type { ReadQueue } from "./read-queue.ts";

/** Reads that are answered together, at most: a card whose tags have 5 bits has no more under way. */
const READS_MAX = 32;

/**
 * DMA reads that completed together, oldest first, all in one memory: for `nth` below `count`, `byteLengths[nth]` bytes at
 * `offsets[nth]` of `memory` are what was asked for with `contexts[nth]`. The arrays are the machine's and longer than that.
 */
export interface CompletedReads {
  readonly count: number;
  readonly memory: MemoryView;
  readonly contexts: Int32Array;
  readonly offsets: Int32Array;
  readonly byteLengths: Int32Array;
}

/** Takes reads off the queue that can be answered together. */
export class ReadBurst implements CompletedReads {
  count = 0;
  declare memory: MemoryView;
  readonly contexts: Int32Array = new Int32Array(READS_MAX);
  readonly offsets: Int32Array = new Int32Array(READS_MAX);
  readonly byteLengths: Int32Array = new Int32Array(READS_MAX);
  readonly #reads: ReadQueue;
  readonly #ahead: Iotlb;
  readonly #mappings: Iotlb;
  /** Sum of words that were only looked at, so that the looking is not optimised away. */
  #seen = 0;

  /** `mappings` is asked once for each read that is taken, and `ahead` whether it can be. The two may be one. */
  constructor(reads: ReadQueue, ahead: Iotlb, mappings: Iotlb) {
    this.#reads = reads;
    this.#ahead = ahead;
    this.#mappings = mappings;
    this.memory = mappings.memory;
  }

  /**
   * Takes the oldest reads off the queue as far as they have `tag`, may be issued and are mapped in one memory.
   * Returns how many. Leaves the fields of queue and mappings changed.
   */
  take(tag: number): number {
    const reads = this.#reads;
    const ahead = this.#ahead;
    const mappings = this.#mappings;
    const isAskedTwice = ahead !== mappings;
    const { contexts, offsets, byteLengths } = this;
    const waiting = Math.min(reads.count, READS_MAX);
    let count = 0;
    while (count < waiting) {
      reads.peek(count);
      const { high, low, byteLength } = reads;
      if (reads.tag !== tag || byteLength < 0 || !ahead.translate(high, low, byteLength)) break;
      if (count === 0) {
        // Compared first: storing an object into a field costs the collector's barrier.
        if (this.memory !== ahead.memory) this.memory = ahead.memory;
      } else if (ahead.memory !== this.memory) break;
      offsets[count] = ahead.offset;
      contexts[count] = reads.context;
      byteLengths[count] = byteLength;
      if (isAskedTwice) mappings.translate(high, low, byteLength);
      count = (count + 1) | 0;
    }
    reads.drop(count);
    this.count = count;
    if (count > 1) this.#look();
    return count;
  }

  /**
   * Looks at the first word of each. The lines come from the other core all at once then, and not one after the other when
   * the reads are answered: a card has its reads under way together too. A loop of nothing but loads: a processor has some
   * ten misses under way in it, and with the translation between them three.
   */
  #look(): void {
    const { count, offsets } = this;
    const { words } = this.memory;
    let seen = 0;
    for (let nth = 0; nth < count; nth++) seen ^= words[(offsets[nth] as number) >> 2] as number;
    this.#seen ^= seen;
  }
}
