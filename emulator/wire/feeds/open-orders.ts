/**
 * The open orders of a made-up market: which there are, and at each price the queue of them, oldest first. Prices are
 * ticks of a window around each stock's opening price, from 0 to {@link WINDOW_TICKS} − 1. Everything is allocated once.
 *
 * This is the sender's side, which a receiver's book is to agree with; it shares no code with the books, so that each can
 * show the other's faults.
 */

/** Ticks that a price can take: 1.28 dollars around the opening price. */
export const WINDOW_TICKS = 256;

export const BUYING = 0;
export const SELLING = 1;

/** No order, or no tick. */
const NONE = -1;

export class OpenOrders {
  readonly capacity: number;
  count = 0;
  // By slot, which is an order's number while it is open.
  readonly references: Float64Array;
  readonly stocks: Int32Array;
  readonly sides: Uint8Array;
  readonly shares: Int32Array;
  readonly ticks: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The first `count` are the slots of open orders in no order, the others the free ones; and where each slot stands. */
  readonly #slots: Int32Array;
  readonly #places: Int32Array;
  // By queue, which is (2 × stock + side) × WINDOW_TICKS + tick.
  readonly #oldest: Int32Array;
  readonly #youngest: Int32Array;
  /** Best tick by 2 × stock + side. */
  readonly #bests: Int32Array;

  constructor(stockCount: number, capacity: number) {
    this.capacity = capacity;
    this.references = new Float64Array(capacity);
    this.stocks = new Int32Array(capacity);
    this.sides = new Uint8Array(capacity);
    this.shares = new Int32Array(capacity);
    this.ticks = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#slots = Int32Array.from({ length: capacity }, (_, slot) => slot);
    this.#places = this.#slots.slice();
    this.#oldest = new Int32Array(2 * stockCount * WINDOW_TICKS).fill(NONE);
    this.#youngest = new Int32Array(2 * stockCount * WINDOW_TICKS).fill(NONE);
    this.#bests = new Int32Array(2 * stockCount).fill(NONE);
  }

  /** The open order at place 0 to `count` − 1: for drawing one. */
  slotAt(place: number): number {
    return this.#slots[place] as number;
  }

  /** The best tick of one side of a stock, or −1. */
  best(stock: number, side: number): number {
    return this.#bests[2 * stock + side] as number;
  }

  /** The order that is first to be executed, or −1. */
  first(stock: number, side: number): number {
    const tick = this.best(stock, side);
    return tick === NONE ? NONE : (this.#oldest[(2 * stock + side) * WINDOW_TICKS + tick] as number);
  }

  /** Opens an order at the end of its queue and returns its slot; reference and shares are the caller's to set. */
  open(stock: number, side: number, tick: number): number {
    const slot = this.#slots[this.count] as number;
    this.count++;
    this.stocks[slot] = stock;
    this.sides[slot] = side;
    this.#enqueue(slot, tick);
    return slot;
  }

  /** Moves an order to the end of the queue at another price. */
  move(slot: number, tick: number): void {
    this.#dequeue(slot);
    this.#enqueue(slot, tick);
  }

  close(slot: number): void {
    this.#dequeue(slot);
    this.count--;
    const place = this.#places[slot] as number;
    const lastSlot = this.#slots[this.count] as number;
    this.#slots[place] = lastSlot;
    this.#places[lastSlot] = place;
    this.#slots[this.count] = slot;
    this.#places[slot] = this.count;
  }

  #enqueue(slot: number, tick: number): void {
    const ladder = 2 * (this.stocks[slot] as number) + (this.sides[slot] as number);
    const queue = ladder * WINDOW_TICKS + tick;
    const youngest = this.#youngest[queue] as number;
    this.ticks[slot] = tick;
    this.#next[slot] = NONE;
    this.#previous[slot] = youngest;
    this.#youngest[queue] = slot;
    if (youngest === NONE) this.#oldest[queue] = slot;
    else this.#next[youngest] = slot;
    const best = this.#bests[ladder] as number;
    const isBetter = (ladder & 1) === BUYING ? tick > best : tick < best;
    if (best === NONE || isBetter) this.#bests[ladder] = tick;
  }

  #dequeue(slot: number): void {
    const ladder = 2 * (this.stocks[slot] as number) + (this.sides[slot] as number);
    const tick = this.ticks[slot] as number;
    const queue = ladder * WINDOW_TICKS + tick;
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (next === NONE) this.#youngest[queue] = previous;
    else this.#previous[next] = previous;
    if (previous === NONE) this.#oldest[queue] = next;
    else this.#next[previous] = next;
    if (this.#oldest[queue] === NONE && this.#bests[ladder] === tick)
      this.#bests[ladder] = this.#nextBest(ladder, tick);
  }

  /** The best tick behind `tick` that has an order, or −1. */
  #nextBest(ladder: number, tick: number): number {
    const step = (ladder & 1) === BUYING ? -1 : 1;
    for (let at = tick + step; at >= 0 && at < WINDOW_TICKS; at += step) {
      if (this.#oldest[ladder * WINDOW_TICKS + at] !== NONE) return at;
    }
    return NONE;
  }
}
