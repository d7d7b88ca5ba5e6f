import { BOOK_OK } from "../books/book-faults.ts";
import { InstrumentIndex } from "../books/instrument-index.ts";
import type { LevelBook } from "../books/level-book.ts";
import { ASK, BID } from "../books/price-ladders.ts";
import type { IexMessage } from "./iex-messages.ts";

const BUY_LEVEL = "8".charCodeAt(0);
const SELL_LEVEL = "5".charCodeAt(0);

/**
 * Keeps price levels from the messages of IEX DEEP. An event may change several levels, and in between the book is one that
 * never was: it may be shown when {@link isWhole} is true. Prices have four decimals. Nothing is allocated per message.
 */
export class DeepBook {
  readonly book: LevelBook;
  /** Numbers the symbols as they first appear; the words are those of `IexMessage`. */
  readonly instruments: InstrumentIndex;
  /** Events that were complete. */
  eventCount = 0;
  #isWhole = true;

  /** `book` must have room for as many instruments as `instruments`. */
  constructor(book: LevelBook, instruments: InstrumentIndex = new InstrumentIndex(book.levels.instrumentCount)) {
    this.book = book;
    this.instruments = instruments;
  }

  /** No event is under way: the book is one that IEX had. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * What the message does to the book: `BOOK_OK`, also for messages that do nothing, or the code of the fault. A removal of a
   * level that is not there is one; what follows a gap in the stream will have some.
   */
  apply(message: IexMessage): number {
    const { type } = message;
    if (type !== BUY_LEVEL && type !== SELL_LEVEL) return BOOK_OK;
    this.#isWhole = message.isEventComplete;
    if (this.#isWhole) this.eventCount++;
    return this.book.set(
      this.instruments.findOrAdd(message.symbolWord0, message.symbolWord1),
      type === BUY_LEVEL ? BID : ASK,
      message.priceHigh,
      message.priceLow,
      message.size,
      0,
    );
  }
}
