/**
 * The holes in a sequence that are still open: what a receiver would have to ask for again. A table of fixed size, so
 * that a torn line costs no memory; sequences travel through {@link range}, because as arguments they would be boxed.
 */
export class SequenceGaps {
  /** Argument of `open` and `fill`: first sequence [0] and the one behind the last [1]. */
  readonly range: Float64Array = new Float64Array(2);
  /** Open holes. */
  count = 0;
  /** Holes that were dropped, the oldest first, because the table was full; filling them counts as duplicates. */
  forgottenCount = 0;
  // Hole i is [#holes[2i], #holes[2i + 1]); in no order.
  readonly #holes: Float64Array;
  readonly #capacity: number;

  constructor(capacity = 64) {
    this.#capacity = capacity;
    this.#holes = new Float64Array(2 * capacity);
  }

  /** Adds the hole in {@link range}. */
  open(): void {
    let slotIndex = this.count;
    if (slotIndex === this.#capacity) {
      slotIndex = this.#oldest();
      this.forgottenCount++;
    } else {
      this.count++;
    }
    this.#set(slotIndex, this.range[0] as number, this.range[1] as number);
  }

  /** Closes what of the open holes lies in {@link range}; returns how many sequences that were. */
  fill(): number {
    const holes = this.#holes;
    const first = this.range[0] as number;
    const end = this.range[1] as number;
    let filledCount = 0;
    for (let slotIndex = this.count - 1; slotIndex >= 0; slotIndex--) {
      const holeFirst = holes[2 * slotIndex] as number;
      const holeEnd = holes[2 * slotIndex + 1] as number;
      const filledFirst = Math.max(first, holeFirst);
      const filledEnd = Math.min(end, holeEnd);
      if (filledFirst >= filledEnd) continue;
      filledCount += filledEnd - filledFirst;
      this.#shrink(slotIndex, filledFirst, filledEnd);
    }
    return filledCount;
  }

  /** Forgets all holes: the sender has begun anew, and nobody will fill them. */
  clear(): void {
    this.count = 0;
  }

  /** The open holes as [first, behind the last), in order: for reports (allocates). */
  list(): [number, number][] {
    const holes = Array.from({ length: this.count }, (_, slotIndex): [number, number] => [
      this.#holes[2 * slotIndex] as number,
      this.#holes[2 * slotIndex + 1] as number,
    ]);
    return holes.sort((left, right) => left[0] - right[0]);
  }

  /** Takes [filledFirst, filledEnd) out of a hole that contains it: nothing, one rest or two remain. */
  #shrink(slotIndex: number, filledFirst: number, filledEnd: number): void {
    const holes = this.#holes;
    const holeFirst = holes[2 * slotIndex] as number;
    const holeEnd = holes[2 * slotIndex + 1] as number;
    if (holeFirst < filledFirst) {
      holes[2 * slotIndex + 1] = filledFirst;
      if (filledEnd === holeEnd) return;
      if (this.count === this.#capacity) this.forgottenCount++;
      else this.#set(this.count++, filledEnd, holeEnd);
    } else if (filledEnd < holeEnd) {
      holes[2 * slotIndex] = filledEnd;
    } else {
      this.count--;
      this.#set(slotIndex, holes[2 * this.count] as number, holes[2 * this.count + 1] as number);
    }
  }

  #oldest(): number {
    let oldestIndex = 0;
    for (let slotIndex = 1; slotIndex < this.count; slotIndex++) {
      if ((this.#holes[2 * slotIndex] as number) < (this.#holes[2 * oldestIndex] as number)) oldestIndex = slotIndex;
    }
    return oldestIndex;
  }

  #set(slotIndex: number, first: number, end: number): void {
    this.#holes[2 * slotIndex] = first;
    this.#holes[2 * slotIndex + 1] = end;
  }
}
