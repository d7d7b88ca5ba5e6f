import { BOOK_OK } from "../books/book-faults.ts";
import { InstrumentIndex } from "../books/instrument-index.ts";
import type { OrderBook } from "../books/order-book.ts";
import { ASK, BID } from "../books/price-ladders.ts";
import {
  PITCH_ADD_EXPANDED,
  PITCH_ADD_LONG,
  PITCH_ADD_SHORT,
  PITCH_DELETE,
  PITCH_EXECUTED,
  PITCH_EXECUTED_AT_PRICE,
  PITCH_MODIFY_LONG,
  PITCH_MODIFY_SHORT,
  PITCH_REDUCE_LONG,
  PITCH_REDUCE_SHORT,
  PITCH_UNIT_CLEAR,
  type PitchMessage,
} from "./cboe-pitch.ts";

const SELL = "S".charCodeAt(0);
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Keeps an order book from the PITCH messages of one unit; every unit has its own instruments, and a unit clear empties the
 * whole book. Prices in it have four decimals, whichever form they came in. Faults of the feed are counted by the book.
 * Nothing is allocated per message.
 *
 * ```ts
 * while (unit.nextMessage()) {
 *   if (message.parse(bytes, unit.messageOffset, unit.messageByteLength)) adapter.apply(message);
 * }
 * ```
 */
export class PitchBook {
  readonly book: OrderBook;
  /** Numbers the symbols as they first appear; the words are those of `PitchMessage`. */
  readonly instruments: InstrumentIndex;

  /** `book` must have room for as many instruments as `instruments`. */
  constructor(book: OrderBook, instruments: InstrumentIndex = new InstrumentIndex(book.levels.instrumentCount)) {
    this.book = book;
    this.instruments = instruments;
  }

  /** What the message does to the book: `BOOK_OK`, also for messages that do nothing, or the code of the fault. */
  apply(message: PitchMessage): number {
    const { book } = this;
    switch (message.type) {
      case PITCH_ADD_LONG:
      case PITCH_ADD_SHORT:
      case PITCH_ADD_EXPANDED:
        return book.add(
          this.instruments.findOrAdd(message.symbolWord0, message.symbolWord1),
          message.side === SELL ? ASK : BID,
          message.orderIdHigh,
          message.orderIdLow,
          message.quantity,
          message.priceHigh,
          message.priceLow,
        );
      case PITCH_EXECUTED:
        return book.execute(message.orderIdHigh, message.orderIdLow, message.quantity);
      case PITCH_EXECUTED_AT_PRICE:
        return this.#executeAtPrice(message);
      case PITCH_REDUCE_LONG:
      case PITCH_REDUCE_SHORT:
        return book.cancel(message.orderIdHigh, message.orderIdLow, message.quantity);
      case PITCH_MODIFY_LONG:
      case PITCH_MODIFY_SHORT:
        return book.replace(
          message.orderIdHigh,
          message.orderIdLow,
          message.orderIdHigh,
          message.orderIdLow,
          message.quantity,
          message.priceHigh,
          message.priceLow,
        );
      case PITCH_DELETE:
        return book.delete(message.orderIdHigh, message.orderIdLow);
      case PITCH_UNIT_CLEAR:
        book.clearAll();
        return BOOK_OK;
      default:
        return BOOK_OK; // Trades are of orders that were never shown; the rest says nothing of orders.
    }
  }

  /** The message says what remains displayed, which need not be what was displayed less what was executed. */
  #executeAtPrice(message: PitchMessage): number {
    const { book } = this;
    const high = message.orderIdHigh;
    const low = message.orderIdLow;
    const displayed = book.sizeOf(high, low);
    const executed = message.quantity >>> 0;
    const remaining = message.remaining >>> 0;
    if (displayed === 0 || Math.max(0, displayed - executed) === remaining) {
      return book.executeWithPrice(high, low, message.quantity, message.priceHigh, message.priceLow);
    }
    // An execution of nothing tells the order's own price, at which the new size stands.
    book.execute(high, low, 0);
    const price = book.executedPrice;
    const instrument = book.touchedInstrument;
    const side = book.touchedSide;
    // What is taken is at most what was displayed: the order may have shown less than it had.
    book.executeWithPrice(high, low, Math.min(executed, displayed) | 0, message.priceHigh, message.priceLow);
    if (book.sizeOf(high, low) !== 0) book.delete(high, low);
    if (remaining === 0) return BOOK_OK;
    return book.add(instrument, side, high, low, message.remaining, Math.floor(price / TWO_TO_32), price | 0);
  }
}
