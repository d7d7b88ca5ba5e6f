/**
 * Numbers for instruments that a feed names: a symbol of up to eight characters as two int32 words, or a security id as
 * one (the other 0). A book takes the numbers. Feeds that number their instruments themselves, as ITCH does with the
 * stock locate, need none of this.
 */

/** What {@link InstrumentIndex.find} and {@link InstrumentIndex.findOrAdd} return when there is no number. */
export const NO_INSTRUMENT = -1;

export class InstrumentIndex {
  /** Instruments that have a number: 0 to this less 1. */
  count = 0;
  readonly #capacity: number;
  // Open addressing: words of instrument i at 2i, and in the table i + 1, or 0 for a free place.
  readonly #names: Int32Array;
  readonly #table: Int32Array;
  readonly #mask: number;

  /** @throws RangeError unless `capacity` is a whole number from 1 to 2^20. */
  constructor(capacity = 65_536) {
    if (!(Number.isInteger(capacity) && capacity > 0 && capacity <= 1 << 20)) {
      throw new RangeError(`An instrument index has room for 1 to ${1 << 20} instruments, not ${capacity}.`);
    }
    this.#capacity = capacity;
    this.#names = new Int32Array(2 * capacity);
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
    this.#mask = this.#table.length - 1;
  }

  /** The number of an instrument, or {@link NO_INSTRUMENT}. */
  find(word0: number, word1: number): number {
    return (this.#table[this.#placeOf(word0, word1)] as number) - 1;
  }

  /** The number of an instrument, the next free one when it is new; {@link NO_INSTRUMENT} when there is no room. */
  findOrAdd(word0: number, word1: number): number {
    const place = this.#placeOf(word0, word1);
    const known = this.#table[place] as number;
    if (known > 0) return known - 1;
    if (this.count === this.#capacity) return NO_INSTRUMENT;
    const instrument = this.count++;
    this.#names[2 * instrument] = word0;
    this.#names[2 * instrument + 1] = word1;
    this.#table[place] = instrument + 1;
    return instrument;
  }

  word0(instrument: number): number {
    return this.#names[2 * instrument] as number;
  }

  word1(instrument: number): number {
    return this.#names[2 * instrument + 1] as number;
  }

  /** Where the instrument is in the table, or the free place where it belongs. */
  #placeOf(word0: number, word1: number): number {
    const table = this.#table;
    const names = this.#names;
    let hash = Math.imul(word0 ^ Math.imul(word1, 0x85eb_ca6b), 0x9e37_79b1);
    hash ^= hash >>> 15;
    let place = hash & this.#mask;
    // At most half of the places are taken, so the walk ends.
    for (; table[place] !== 0; place = (place + 1) & this.#mask) {
      const at = 2 * ((table[place] as number) - 1);
      if (names[at] === word0 && names[at + 1] === word1) return place;
    }
    return place;
  }
}
