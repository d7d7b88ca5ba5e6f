/**
 * The price levels of both sides of many instruments, sorted, in three tables of records: what an operation needs of a
 * level, of a ladder and of a slot lies together, because with thousands of instruments each line of the cache that it has
 * to fetch costs more than all its instructions.
 *
 * A ladder is one side of one instrument: a run of slots in a pool, worst price first and **best last**, so that what
 * happens near the best, which is nearly everything, moves few slots. Each slot has the price and the number of a level;
 * the number stays the same while the level lives, so that orders can point to it. A run that is full moves to one twice
 * as long; runs are recycled by length.
 *
 * Prices are whole Numbers of the feed's unit, exact below 2^53. They come in through {@link PriceLadders.price}, because
 * as arguments those above 2^31 would be boxed.
 */

/** Side of an order or level. */
export const BID = 0;
export const ASK = 1;

/** What functions that look for a level return when there is none. */
export const NO_LEVEL = -1;

/** Slots of the shortest run; class c has 8 · 2^c. */
const SHORTEST_RUN = 8;
/** Runs of up to 8 · 2^23 slots: more than the pool can hold. */
const CLASS_COUNT = 24;
/** Slots next to the best that are looked through one by one before the search halves what is left. */
const NEAR_THE_BEST = 8;
const LEVEL_LIMIT = 1 << 24;

/** A ladder's words: where its run begins, how many levels it has, slots of the run (0: it has none), its best level. */
const LADDER_WORDS = 4;
const COUNT = 1;
const RUN_LENGTH = 2;
const BEST = 3;

/** A slot is 16 bytes: the key, a double, and the level, in the first word behind it. */
const SLOT_BYTES = 16;
const SLOT_NUMBERS = SLOT_BYTES / 8;
const SLOT_WORDS = SLOT_BYTES / 4;
const SLOT_LEVEL = 2;

/** A level is 32 bytes: price and size, doubles, and behind them the words of order count and ladder. */
const LEVEL_BYTES = 32;
const LEVEL_NUMBERS = LEVEL_BYTES / 8;
const SIZE = 1;
const LEVEL_WORDS = LEVEL_BYTES / 4;
const ORDER_COUNT = 4;
const LADDER = 5;

/**
 * How a book's levels are read. A level is a number, good until the next operation on the book; instruments count from 0,
 * sides are {@link BID} and {@link ASK}. Nothing here allocates.
 *
 * ```ts
 * for (let rank = 0; rank < book.levels.depth(instrument, BID); rank++) {
 *   const level = book.levels.at(instrument, BID, rank); // from the best
 *   total += book.levels.sizeOf(level);
 * }
 * ```
 */
export interface PriceLevels {
  readonly instrumentCount: number;
  /** Levels of all instruments. */
  readonly levelCount: number;
  /** Levels on one side of an instrument. */
  depth(instrument: number, side: number): number;
  /** The level with the best price, or {@link NO_LEVEL}. */
  best(instrument: number, side: number): number;
  /** The level `rank` places behind the best (0 is the best), or {@link NO_LEVEL}. */
  at(instrument: number, side: number, rank: number): number;
  /** In whole units of the feed, such as ten-thousandths of a dollar. */
  priceOf(level: number): number;
  /** Sum of what is offered at the level. */
  sizeOf(level: number): number;
  orderCountOf(level: number): number;
  /** Both sides have a best price, and the bid is not below the offer. */
  isLockedOrCrossed(instrument: number): boolean;
}

export class PriceLadders implements PriceLevels {
  /** Argument of {@link find} and {@link findOrOpen}: the price. */
  readonly price: Float64Array = new Float64Array(1);
  readonly instrumentCount: number;
  levelCount = 0;
  /** Times that a table was replaced by one twice its size: an allocation, and a pause, in the operation that needed it. */
  growthCount = 0;
  /** Key of the price that was looked for last: what a function returns is boxed where it is not inlined. */
  readonly #key = new Float64Array(1);
  /** By ladder, which is 2 × instrument + side. */
  readonly #ladders: Int32Array;
  // By slot. A key is the price of a bid and minus the price of an ask: in every ladder the best is the highest.
  #slotNumbers: Float64Array;
  #slotWords: Int32Array;
  #slotCount: number;
  #slotsUsed = 0;
  /** By class: the first free run, or −1; a free run's first slot holds the next one as its level. */
  readonly #freeRuns: Int32Array = new Int32Array(CLASS_COUNT).fill(-1);
  // By level. The ladder of a free level is −1, and its order count the next free one.
  #levelNumbers: Float64Array;
  #levelWords: Int32Array;
  #levelCapacity: number;
  #freeLevel = -1;
  #levelsUsed = 0;

  /** @throws RangeError for counts that are no whole numbers above 0, or more than 2^20 instruments or 2^24 levels. */
  constructor(instrumentCount: number, levelCapacity: number) {
    requireCount("instruments", instrumentCount, 1 << 20);
    requireCount("levels", levelCapacity, LEVEL_LIMIT);
    this.instrumentCount = instrumentCount;
    this.#ladders = new Int32Array(2 * instrumentCount * LADDER_WORDS);
    for (let ladder = 0; ladder < 2 * instrumentCount; ladder++) this.#ladders[ladder * LADDER_WORDS + BEST] = NO_LEVEL;
    this.#slotCount = Math.max(2 * levelCapacity, SHORTEST_RUN);
    this.#slotNumbers = new Float64Array(SLOT_NUMBERS * this.#slotCount);
    this.#slotWords = new Int32Array(this.#slotNumbers.buffer);
    this.#levelCapacity = levelCapacity;
    this.#levelNumbers = new Float64Array(LEVEL_NUMBERS * levelCapacity);
    this.#levelWords = new Int32Array(this.#levelNumbers.buffer);
  }

  depth(instrument: number, side: number): number {
    return this.#ladders[(2 * instrument + side) * LADDER_WORDS + COUNT] as number;
  }

  best(instrument: number, side: number): number {
    return this.#ladders[(2 * instrument + side) * LADDER_WORDS + BEST] as number;
  }

  at(instrument: number, side: number, rank: number): number {
    const record = (2 * instrument + side) * LADDER_WORDS;
    const place = (this.#ladders[record + COUNT] as number) - 1 - rank;
    if (place < 0) return NO_LEVEL;
    return this.#levelIn((this.#ladders[record] as number) + place);
  }

  priceOf(level: number): number {
    return this.#levelNumbers[level * LEVEL_NUMBERS] as number;
  }

  sizeOf(level: number): number {
    return this.#levelNumbers[level * LEVEL_NUMBERS + SIZE] as number;
  }

  orderCountOf(level: number): number {
    return this.#levelWords[level * LEVEL_WORDS + ORDER_COUNT] as number;
  }

  isLockedOrCrossed(instrument: number): boolean {
    const bid = this.best(instrument, BID);
    const ask = this.best(instrument, ASK);
    if (bid === NO_LEVEL || ask === NO_LEVEL) return false;
    return this.priceOf(bid) >= this.priceOf(ask);
  }

  instrumentOf(level: number): number {
    return this.#ladderOf(level) >> 1;
  }

  sideOf(level: number): number {
    return this.#ladderOf(level) & 1;
  }

  /** Whether no level of its ladder has a better price. */
  isBest(level: number): boolean {
    return this.#ladders[this.#ladderOf(level) * LADDER_WORDS + BEST] === level;
  }

  /** Adds to (or with negative numbers takes from) what is offered at the level. It stays open at 0; see {@link close}. */
  addTo(level: number, size: number, orderCount: number): void {
    const sizeAt = level * LEVEL_NUMBERS + SIZE;
    const orderCountAt = level * LEVEL_WORDS + ORDER_COUNT;
    this.#levelNumbers[sizeAt] = (this.#levelNumbers[sizeAt] as number) + size;
    this.#levelWords[orderCountAt] = (this.#levelWords[orderCountAt] as number) + orderCount;
  }

  /** States what is offered at the level. */
  set(level: number, size: number, orderCount: number): void {
    this.#levelNumbers[level * LEVEL_NUMBERS + SIZE] = size;
    this.#levelWords[level * LEVEL_WORDS + ORDER_COUNT] = orderCount;
  }

  /** The level at {@link price}, or {@link NO_LEVEL}. */
  find(instrument: number, side: number): number {
    const ladder = 2 * instrument + side;
    const place = this.#placeOf(ladder);
    const record = ladder * LADDER_WORDS;
    if (place === this.#ladders[record + COUNT]) return NO_LEVEL;
    const slot = (this.#ladders[record] as number) + place;
    return this.#slotNumbers[slot * SLOT_NUMBERS] === this.#key[0] ? this.#levelIn(slot) : NO_LEVEL;
  }

  /** The level at {@link price}, opened with nothing in it when there was none; {@link NO_LEVEL} when there are 2^24. */
  findOrOpen(instrument: number, side: number): number {
    const ladder = 2 * instrument + side;
    const place = this.#placeOf(ladder);
    const record = ladder * LADDER_WORDS;
    const count = this.#ladders[record + COUNT] as number;
    if (place < count) {
      const slot = (this.#ladders[record] as number) + place;
      if (this.#slotNumbers[slot * SLOT_NUMBERS] === this.#key[0]) return this.#levelIn(slot);
    }
    return this.#open(ladder, place, count);
  }

  /** Takes the level out of its ladder. Its number is given to the next level that opens. */
  close(level: number): void {
    const ladder = this.#ladderOf(level);
    const record = ladder * LADDER_WORDS;
    const start = this.#ladders[record] as number;
    const count = (this.#ladders[record + COUNT] as number) - 1;
    this.#ladders[record + COUNT] = count;
    if (this.#ladders[record + BEST] === level) {
      this.#ladders[record + BEST] = count === 0 ? NO_LEVEL : this.#levelIn(start + count - 1);
    } else {
      this.price[0] = this.#levelNumbers[level * LEVEL_NUMBERS] as number;
      for (let slot = start + this.#placeOf(ladder); slot < start + count; slot++) this.#copySlot(slot + 1, slot);
    }
    this.#freeThe(level);
  }

  /** Closes all levels of one side. */
  clear(instrument: number, side: number): void {
    const record = (2 * instrument + side) * LADDER_WORDS;
    const start = this.#ladders[record] as number;
    const end = start + (this.#ladders[record + COUNT] as number);
    for (let slot = start; slot < end; slot++) this.#freeThe(this.#levelIn(slot));
    this.#ladders[record + COUNT] = 0;
    this.#ladders[record + BEST] = NO_LEVEL;
  }

  #ladderOf(level: number): number {
    return this.#levelWords[level * LEVEL_WORDS + LADDER] as number;
  }

  #levelIn(slot: number): number {
    return this.#slotWords[slot * SLOT_WORDS + SLOT_LEVEL] as number;
  }

  #copySlot(from: number, to: number): void {
    this.#slotNumbers[to * SLOT_NUMBERS] = this.#slotNumbers[from * SLOT_NUMBERS] as number;
    this.#slotWords[to * SLOT_WORDS + SLOT_LEVEL] = this.#slotWords[from * SLOT_WORDS + SLOT_LEVEL] as number;
  }

  /** How many levels of the ladder are worse than {@link price}: the place where it is, or belongs. */
  #placeOf(ladder: number): number {
    const price = this.price[0] as number;
    const key = (ladder & 1) === BID ? price : -price;
    this.#key[0] = key;
    const numbers = this.#slotNumbers;
    const record = ladder * LADDER_WORDS;
    const start = this.#ladders[record] as number;
    let end = start + (this.#ladders[record + COUNT] as number);
    const near = Math.max(start, end - NEAR_THE_BEST);
    while (end > near && (numbers[(end - 1) * SLOT_NUMBERS] as number) >= key) end--;
    if (end > near || end === start) return end - start;
    let low = start;
    while (low < end) {
      const middle = (low + end) >>> 1;
      if ((numbers[middle * SLOT_NUMBERS] as number) < key) low = middle + 1;
      else end = middle;
    }
    return low - start;
  }

  #open(ladder: number, place: number, count: number): number {
    const level = this.#takeLevel();
    if (level === NO_LEVEL) return NO_LEVEL;
    const record = ladder * LADDER_WORDS;
    if (count === this.#ladders[record + RUN_LENGTH]) this.#moveToLongerRun(record, count);
    const start = this.#ladders[record] as number;
    for (let slot = start + count; slot > start + place; slot--) this.#copySlot(slot - 1, slot);
    this.#slotNumbers[(start + place) * SLOT_NUMBERS] = this.#key[0] as number;
    this.#slotWords[(start + place) * SLOT_WORDS + SLOT_LEVEL] = level;
    this.#ladders[record + COUNT] = count + 1;
    if (place === count) this.#ladders[record + BEST] = level;
    this.#levelNumbers[level * LEVEL_NUMBERS] = this.price[0] as number;
    this.#levelNumbers[level * LEVEL_NUMBERS + SIZE] = 0;
    this.#levelWords[level * LEVEL_WORDS + ORDER_COUNT] = 0;
    this.#levelWords[level * LEVEL_WORDS + LADDER] = ladder;
    return level;
  }

  #moveToLongerRun(record: number, count: number): void {
    const oldLength = this.#ladders[record + RUN_LENGTH] as number;
    const oldStart = this.#ladders[record] as number;
    const length = Math.max(SHORTEST_RUN, 2 * oldLength);
    const start = this.#takeRun(length);
    if (oldLength > 0) {
      this.#slotNumbers.copyWithin(start * SLOT_NUMBERS, oldStart * SLOT_NUMBERS, (oldStart + count) * SLOT_NUMBERS);
      const oldClass = classOf(oldLength);
      this.#slotWords[oldStart * SLOT_WORDS + SLOT_LEVEL] = this.#freeRuns[oldClass] as number;
      this.#freeRuns[oldClass] = oldStart;
    }
    this.#ladders[record] = start;
    this.#ladders[record + RUN_LENGTH] = length;
  }

  #takeRun(length: number): number {
    const runClass = classOf(length);
    const free = this.#freeRuns[runClass] as number;
    if (free >= 0) {
      this.#freeRuns[runClass] = this.#levelIn(free);
      return free;
    }
    const start = this.#slotsUsed;
    this.#slotsUsed += length;
    while (this.#slotsUsed > this.#slotCount) this.#growSlots();
    return start;
  }

  #takeLevel(): number {
    let level = this.#freeLevel;
    if (level >= 0) {
      this.#freeLevel = this.orderCountOf(level);
    } else {
      if (this.#levelsUsed === this.#levelCapacity && !this.#growLevels()) return NO_LEVEL;
      level = this.#levelsUsed++;
    }
    this.levelCount++;
    return level;
  }

  #freeThe(level: number): void {
    this.#levelWords[level * LEVEL_WORDS + LADDER] = -1;
    this.#levelWords[level * LEVEL_WORDS + ORDER_COUNT] = this.#freeLevel;
    this.#freeLevel = level;
    this.levelCount--;
  }

  #growSlots(): void {
    this.growthCount++;
    this.#slotCount *= 2;
    this.#slotNumbers = grown(this.#slotNumbers, this.#slotCount * SLOT_NUMBERS);
    this.#slotWords = new Int32Array(this.#slotNumbers.buffer);
  }

  #growLevels(): boolean {
    const capacity = Math.min(2 * this.#levelCapacity, LEVEL_LIMIT);
    if (capacity === this.#levelCapacity) return false;
    this.growthCount++;
    this.#levelCapacity = capacity;
    this.#levelNumbers = grown(this.#levelNumbers, capacity * LEVEL_NUMBERS);
    this.#levelWords = new Int32Array(this.#levelNumbers.buffer);
    return true;
  }
}

/** Class of a run of 8 · 2^c slots. */
function classOf(length: number): number {
  return 31 - Math.clz32(length / SHORTEST_RUN);
}

/** A longer table with the same records; a set of the same type keeps every bit, also of words that read as a NaN. */
function grown(old: Float64Array, length: number): Float64Array {
  const longer = new Float64Array(length);
  longer.set(old);
  return longer;
}

function requireCount(what: string, count: number, limit: number): void {
  if (Number.isInteger(count) && count > 0 && count <= limit) return;
  throw new RangeError(`A book has 1 to ${limit} ${what}, not ${count}. Ask for as many as the feed has.`);
}
