/**
 * What a feed can do wrong, as seen by a book. A book counts it and goes on, as a feed handler must: nothing on the data
 * plane throws.
 *
 * | kind | what came | what the book did |
 * |---|---|---|
 * | `unknownReference` | an execution, cancel, delete or replace of an order that is not in the book | nothing |
 * | `duplicateReference` | an add, or the new order of a replace, under a reference that is open | kept the open order |
 * | `overExecuted`, `overCancelled` | more than the order still has | removed the order |
 * | `zeroSize` | an add or a replace of size 0 | removed the old order of a replace, added none |
 * | `wrongInstrument` | a message that names another instrument than its order has | what it said, to the order |
 * | `unknownInstrument` | an instrument beyond the book's table | nothing |
 * | `priceOutOfRange` | a price of 2^53 units or more, either sign | nothing, but for the old order of a replace |
 * | `full` | an order or level beyond the stated limit | lost it: the book is wrong from here on |
 * | `unknownLevel` | in a book of levels: the removal of a level that is not there | nothing |
 * | `locked`, `crossed` | a new best price equal to, or beyond, the other side's best: usual before an auction | what was asked |
 */
export const BOOK_FAULT_KINDS = [
  "unknownReference",
  "duplicateReference",
  "overExecuted",
  "overCancelled",
  "zeroSize",
  "wrongInstrument",
  "unknownInstrument",
  "priceOutOfRange",
  "full",
  "unknownLevel",
  "locked",
  "crossed",
] as const;

export type BookFaultKind = (typeof BOOK_FAULT_KINDS)[number];

/** What an operation of a book returns when it did what was asked, also when the book is locked or crossed then. */
export const BOOK_OK = 0;
// What it returns otherwise: the index of the kind, plus 1.
export const UNKNOWN_REFERENCE = 1;
export const DUPLICATE_REFERENCE = 2;
export const OVER_EXECUTED = 3;
export const OVER_CANCELLED = 4;
export const ZERO_SIZE = 5;
export const WRONG_INSTRUMENT = 6;
export const UNKNOWN_INSTRUMENT = 7;
export const PRICE_OUT_OF_RANGE = 8;
export const BOOK_FULL = 9;
export const UNKNOWN_LEVEL = 10;
export const LOCKED = 11;
export const CROSSED = 12;

/** Counters by kind. No allocation per count. */
export class BookFaults {
  /** By code: entry {@link UNKNOWN_REFERENCE} and so on; entry 0 stays 0. */
  readonly byCode: Float64Array = new Float64Array(BOOK_FAULT_KINDS.length + 1);

  /** Counts one and gives its code back. */
  count(code: number): number {
    (this.byCode[code] as number)++;
    return code;
  }

  of(kind: BookFaultKind): number {
    return this.byCode[BOOK_FAULT_KINDS.indexOf(kind) + 1] as number;
  }

  /** All kinds together, `locked` and `crossed` too. */
  get total(): number {
    return this.byCode.reduce((sum, count) => sum + count, 0);
  }

  /** The kinds that occurred, for reports: `{ unknownReference: 3, … }` (allocates). */
  toObject(): Partial<Record<BookFaultKind, number>> {
    const seen = BOOK_FAULT_KINDS.filter((kind) => this.of(kind) > 0);
    return Object.fromEntries(seen.map((kind) => [kind, this.of(kind)]));
  }
}
