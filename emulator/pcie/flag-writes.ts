/** Flags that wait for one barrier. A burst of descriptors fits; more would keep the driver waiting. */
const FLAG_LIMIT = 32;

/**
 * The flag words of DMA writes, which the driver polls and must see last. One barrier stands before a whole burst of them
 * instead of one before each: a barrier waits until every earlier store has reached the other core.
 */
export class FlagWrites {
  count = 0;
  readonly #words: (Int32Array | undefined)[] = new Array(FLAG_LIMIT).fill(undefined);
  readonly #indices = new Int32Array(FLAG_LIMIT);
  readonly #values = new Int32Array(FLAG_LIMIT);
  /** A word of its own: a sequentially consistent store to it is the barrier. */
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));

  /** Keeps a flag back until {@link land}; lands the others first when there is no room. */
  put(words: Int32Array, index: number, value: number): void {
    if (this.count === FLAG_LIMIT) this.land();
    this.#words[this.count] = words;
    this.#indices[this.count] = index;
    this.#values[this.count] = value;
    this.count++;
  }

  /** Stores all flags in their order, behind everything that was written before. */
  land(): void {
    if (this.count === 0) return;
    // A full barrier in both halves: on Arm a release store alone lets later stores pass it.
    Atomics.store(this.#fence, 0, 0);
    Atomics.load(this.#fence, 0);
    for (let at = 0; at < this.count; at++) {
      (this.#words[at] as Int32Array)[this.#indices[at] as number] = this.#values[at] as number;
    }
    this.count = 0;
  }

  /** True when one of the flags lies in a range of words: whoever is about to read that lands them first. */
  touches(words: Int32Array, first: number, count: number): boolean {
    for (let at = 0; at < this.count; at++) {
      const index = this.#indices[at] as number;
      if (this.#words[at] === words && index >= first && index < first + count) return true;
    }
    return false;
  }
}
