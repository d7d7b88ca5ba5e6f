/** DMA reads that wait for their completion, oldest first. A device that has more under way than this is wrong. */
const READ_LIMIT = 4096;
const READ_MASK: number = READ_LIMIT - 1;
/** Of 8 words an entry fills 5. */
const ENTRY_SHIFT = 3;
const ENTRY_WORDS: number = 1 << ENTRY_SHIFT;

/** Pre-allocated queue of non-posted requests. `take` and `peek` fill the fields. */
export class ReadQueue {
  high = 0;
  low = 0;
  /** Below 0 for a request that may not be issued: its length, complemented. */
  byteLength = 0;
  tag = 0;
  context = 0;
  count = 0;
  readonly #entries = new Int32Array(READ_LIMIT * ENTRY_WORDS);
  #head = 0;

  /** Throws RangeError when the device has more than 4,096 reads under way. */
  put(high: number, low: number, byteLength: number, tag: number, context: number): void {
    if (this.count === READ_LIMIT) {
      throw new RangeError(`the device has ${READ_LIMIT} DMA reads under way: a model must wait for completions`);
    }
    const at = ((this.#head + this.count) & READ_MASK) << ENTRY_SHIFT;
    const entries = this.#entries;
    entries[at] = high;
    entries[at | 1] = low;
    entries[at | 2] = byteLength;
    entries[at | 3] = tag;
    entries[at | 4] = context;
    this.count = (this.count + 1) | 0;
  }

  /** Fills the fields from the `nth` oldest entry, below {@link count}, and leaves it there. */
  peek(nth: number): void {
    const at = ((this.#head + nth) & READ_MASK) << ENTRY_SHIFT;
    const entries = this.#entries;
    this.high = entries[at] as number;
    this.low = entries[at | 1] as number;
    this.byteLength = entries[at | 2] as number;
    this.tag = entries[at | 3] as number;
    this.context = entries[at | 4] as number;
  }

  /** Takes the `count` oldest entries away. */
  drop(count: number): void {
    this.#head = (this.#head + count) & READ_MASK;
    this.count = (this.count - count) | 0;
  }

  /** Moves the oldest entry into the fields. False when there is none. */
  take(): boolean {
    if (this.count === 0) return false;
    this.peek(0);
    this.drop(1);
    return true;
  }

  /** Moves the oldest entry with this tag and context into the fields. False when there is none. */
  takeNamed(tag: number, context: number): boolean {
    const entries = this.#entries;
    for (let nth = 0; nth < this.count; nth++) {
      const at = ((this.#head + nth) & READ_MASK) << ENTRY_SHIFT;
      if (entries[at | 3] !== tag || entries[at | 4] !== context) continue;
      // Those before it move up by one place, so that the oldest can be taken.
      const [high, low, byteLength] = [entries[at] as number, entries[at | 1] as number, entries[at | 2] as number];
      for (let before = nth; before > 0; before--) {
        const to = ((this.#head + before) & READ_MASK) << ENTRY_SHIFT;
        const from = ((this.#head + before - 1) & READ_MASK) << ENTRY_SHIFT;
        entries.copyWithin(to, from, from + ENTRY_WORDS);
      }
      const first = this.#head << ENTRY_SHIFT;
      entries[first] = high;
      entries[first + 1] = low;
      entries[first + 2] = byteLength;
      entries[first + 3] = tag;
      entries[first + 4] = context;
      return this.take();
    }
    return false;
  }

  /** Forgets everything: what a reset does to requests under way. */
  clear(): void {
    this.count = 0;
  }
}
