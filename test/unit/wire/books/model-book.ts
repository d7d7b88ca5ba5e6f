/** The plain way to keep a book: a Map of orders, and everything else counted from it whenever somebody asks. */
import { BOOK_FAULT_KINDS, type BookFaultKind } from "../../../../emulator/wire/books/book-faults.ts";
import { ASK, BID, type PriceLevels } from "../../../../emulator/wire/books/price-ladders.ts";

export interface ModelOrder {
  readonly instrument: number;
  readonly side: number;
  size: number;
  readonly price: bigint;
}

/** [price, size, order count] */
export type Level = [number, number, number];

/** What an operation came to: "ok", or the kind of the fault. */
export type Outcome = BookFaultKind | "ok";

export const outcomeOf = (code: number): Outcome => (code === 0 ? "ok" : (BOOK_FAULT_KINDS[code - 1] as BookFaultKind));

export class ModelBook {
  readonly orders: Map<bigint, ModelOrder> = new Map();
  readonly faults: Partial<Record<BookFaultKind, number>> = {};
  readonly #instrumentCount: number;
  readonly #orderLimit: number;

  constructor(instrumentCount: number, orderLimit: number = Number.POSITIVE_INFINITY) {
    this.#instrumentCount = instrumentCount;
    this.#orderLimit = orderLimit;
  }

  add(instrument: number, side: number, reference: bigint, size: number, price: bigint): Outcome {
    if (instrument < 0 || instrument >= this.#instrumentCount) return this.#count("unknownInstrument");
    if (size === 0) return this.#count("zeroSize");
    if (price >= 2n ** 53n || price < -(2n ** 53n)) return this.#count("priceOutOfRange");
    if (this.orders.has(reference) && this.orders.size < this.#orderLimit) return this.#count("duplicateReference");
    if (this.orders.size === this.#orderLimit) return this.#count("full");
    const before = this.levels(instrument, side)[0]?.[0];
    const other = this.levels(instrument, 1 - side)[0]?.[0];
    this.orders.set(reference, { instrument, side, size, price });
    const number = Number(price);
    const isNewBest = before === undefined || (side === BID ? number > before : number < before);
    if (isNewBest && other !== undefined) {
      if (number === other) this.#count("locked");
      else if (side === BID ? number > other : number < other) this.#count("crossed");
    }
    return "ok";
  }

  take(reference: bigint, size: number, fault: BookFaultKind): Outcome {
    const order = this.orders.get(reference);
    if (order === undefined) return this.#count("unknownReference");
    if (size < order.size) {
      order.size -= size;
      return "ok";
    }
    this.orders.delete(reference);
    return size > order.size ? this.#count(fault) : "ok";
  }

  delete(reference: bigint): Outcome {
    return this.orders.delete(reference) ? "ok" : this.#count("unknownReference");
  }

  replace(old: bigint, reference: bigint, size: number, price: bigint): Outcome {
    const order = this.orders.get(old);
    if (order === undefined) return this.#count("unknownReference");
    this.orders.delete(old);
    return this.add(order.instrument, order.side, reference, size, price);
  }

  clear(instrument: number): void {
    if (instrument < 0 || instrument >= this.#instrumentCount) this.#count("unknownInstrument");
    for (const [reference, order] of this.orders) if (order.instrument === instrument) this.orders.delete(reference);
  }

  /** From the best. */
  levels(instrument: number, side: number): Level[] {
    const levels = new Map<number, Level>();
    for (const order of this.orders.values()) {
      if (order.instrument !== instrument || order.side !== side) continue;
      const price = Number(order.price);
      const level = levels.get(price) ?? [price, 0, 0];
      level[1] += order.size;
      level[2]++;
      levels.set(price, level);
    }
    return [...levels.values()].sort((left, right) => (side === BID ? right[0] - left[0] : left[0] - right[0]));
  }

  #count(kind: BookFaultKind): BookFaultKind {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    return kind;
  }
}

/** The levels of a book under test, from the best, read in every way that there is. */
export function levelsOf(levels: PriceLevels, instrument: number, side: number): Level[] {
  const depth = levels.depth(instrument, side);
  const found = Array.from({ length: depth }, (_, rank): Level => {
    const level = levels.at(instrument, side, rank);
    return [levels.priceOf(level), levels.sizeOf(level), levels.orderCountOf(level)];
  });
  if (levels.at(instrument, side, depth) !== -1) throw new Error("a level behind the last");
  if (levels.best(instrument, side) !== levels.at(instrument, side, 0)) throw new Error("the best is not at rank 0");
  return found;
}

export const SIDES: readonly number[] = [BID, ASK];
/** The two words of a 64-bit number, signed as int32. */
export const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
export const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
