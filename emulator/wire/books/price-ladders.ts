/**
 * The price levels of both sides of many instruments, sorted, in a handful of typed arrays.
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
  // By ladder, which is 2 × instrument + side: where its run begins, how many levels it has, and the run's class (−1: no run).
  readonly #starts: Int32Array;
  readonly #counts: Int32Array;
  readonly #classes: Int8Array;
  // By slot. A key is the price of a bid and minus the price of an ask: in every ladder the best is the highest.
  #keys: Float64Array;
  #levels: Int32Array;
  #slotsUsed = 0;
  /** By class: the first free run, or −1; a free run's first slot in `#levels` holds the next one. */
  readonly #freeRuns: Int32Array = new Int32Array(CLASS_COUNT).fill(-1);
  // By level. `#ladders` of a free level is −1, and its `#orderCounts` the next free one.
  #prices: Float64Array;
  #sizes: Float64Array;
  #orderCounts: Int32Array;
  #ladders: Int32Array;
  #freeLevel = -1;
  #levelsUsed = 0;

  /** @throws RangeError for counts that are no whole numbers above 0, or more than 2^20 instruments or 2^24 levels. */
  constructor(instrumentCount: number, levelCapacity: number) {
    requireCount("instruments", instrumentCount, 1 << 20);
    requireCount("levels", levelCapacity, LEVEL_LIMIT);
    this.instrumentCount = instrumentCount;
    this.#starts = new Int32Array(2 * instrumentCount);
    this.#counts = new Int32Array(2 * instrumentCount);
    this.#classes = new Int8Array(2 * instrumentCount).fill(-1);
    const slotCount = Math.max(2 * levelCapacity, SHORTEST_RUN);
    this.#keys = new Float64Array(slotCount);
    this.#levels = new Int32Array(slotCount);
    this.#prices = new Float64Array(levelCapacity);
    this.#sizes = new Float64Array(levelCapacity);
    this.#orderCounts = new Int32Array(levelCapacity);
    this.#ladders = new Int32Array(levelCapacity);
  }

  depth(instrument: number, side: number): number {
    return this.#counts[2 * instrument + side] as number;
  }

  best(instrument: number, side: number): number {
    return this.at(instrument, side, 0);
  }

  at(instrument: number, side: number, rank: number): number {
    const ladder = 2 * instrument + side;
    const place = (this.#counts[ladder] as number) - 1 - rank;
    if (place < 0) return NO_LEVEL;
    return this.#levels[(this.#starts[ladder] as number) + place] as number;
  }

  priceOf(level: number): number {
    return this.#prices[level] as number;
  }

  sizeOf(level: number): number {
    return this.#sizes[level] as number;
  }

  orderCountOf(level: number): number {
    return this.#orderCounts[level] as number;
  }

  isLockedOrCrossed(instrument: number): boolean {
    const bid = this.best(instrument, BID);
    const ask = this.best(instrument, ASK);
    if (bid === NO_LEVEL || ask === NO_LEVEL) return false;
    return (this.#prices[bid] as number) >= (this.#prices[ask] as number);
  }

  instrumentOf(level: number): number {
    return (this.#ladders[level] as number) >> 1;
  }

  sideOf(level: number): number {
    return (this.#ladders[level] as number) & 1;
  }

  /** Whether no level of its ladder has a better price. */
  isBest(level: number): boolean {
    const ladder = this.#ladders[level] as number;
    const last = (this.#starts[ladder] as number) + (this.#counts[ladder] as number) - 1;
    return this.#levels[last] === level;
  }

  /** Adds to (or with negative numbers takes from) what is offered at the level. It stays open at 0; see {@link close}. */
  addTo(level: number, size: number, orderCount: number): void {
    this.#sizes[level] = (this.#sizes[level] as number) + size;
    this.#orderCounts[level] = (this.#orderCounts[level] as number) + orderCount;
  }

  /** States what is offered at the level. */
  set(level: number, size: number, orderCount: number): void {
    this.#sizes[level] = size;
    this.#orderCounts[level] = orderCount;
  }

  /** The level at {@link price}, or {@link NO_LEVEL}. */
  find(instrument: number, side: number): number {
    const ladder = 2 * instrument + side;
    const place = this.#placeOf(ladder);
    if (place === this.#counts[ladder]) return NO_LEVEL;
    const slot = (this.#starts[ladder] as number) + place;
    return this.#keys[slot] === this.#keyOf(ladder) ? (this.#levels[slot] as number) : NO_LEVEL;
  }

  /** The level at {@link price}, opened with nothing in it when there was none; {@link NO_LEVEL} when there are 2^24. */
  findOrOpen(instrument: number, side: number): number {
    const ladder = 2 * instrument + side;
    const place = this.#placeOf(ladder);
    const count = this.#counts[ladder] as number;
    if (place < count) {
      const slot = (this.#starts[ladder] as number) + place;
      if (this.#keys[slot] === this.#keyOf(ladder)) return this.#levels[slot] as number;
    }
    return this.#open(ladder, place, count);
  }

  /** Takes the level out of its ladder. Its number is given to the next level that opens. */
  close(level: number): void {
    const ladder = this.#ladders[level] as number;
    this.price[0] = this.#prices[level] as number;
    const start = this.#starts[ladder] as number;
    const count = (this.#counts[ladder] as number) - 1;
    const from = start + this.#placeOf(ladder);
    const end = start + count;
    const keys = this.#keys;
    const levels = this.#levels;
    for (let slot = from; slot < end; slot++) {
      keys[slot] = keys[slot + 1] as number;
      levels[slot] = levels[slot + 1] as number;
    }
    this.#counts[ladder] = count;
    this.#freeThe(level);
  }

  /** Closes all levels of one side. */
  clear(instrument: number, side: number): void {
    const ladder = 2 * instrument + side;
    const start = this.#starts[ladder] as number;
    const end = start + (this.#counts[ladder] as number);
    for (let slot = start; slot < end; slot++) this.#freeThe(this.#levels[slot] as number);
    this.#counts[ladder] = 0;
  }

  #keyOf(ladder: number): number {
    const price = this.price[0] as number;
    return (ladder & 1) === BID ? price : -price;
  }

  /** How many levels of the ladder are worse than {@link price}: the place where it is, or belongs. */
  #placeOf(ladder: number): number {
    const key = this.#keyOf(ladder);
    const keys = this.#keys;
    const start = this.#starts[ladder] as number;
    let end = start + (this.#counts[ladder] as number);
    const near = Math.max(start, end - NEAR_THE_BEST);
    while (end > near && (keys[end - 1] as number) >= key) end--;
    if (end > near || end === start) return end - start;
    let low = start;
    while (low < end) {
      const middle = (low + end) >>> 1;
      if ((keys[middle] as number) < key) low = middle + 1;
      else end = middle;
    }
    return low - start;
  }

  #open(ladder: number, place: number, count: number): number {
    const level = this.#takeLevel();
    if (level === NO_LEVEL) return NO_LEVEL;
    if (count === this.#runLength(ladder)) this.#moveToLongerRun(ladder, count);
    const start = this.#starts[ladder] as number;
    const keys = this.#keys;
    const levels = this.#levels;
    for (let slot = start + count; slot > start + place; slot--) {
      keys[slot] = keys[slot - 1] as number;
      levels[slot] = levels[slot - 1] as number;
    }
    keys[start + place] = this.#keyOf(ladder);
    levels[start + place] = level;
    this.#counts[ladder] = count + 1;
    this.#prices[level] = this.price[0] as number;
    this.#sizes[level] = 0;
    this.#orderCounts[level] = 0;
    this.#ladders[level] = ladder;
    return level;
  }

  #runLength(ladder: number): number {
    const runClass = this.#classes[ladder] as number;
    return runClass < 0 ? 0 : SHORTEST_RUN << runClass;
  }

  #moveToLongerRun(ladder: number, count: number): void {
    const oldClass = this.#classes[ladder] as number;
    const oldStart = this.#starts[ladder] as number;
    const start = this.#takeRun(oldClass + 1);
    if (oldClass >= 0) {
      this.#keys.copyWithin(start, oldStart, oldStart + count);
      this.#levels.copyWithin(start, oldStart, oldStart + count);
      this.#levels[oldStart] = this.#freeRuns[oldClass] as number;
      this.#freeRuns[oldClass] = oldStart;
    }
    this.#starts[ladder] = start;
    this.#classes[ladder] = oldClass + 1;
  }

  #takeRun(runClass: number): number {
    const free = this.#freeRuns[runClass] as number;
    if (free >= 0) {
      this.#freeRuns[runClass] = this.#levels[free] as number;
      return free;
    }
    const start = this.#slotsUsed;
    this.#slotsUsed += SHORTEST_RUN << runClass;
    while (this.#slotsUsed > this.#levels.length) this.#growSlots();
    return start;
  }

  #takeLevel(): number {
    let level = this.#freeLevel;
    if (level >= 0) {
      this.#freeLevel = this.#orderCounts[level] as number;
    } else {
      if (this.#levelsUsed === this.#prices.length && !this.#growLevels()) return NO_LEVEL;
      level = this.#levelsUsed++;
    }
    this.levelCount++;
    return level;
  }

  #freeThe(level: number): void {
    this.#ladders[level] = -1;
    this.#orderCounts[level] = this.#freeLevel;
    this.#freeLevel = level;
    this.levelCount--;
  }

  #growSlots(): void {
    this.growthCount++;
    this.#keys = grown(this.#keys, new Float64Array(2 * this.#keys.length));
    this.#levels = grown(this.#levels, new Int32Array(2 * this.#levels.length));
  }

  #growLevels(): boolean {
    const capacity = Math.min(2 * this.#prices.length, LEVEL_LIMIT);
    if (capacity === this.#prices.length) return false;
    this.growthCount++;
    this.#prices = grown(this.#prices, new Float64Array(capacity));
    this.#sizes = grown(this.#sizes, new Float64Array(capacity));
    this.#orderCounts = grown(this.#orderCounts, new Int32Array(capacity));
    this.#ladders = grown(this.#ladders, new Int32Array(capacity));
    return true;
  }
}

function grown<T extends Float64Array | Int32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function requireCount(what: string, count: number, limit: number): void {
  if (Number.isInteger(count) && count > 0 && count <= limit) return;
  throw new RangeError(`A book has 1 to ${limit} ${what}, not ${count}. Ask for as many as the feed has.`);
}
