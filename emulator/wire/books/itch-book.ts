import {
  ADD_ORDER,
  ADD_ORDER_WITH_MPID,
  ORDER_CANCEL,
  ORDER_DELETE,
  ORDER_EXECUTED,
  ORDER_EXECUTED_WITH_PRICE,
  ORDER_REPLACE,
} from "../feeds/itch50-messages.ts";
import { ItchReader, NO_MESSAGE } from "../feeds/itch50-reader.ts";
import { BOOK_OK, WRONG_INSTRUMENT } from "./book-faults.ts";
import { OrderBook, type OrderBookOptions } from "./order-book.ts";
import { ASK, BID } from "./price-ladders.ts";

const BUY = "B".charCodeAt(0);
const SELL = "S".charCodeAt(0);

// Type bytes and fields as constants: a switch over them, and reads at known offsets, are what the compiler does best.
const ADD = ADD_ORDER.type;
const ADD_MPID = ADD_ORDER_WITH_MPID.type;
const EXECUTED = ORDER_EXECUTED.type;
const EXECUTED_WITH_PRICE = ORDER_EXECUTED_WITH_PRICE.type;
const CANCEL = ORDER_CANCEL.type;
const DELETE = ORDER_DELETE.type;
const REPLACE = ORDER_REPLACE.type;
/** In every message about orders the reference, or the old one, lies at the same place. */
const { reference } = ORDER_DELETE.fields;
const added = ADD_ORDER.fields;
const executed = ORDER_EXECUTED_WITH_PRICE.fields;
const cancelled = ORDER_CANCEL.fields;
const replaced = ORDER_REPLACE.fields;

/** What {@link ItchBook.apply} returns for a message that is not about orders. */
export const NOT_OF_THE_BOOK = -1;
/** What it returns for bytes that are no message of ITCH 5.0, and for an add that is neither to buy nor to sell. */
export const MALFORMED = -2;

/**
 * The order books of a Nasdaq feed, kept from ITCH 5.0 messages: A F E C X D U. Instruments are stock locates. Trades (P)
 * and crosses (Q) are of orders that were never shown, or that are executed by their own messages, and leave the book as
 * it is; so do halts and all else.
 *
 * Messages must come in the order of their sequence numbers. Where some are lost for good, {@link OrderBook.clearAll} and
 * a snapshot are due: `book.faults` then counts what the lost ones lead to.
 */
export class ItchBook {
  readonly book: OrderBook;
  /** Stands at the message that was applied last. */
  readonly reader: ItchReader = new ItchReader();
  /** Messages about orders, others, and ones that could not be read. */
  orderMessages = 0;
  otherMessages = 0;
  malformed = 0;

  constructor(options: OrderBookOptions = {}) {
    this.book = new OrderBook(options);
  }

  /**
   * Applies the message of `byteLength` bytes at `offset`. Returns what the book's operation did ({@link BOOK_OK} or the
   * code of a fault), {@link NOT_OF_THE_BOOK} or {@link MALFORMED}.
   */
  apply(bytes: Uint8Array, offset: number, byteLength: number): number {
    const outcome = this.#apply(this.reader.moveTo(bytes, offset, byteLength));
    if (outcome >= BOOK_OK) this.orderMessages++;
    else if (outcome === MALFORMED) this.malformed++;
    else this.otherMessages++;
    return outcome;
  }

  #apply(type: number): number {
    const { reader, book } = this;
    switch (type) {
      case ADD:
      case ADD_MPID:
        return this.#add();
      case EXECUTED:
        return this.#checked(book.execute(reader.high(reference), reader.low(reference), reader.word(executed.shares)));
      case EXECUTED_WITH_PRICE:
        return this.#checked(
          book.executeWithPrice(
            reader.high(reference),
            reader.low(reference),
            reader.word(executed.shares),
            0,
            reader.word(executed.price),
          ),
        );
      case CANCEL:
        return this.#checked(book.cancel(reader.high(reference), reader.low(reference), reader.word(cancelled.shares)));
      case DELETE:
        return this.#checked(book.delete(reader.high(reference), reader.low(reference)));
      case REPLACE:
        return this.#checked(
          book.replace(
            reader.high(reference),
            reader.low(reference),
            reader.high(replaced.newReference),
            reader.low(replaced.newReference),
            reader.word(replaced.shares),
            0,
            reader.word(replaced.price),
          ),
        );
      case NO_MESSAGE:
        return MALFORMED;
      default:
        return NOT_OF_THE_BOOK;
    }
  }

  #add(): number {
    const { reader } = this;
    const side = reader.letter(added.side);
    if (side !== BUY && side !== SELL) return MALFORMED;
    return this.book.add(
      reader.stockLocate,
      side === BUY ? BID : ASK,
      reader.high(reference),
      reader.low(reference),
      reader.word(added.shares),
      0,
      reader.word(added.price),
    );
  }

  /** Counts it when an order was touched that belongs to another stock than the message says. */
  #checked(outcome: number): number {
    const { touchedInstrument, faults } = this.book;
    if (touchedInstrument >= 0 && touchedInstrument !== this.reader.stockLocate) faults.count(WRONG_INSTRUMENT);
    return outcome;
  }
}
