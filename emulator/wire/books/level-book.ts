import {
  BOOK_FULL,
  BOOK_OK,
  BookFaults,
  PRICE_OUT_OF_RANGE,
  UNKNOWN_INSTRUMENT,
  UNKNOWN_LEVEL,
} from "./book-faults.ts";
import { countIfCrossing, hashLevels, isPriceInRange, toPrice } from "./book-state.ts";
import { ASK, BID, NO_LEVEL, PriceLadders, type PriceLevels } from "./price-ladders.ts";

export interface LevelBookOptions {
  /** Instruments, numbered from 0; 65 536 when left out. */
  readonly instrumentCount?: number;
  /** Price levels that fit before the tables grow; 16 384 when left out. */
  readonly levelCapacity?: number;
}

/**
 * Books of many instruments, kept from a feed that states price levels and names no orders. Numbers, faults and
 * allocation are those of the book of orders (`OrderBook`).
 */
export class LevelBook {
  readonly faults: BookFaults = new BookFaults();
  /** Whether the last operation changed the best price of its side, or size or order count at it. */
  topChanged = false;
  readonly #ladders: PriceLadders;

  /** @throws RangeError for counts that are no whole numbers above 0, or too large to have. */
  constructor(options: LevelBookOptions = {}) {
    const { instrumentCount = 65_536, levelCapacity = 16_384 } = options;
    this.#ladders = new PriceLadders(instrumentCount, levelCapacity);
  }

  get levels(): PriceLevels {
    return this.#ladders;
  }

  /** Times that a table was replaced by one twice its size. */
  get growthCount(): number {
    return this.#ladders.growthCount;
  }

  /** What is offered at a price from now on; size 0 removes the level. A feed that gives no order count says 0. */
  set(instrument: number, side: number, priceHigh: number, priceLow: number, size: number, orderCount: number): number {
    const ladders = this.#ladders;
    this.topChanged = false;
    if (instrument >>> 0 >= ladders.instrumentCount) return this.faults.count(UNKNOWN_INSTRUMENT);
    if (!isPriceInRange(priceHigh)) return this.faults.count(PRICE_OUT_OF_RANGE);
    ladders.price[0] = toPrice(priceHigh, priceLow);
    if (size === 0) return this.#remove(ladders.find(instrument, side));
    const countBefore = ladders.levelCount;
    const level = ladders.findOrOpen(instrument, side);
    if (level === NO_LEVEL) return this.faults.count(BOOK_FULL);
    ladders.set(level, size >>> 0, orderCount);
    if (!ladders.isBest(level)) return BOOK_OK;
    this.topChanged = true;
    if (ladders.levelCount > countBefore) countIfCrossing(ladders, level, this.faults);
    return BOOK_OK;
  }

  /** Removes all levels of one instrument. */
  clear(instrument: number): void {
    this.topChanged = false;
    if (instrument >>> 0 >= this.#ladders.instrumentCount) {
      this.faults.count(UNKNOWN_INSTRUMENT);
      return;
    }
    this.#ladders.clear(instrument, BID);
    this.#ladders.clear(instrument, ASK);
  }

  /** Removes all levels of all instruments. Counters stay. */
  clearAll(): void {
    for (let instrument = 0; instrument < this.#ladders.instrumentCount; instrument++) this.clear(instrument);
  }

  /** 32 bits of every level of every instrument: equal for books that came to the same state on different ways. */
  stateHash(): number {
    return hashLevels(this.#ladders) >>> 0;
  }

  #remove(level: number): number {
    if (level === NO_LEVEL) return this.faults.count(UNKNOWN_LEVEL);
    this.topChanged = this.#ladders.isBest(level);
    this.#ladders.close(level);
    return BOOK_OK;
  }
}
