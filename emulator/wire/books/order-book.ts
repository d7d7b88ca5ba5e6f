import {
  BOOK_FULL,
  BOOK_OK,
  BookFaults,
  DUPLICATE_REFERENCE,
  OVER_CANCELLED,
  OVER_EXECUTED,
  PRICE_OUT_OF_RANGE,
  UNKNOWN_INSTRUMENT,
  UNKNOWN_REFERENCE,
  ZERO_SIZE,
} from "./book-faults.ts";
import { countIfCrossing, hashLevels, isPriceInRange, mixed, toPrice } from "./book-state.ts";
import { ALREADY_THERE, NO_ENTRY, NO_ROOM, OrderTable } from "./order-table.ts";
import { ASK, BID, NO_LEVEL, PriceLadders, type PriceLevels } from "./price-ladders.ts";

/** Numbers of one order in a snapshot. */
const OPEN_ORDER_NUMBERS = 6;

export interface OrderBookOptions {
  /** Instruments, numbered from 0; 65 536 when left out, which is every stock locate that there can be. */
  readonly instrumentCount?: number;
  /** Open orders that fit before the table grows; 65 536 when left out. */
  readonly orderCapacity?: number;
  /** Open orders that there may ever be, 2^24 when left out. One more is the fault `full`. */
  readonly orderLimit?: number;
  /** Price levels that fit before their tables grow; 16 384 when left out. */
  readonly levelCapacity?: number;
}

/**
 * Order books of many instruments, kept from the messages of a feed that names each order. Knows no feed: an adapter
 * decodes messages and calls {@link add}, {@link execute} and so on.
 *
 * **Numbers.** References are 64-bit, as two int32 words. Sizes are unsigned 32-bit, as an int32 word (2^31 and more are
 * negative). Prices are signed 64-bit in the feed's unit, as two int32 words: where the feed has 32 bits, the high word
 * is 0. They must be below 2^53, so that they come out as exact Numbers. References are unique over all instruments.
 *
 * **Faults** of the feed are counted in {@link faults} by kind and returned as a code; nothing throws, and nothing is
 * allocated but where a table grows (counted: {@link growthCount}; {@link reserve} grows it beforehand).
 *
 * Not kept: the queue of orders inside a level. Nobody asks a book of this kind for it yet, and it would cost two more
 * words an order.
 */
export class OrderBook {
  readonly faults: BookFaults = new BookFaults();
  /** Instrument and side that the last operation touched; instrument −1 when it touched none. */
  touchedInstrument = -1;
  touchedSide: number = BID;
  /** Whether the last operation changed the best price of that side, or size or order count at it. */
  topChanged = false;
  readonly #ladders: PriceLadders;
  readonly #orders: OrderTable;
  // Price [0] and size [1] of the last execution.
  readonly #execution = new Float64Array(2);

  /** @throws RangeError for counts that are no whole numbers above 0, or too large to have. */
  constructor(options: OrderBookOptions = {}) {
    const { instrumentCount = 65_536, orderCapacity = 65_536, levelCapacity = 16_384 } = options;
    this.#orders = new OrderTable(orderCapacity, options.orderLimit ?? Math.max(1 << 24, orderCapacity));
    this.#ladders = new PriceLadders(instrumentCount, levelCapacity);
  }

  /** The price levels, from the best, of every instrument. */
  get levels(): PriceLevels {
    return this.#ladders;
  }

  /** Open orders of all instruments. */
  get orderCount(): number {
    return this.#orders.count;
  }

  /** Times that a table was replaced by one twice its size, inside the operation that needed it. */
  get growthCount(): number {
    return this.#orders.growthCount + this.#ladders.growthCount;
  }

  /** Price of the last execution: the order's own, or the one that {@link executeWithPrice} was told. */
  get executedPrice(): number {
    return this.#execution[0] as number;
  }

  /** Size of the last execution, as far as the order had it. */
  get executedSize(): number {
    return this.#execution[1] as number;
  }

  /** Makes room for that many open orders now. False when the limit is lower; then there is room up to the limit. */
  reserve(orderCount: number): boolean {
    return this.#orders.reserve(orderCount);
  }

  /** A new order. */
  add(
    instrument: number,
    side: number,
    referenceHigh: number,
    referenceLow: number,
    size: number,
    priceHigh: number,
    priceLow: number,
  ): number {
    this.touchedInstrument = -1;
    this.topChanged = false;
    if (instrument >>> 0 >= this.#ladders.instrumentCount) return this.faults.count(UNKNOWN_INSTRUMENT);
    return this.#add(instrument, side & 1, referenceHigh, referenceLow, size, priceHigh, priceLow);
  }

  /** `size` of an order was executed at its price. An order that has nothing left is gone. */
  execute(referenceHigh: number, referenceLow: number, size: number): number {
    const entry = this.#find(referenceHigh, referenceLow);
    if (entry === NO_ENTRY) return this.faults.count(UNKNOWN_REFERENCE);
    this.#execution[0] = this.#ladders.priceOf(this.#orders.levelAt(entry));
    return this.#execute(entry, size);
  }

  /** The same at another price: for the levels no difference, for {@link executedPrice} it is. */
  executeWithPrice(
    referenceHigh: number,
    referenceLow: number,
    size: number,
    priceHigh: number,
    priceLow: number,
  ): number {
    const entry = this.#find(referenceHigh, referenceLow);
    if (entry === NO_ENTRY) return this.faults.count(UNKNOWN_REFERENCE);
    this.#execution[0] = toPrice(priceHigh, priceLow);
    return this.#execute(entry, size);
  }

  /** `size` of an order was withdrawn; the rest keeps its place. An order that has nothing left is gone. */
  cancel(referenceHigh: number, referenceLow: number, size: number): number {
    const entry = this.#find(referenceHigh, referenceLow);
    if (entry === NO_ENTRY) return this.faults.count(UNKNOWN_REFERENCE);
    return this.#take(entry, size, OVER_CANCELLED);
  }

  /** The whole order was withdrawn. */
  delete(referenceHigh: number, referenceLow: number): number {
    const entry = this.#find(referenceHigh, referenceLow);
    if (entry === NO_ENTRY) return this.faults.count(UNKNOWN_REFERENCE);
    this.#remove(entry);
    return BOOK_OK;
  }

  /**
   * An order gave way to another of the same instrument and side. Both references may be the same: that is how feeds
   * modify an order.
   */
  replace(
    oldHigh: number,
    oldLow: number,
    newHigh: number,
    newLow: number,
    size: number,
    priceHigh: number,
    priceLow: number,
  ): number {
    const entry = this.#find(oldHigh, oldLow);
    if (entry === NO_ENTRY) return this.faults.count(UNKNOWN_REFERENCE);
    this.#remove(entry);
    return this.#add(this.touchedInstrument, this.touchedSide, newHigh, newLow, size, priceHigh, priceLow);
  }

  /** Removes all orders of an instrument; walks the whole table of orders. */
  clear(instrument: number): void {
    this.topChanged = false;
    this.touchedInstrument = -1;
    const ladders = this.#ladders;
    if (instrument >>> 0 >= ladders.instrumentCount) {
      this.faults.count(UNKNOWN_INSTRUMENT);
      return;
    }
    const orders = this.#orders;
    for (let entry = 0; entry < orders.entryCount; ) {
      const level = orders.levelAt(entry);
      // What a removal moves back to this entry has to be looked at, too.
      if (level !== NO_LEVEL && ladders.instrumentOf(level) === instrument) orders.remove(entry);
      else entry++;
    }
    ladders.clear(instrument, BID);
    ladders.clear(instrument, ASK);
  }

  /** Removes all orders of all instruments, as at the start of a session. Counters stay. */
  clearAll(): void {
    this.topChanged = false;
    this.touchedInstrument = -1;
    this.#orders.clear();
    for (let instrument = 0; instrument < this.#ladders.instrumentCount; instrument++) {
      this.#ladders.clear(instrument, BID);
      this.#ladders.clear(instrument, ASK);
    }
  }

  /** Remaining size of an order, 0 when it is not open. */
  sizeOf(referenceHigh: number, referenceLow: number): number {
    const entry = this.#orders.find(referenceHigh, referenceLow);
    return entry === NO_ENTRY ? 0 : this.#orders.sizeAt(entry) >>> 0;
  }

  /**
   * 32 bits of everything that is in the books: each level with price, size and order count, each order with reference,
   * size, price, side and instrument. Two books that were built on different ways to the same state have the same hash.
   */
  stateHash(): number {
    const orders = this.#orders;
    const ladders = this.#ladders;
    let sum = 0;
    for (let entry = 0; entry < orders.entryCount; entry++) {
      const level = orders.levelAt(entry);
      if (level === NO_LEVEL) continue;
      const price = ladders.priceOf(level);
      let hash = mixed(orders.referenceHighAt(entry), orders.referenceLowAt(entry));
      hash = mixed(mixed(hash, orders.sizeAt(entry)), 2 * ladders.instrumentOf(level) + ladders.sideOf(level));
      // A sum, because entries lie in the order of the table's history.
      sum = (sum + mixed(mixed(hash, Math.floor(price / 2 ** 32)), price | 0)) | 0;
    }
    return mixed(hashLevels(ladders), sum) >>> 0;
  }

  /**
   * All open orders, {@link OPEN_ORDER_NUMBERS} numbers each, for {@link restore}: instrument, side, reference high and low,
   * size, price. Allocates.
   */
  snapshot(): Float64Array {
    const orders = this.#orders;
    const numbers = new Float64Array(OPEN_ORDER_NUMBERS * orders.count);
    let at = 0;
    for (let entry = 0; entry < orders.entryCount && at < numbers.length; entry++) {
      const level = orders.levelAt(entry);
      if (level === NO_LEVEL) continue;
      numbers[at] = this.#ladders.instrumentOf(level);
      numbers[at + 1] = this.#ladders.sideOf(level);
      numbers[at + 2] = orders.referenceHighAt(entry);
      numbers[at + 3] = orders.referenceLowAt(entry);
      numbers[at + 4] = orders.sizeAt(entry);
      numbers[at + 5] = this.#ladders.priceOf(level);
      at += OPEN_ORDER_NUMBERS;
    }
    return numbers;
  }

  /** Makes these the open orders of the book. Counters of faults stay. */
  restore(numbers: Float64Array): void {
    if (this.orderCount > 0) this.clearAll();
    const faults = this.faults.byCode.slice();
    for (let at = 0; at < numbers.length; at += OPEN_ORDER_NUMBERS) {
      const [instrument = 0, side = 0, high = 0, low = 0, size = 0, price = 0] = numbers.subarray(at);
      this.#add(instrument, side, high, low, size, Math.floor(price / 2 ** 32), price | 0);
    }
    // Orders of a crossed book cross again on their way in.
    this.faults.byCode.set(faults);
    this.touchedInstrument = -1;
    this.topChanged = false;
  }

  /** Finds an order and notes what is touched. */
  #find(referenceHigh: number, referenceLow: number): number {
    const entry = this.#orders.find(referenceHigh, referenceLow);
    this.topChanged = false;
    if (entry === NO_ENTRY) {
      this.touchedInstrument = -1;
      return NO_ENTRY;
    }
    const level = this.#orders.levelAt(entry);
    this.touchedInstrument = this.#ladders.instrumentOf(level);
    this.touchedSide = this.#ladders.sideOf(level);
    return entry;
  }

  #add(
    instrument: number,
    side: number,
    referenceHigh: number,
    referenceLow: number,
    size: number,
    priceHigh: number,
    priceLow: number,
  ): number {
    if (size === 0) return this.faults.count(ZERO_SIZE);
    if (!isPriceInRange(priceHigh)) return this.faults.count(PRICE_OUT_OF_RANGE);
    const orders = this.#orders;
    const ladders = this.#ladders;
    const entry = orders.place(referenceHigh, referenceLow);
    if (entry === ALREADY_THERE) return this.faults.count(DUPLICATE_REFERENCE);
    if (entry === NO_ROOM) return this.faults.count(BOOK_FULL);
    ladders.price[0] = toPrice(priceHigh, priceLow);
    const level = ladders.findOrOpen(instrument, side);
    if (level === NO_LEVEL) return this.faults.count(BOOK_FULL);
    orders.fill(entry, size, level);
    ladders.addTo(level, size >>> 0, 1);
    this.touchedInstrument = instrument;
    this.touchedSide = side;
    if (ladders.isBest(level)) {
      this.topChanged = true;
      if (ladders.orderCountOf(level) === 1) countIfCrossing(ladders, level, this.faults);
    }
    return BOOK_OK;
  }

  #execute(entry: number, size: number): number {
    const held = this.#orders.sizeAt(entry) >>> 0;
    this.#execution[1] = Math.min(size >>> 0, held);
    return this.#take(entry, size, OVER_EXECUTED);
  }

  /** Takes `size` from an order; more than it has removes it, and counts as `faultCode`. */
  #take(entry: number, size: number, faultCode: number): number {
    const held = this.#orders.sizeAt(entry) >>> 0;
    const taken = size >>> 0;
    if (taken >= held) {
      this.#remove(entry);
      return taken > held ? this.faults.count(faultCode) : BOOK_OK;
    }
    const level = this.#orders.levelAt(entry);
    this.#orders.setSize(entry, (held - taken) | 0);
    this.#ladders.addTo(level, -taken, 0);
    if (this.#ladders.isBest(level)) this.topChanged = true;
    return BOOK_OK;
  }

  #remove(entry: number): void {
    const ladders = this.#ladders;
    const level = this.#orders.levelAt(entry);
    if (ladders.isBest(level)) this.topChanged = true;
    ladders.addTo(level, -(this.#orders.sizeAt(entry) >>> 0), -1);
    if (ladders.orderCountOf(level) === 0) ladders.close(level);
    this.#orders.remove(entry);
  }
}
