/**
 * The open orders of a book by their 64-bit reference: open addressing with linear probing over one Int32Array, four
 * words an order, so that four orders share a cache line. Removing closes the hole by moving orders back (Knuth 6.4,
 * algorithm R): there are no tombstones, and a day of adds and deletes leaves the table as fast as it was.
 */

/** Words of an entry: reference low, reference high, remaining size, level + 1 (0: the entry is free). */
const ENTRY_WORDS = 4;
/** References that differ in these low bits only are neighbours. */
const GROUP_BITS = 2;
const GROUP_MASK = (1 << GROUP_BITS) - 1;

/** What {@link OrderTable.find} returns for a reference that is not there. */
export const NO_ENTRY = -1;
/** What {@link OrderTable.place} returns for a reference that is there already, and when there is no room. */
export const ALREADY_THERE = -1;
export const NO_ROOM = -2;

export class OrderTable {
  /** Orders in the table. */
  count = 0;
  /** Times that the table was replaced by one twice its size. */
  growthCount = 0;
  readonly #limit: number;
  #words: Int32Array;
  #mask: number;
  /** Orders that fit before the table grows: half of its entries. */
  #capacity: number;

  /** Room for `capacity` orders without growth, which is rounded up to a power of two; never for more than `limit`. */
  constructor(capacity: number, limit: number) {
    if (!(Number.isInteger(capacity) && capacity > 0 && capacity <= limit && limit <= 1 << 26)) {
      throw new RangeError(
        `An order table has room for 1 to ${1 << 26} orders at the start and at most its limit, not ${capacity} of ${limit}.`,
      );
    }
    this.#limit = limit;
    const entryCount = Math.max(4, 2 ** Math.ceil(Math.log2(2 * capacity)));
    this.#words = new Int32Array(ENTRY_WORDS * entryCount);
    this.#mask = entryCount - 1;
    this.#capacity = Math.min(entryCount >> 1, limit);
  }

  /** Entries of the table, free ones too: entry 0 to this are what {@link levelAt} takes. */
  get entryCount(): number {
    return this.#mask + 1;
  }

  /** The entry of a reference, or {@link NO_ENTRY}. Good until the next order is placed or removed. */
  find(referenceHigh: number, referenceLow: number): number {
    const words = this.#words;
    const mask = this.#mask;
    let entry = home(referenceHigh, referenceLow) & mask;
    // Half of the entries are free, so the walk ends.
    for (; words[ENTRY_WORDS * entry + 3] !== 0; entry = (entry + 1) & mask) {
      if (words[ENTRY_WORDS * entry] === referenceLow && words[ENTRY_WORDS * entry + 1] === referenceHigh) return entry;
    }
    return NO_ENTRY;
  }

  /**
   * A new entry with this reference, or {@link ALREADY_THERE} or {@link NO_ROOM}. It counts as free until {@link fill} says
   * what is in it.
   */
  place(referenceHigh: number, referenceLow: number): number {
    if (this.count === this.#capacity && !this.#grow()) return NO_ROOM;
    const words = this.#words;
    const mask = this.#mask;
    let entry = home(referenceHigh, referenceLow) & mask;
    for (; words[ENTRY_WORDS * entry + 3] !== 0; entry = (entry + 1) & mask) {
      if (words[ENTRY_WORDS * entry] === referenceLow && words[ENTRY_WORDS * entry + 1] === referenceHigh) {
        return ALREADY_THERE;
      }
    }
    words[ENTRY_WORDS * entry] = referenceLow;
    words[ENTRY_WORDS * entry + 1] = referenceHigh;
    return entry;
  }

  /** Completes what {@link place} began. */
  fill(entry: number, size: number, level: number): void {
    this.#words[ENTRY_WORDS * entry + 2] = size;
    this.#words[ENTRY_WORDS * entry + 3] = level + 1;
    this.count++;
  }

  referenceLowAt(entry: number): number {
    return this.#words[ENTRY_WORDS * entry] as number;
  }

  referenceHighAt(entry: number): number {
    return this.#words[ENTRY_WORDS * entry + 1] as number;
  }

  /** Remaining size, an unsigned word as an int32: `>>> 0` gives the number. */
  sizeAt(entry: number): number {
    return this.#words[ENTRY_WORDS * entry + 2] as number;
  }

  setSize(entry: number, size: number): void {
    this.#words[ENTRY_WORDS * entry + 2] = size;
  }

  /** The level that the order stands at; −1 for a free entry. */
  levelAt(entry: number): number {
    return (this.#words[ENTRY_WORDS * entry + 3] as number) - 1;
  }

  /** Takes the order out. Other orders may move to its entry. */
  remove(entry: number): void {
    const words = this.#words;
    const mask = this.#mask;
    let hole = entry;
    for (let next = (hole + 1) & mask; words[ENTRY_WORDS * next + 3] !== 0; next = (next + 1) & mask) {
      const nextHome = home(words[ENTRY_WORDS * next + 1] as number, words[ENTRY_WORDS * next] as number) & mask;
      // It may move back unless its home lies behind the hole: as far from its home as it would then be from the hole.
      if (((next - nextHome) & mask) < ((next - hole) & mask)) continue;
      for (let word = 0; word < ENTRY_WORDS; word++) {
        words[ENTRY_WORDS * hole + word] = words[ENTRY_WORDS * next + word] as number;
      }
      hole = next;
    }
    words[ENTRY_WORDS * hole + 3] = 0;
    this.count--;
  }

  clear(): void {
    this.#words.fill(0);
    this.count = 0;
  }

  /** Makes room for `orderCount` orders now, so that none of them makes the table grow. False when the limit is lower. */
  reserve(orderCount: number): boolean {
    while (this.#capacity < orderCount) if (!this.#grow()) return false;
    return true;
  }

  #grow(): boolean {
    if (this.#capacity >= this.#limit) return false;
    const old = this.#words;
    const entryCount = 2 * (this.#mask + 1);
    const words = new Int32Array(ENTRY_WORDS * entryCount);
    const mask = entryCount - 1;
    for (let from = 0; from < old.length; from += ENTRY_WORDS) {
      if (old[from + 3] === 0) continue;
      let entry = home(old[from + 1] as number, old[from] as number) & mask;
      while (words[ENTRY_WORDS * entry + 3] !== 0) entry = (entry + 1) & mask;
      for (let word = 0; word < ENTRY_WORDS; word++) words[ENTRY_WORDS * entry + word] = old[from + word] as number;
    }
    this.#words = words;
    this.#mask = mask;
    this.#capacity = Math.min(entryCount >> 1, this.#limit);
    this.growthCount++;
    return true;
  }
}

/**
 * Where a reference would like to be. Exchanges count references up, or put a time or a unit in high bits: all 64 bits
 * are mixed into the low ones (the finaliser of MurmurHash3), but for the last ones: references that follow each other
 * stay neighbours, so that one line of the cache serves several new orders.
 */
function home(referenceHigh: number, referenceLow: number): number {
  let hash = (referenceLow >>> GROUP_BITS) ^ Math.imul(referenceHigh, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return ((hash ^ (hash >>> 16)) << GROUP_BITS) | (referenceLow & GROUP_MASK);
}
