/**
 * A set of sequence numbers as disjoint ranges in order: what a line has sent, or what has arrived. A line in order is one
 * range however long it runs, so memory grows with the damage and not with the traffic. Sequences stay below 2^53.
 */
export class SequenceSet {
  /** Argument of {@link add}: first sequence [0] and the one behind the last [1]; as arguments they would be boxed. */
  readonly range: Float64Array = new Float64Array(2);
  /** Disjoint ranges, ascending: range i is [#bounds[2i], #bounds[2i + 1]). */
  #bounds = new Float64Array(16);
  #rangeCount = 0;

  /** Sequences in the set. */
  get size(): number {
    let size = 0;
    for (let at = 0; at < 2 * this.#rangeCount; at += 2) size += this.#bound(at + 1) - this.#bound(at);
    return size;
  }

  /** Adds {@link range}; returns how many of its sequences were not in the set before. */
  add(): number {
    const first = this.range[0] as number;
    const end = this.range[1] as number;
    if (end <= first) return 0;
    const bounds = this.#bounds;
    const count = 2 * this.#rangeCount;
    // The ordinary case: the range goes on where the last one ends.
    if (count > 0 && first === bounds[count - 1]) {
      bounds[count - 1] = end;
      return end - first;
    }
    return this.#merge(first, end);
  }

  /** The ranges as [first, behind the last), ascending. */
  ranges(): SequenceRange[] {
    return Array.from({ length: this.#rangeCount }, (_, index) => [this.#bound(2 * index), this.#bound(2 * index + 1)]);
  }

  /** What of [first, end) is in the set. Costs what it returns, however torn the rest is. */
  within(first: number, end: number): SequenceRange[] {
    const found: SequenceRange[] = [];
    for (let index = this.#firstBehind(first); index < this.#rangeCount; index++) {
      const low = Math.max(first, this.#bound(2 * index));
      if (low >= end) break;
      found.push([low, Math.min(end, this.#bound(2 * index + 1))]);
    }
    return found;
  }

  /** What of [first, end) is not in the set. */
  missingWithin(first: number, end: number): SequenceRange[] {
    const missing: SequenceRange[] = [];
    let from = first;
    for (const [low, high] of this.within(first, end)) {
      if (low > from) missing.push([from, low]);
      from = high;
    }
    if (from < end) missing.push([from, end]);
    return missing;
  }

  /** Index of the first range that ends behind `sequence`. */
  #firstBehind(sequence: number): number {
    let low = 0;
    let high = this.#rangeCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bound(2 * middle + 1) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #merge(first: number, end: number): number {
    // Ranges from `low` up to before `high` overlap or touch the new one. What is new stands near the end as a rule.
    let high = this.#rangeCount;
    while (high > 0 && this.#bound(2 * high - 2) > end) high--;
    let low = high;
    while (low > 0 && this.#bound(2 * low - 1) >= first) low--;
    let covered = 0;
    for (let index = low; index < high; index++) {
      const from = Math.max(first, this.#bound(2 * index));
      const to = Math.min(end, this.#bound(2 * index + 1));
      covered += Math.max(0, to - from);
    }
    const mergedFirst = low < high ? Math.min(first, this.#bound(2 * low)) : first;
    const mergedEnd = low < high ? Math.max(end, this.#bound(2 * high - 1)) : end;
    this.#resize(low, high);
    this.#bounds[2 * low] = mergedFirst;
    this.#bounds[2 * low + 1] = mergedEnd;
    return end - first - covered;
  }

  /** Makes the ranges from `low` up to before `high` one place. */
  #resize(low: number, high: number): void {
    const count = this.#rangeCount - (high - low) + 1;
    if (2 * count > this.#bounds.length) {
      const grown = new Float64Array(2 * this.#bounds.length);
      grown.set(this.#bounds);
      this.#bounds = grown;
    }
    this.#bounds.copyWithin(2 * (low + 1), 2 * high, 2 * this.#rangeCount);
    this.#rangeCount = count;
  }

  #bound(at: number): number {
    return this.#bounds[at] as number;
  }
}

/** First sequence and the one behind the last. */
export type SequenceRange = readonly [first: number, end: number];
