import { ItchBook } from "../../../emulator/wire/books/itch-book.ts";
import { OrderBook } from "../../../emulator/wire/books/order-book.ts";
import { ASK, BID, NO_LEVEL } from "../../../emulator/wire/books/price-ladders.ts";
import { PitchMessage } from "../../../emulator/wire/feeds/cboe-pitch.ts";
import { CBOE_PITCH_FORMAT } from "../../../emulator/wire/feeds/cboe-tracker.ts";
import { CboeUnitPacket } from "../../../emulator/wire/feeds/cboe-unit.ts";
import { ITCH_FORMAT } from "../../../emulator/wire/feeds/itch-tracker.ts";
import { ADD_ORDER, ADD_ORDER_WITH_MPID, STOCK_DIRECTORY } from "../../../emulator/wire/feeds/itch50-messages.ts";
import { MoldUdp64Packet } from "../../../emulator/wire/feeds/mold-udp64.ts";
import { PitchBook } from "../../../emulator/wire/feeds/pitch-book.ts";
import type { BookReport, InstrumentReport, TopOfBook } from "./stream-report.ts";

/** Instruments that a report tells of. */
const INSTRUMENT_LIMIT = 10;
const INSTRUMENT_COUNT = 65_536;
/** The tables grow as they are needed; a feed of few orders has many units. */
const ORDER_CAPACITY = 8192;

/** The order books of one stream, kept from its messages in order. */
export interface StreamBook {
  /** Messages `messageIndex` to `messageIndex` + `messageCount` − 1 of a packet, which is a UDP payload. */
  packet(bytes: Uint8Array, offset: number, byteLength: number, messageIndex: number, messageCount: number): void;
  /** One message by itself. */
  message(bytes: Uint8Array, offset: number, byteLength: number): void;
  /** The sender counts anew: a new day. */
  clear(): void;
  report(format: string, stream: string): BookReport;
}

/** Books for the streams of a format; undefined where softbar keeps none. */
export function streamBook(format: string): StreamBook | undefined {
  if (format === ITCH_FORMAT.name) return new ItchStreamBook();
  return format === CBOE_PITCH_FORMAT.name ? new PitchStreamBook() : undefined;
}

/** Counts what touches an instrument. */
class Activity {
  readonly #counts = new Float64Array(INSTRUMENT_COUNT);

  count(instrument: number): void {
    if (instrument >= 0) (this.#counts[instrument] as number)++;
  }

  report(book: OrderBook, symbolOf: (instrument: number) => string): InstrumentReport[] {
    const busy = [...this.#counts.keys()].filter((instrument) => (this.#counts[instrument] as number) > 0);
    busy.sort((a, b) => (this.#counts[b] as number) - (this.#counts[a] as number) || a - b);
    return busy.slice(0, INSTRUMENT_LIMIT).map((instrument) => ({
      symbol: symbolOf(instrument),
      messages: this.#counts[instrument] as number,
      bid: topOf(book, instrument, BID),
      ask: topOf(book, instrument, ASK),
    }));
  }
}

class ItchStreamBook implements StreamBook {
  readonly #itch = new ItchBook({ orderCapacity: ORDER_CAPACITY });
  readonly #packet = new MoldUdp64Packet();
  readonly #activity = new Activity();
  /** By stock locate: the eight letters of the stock as two words. */
  readonly #symbols = new Int32Array(2 * INSTRUMENT_COUNT);

  packet(bytes: Uint8Array, offset: number, byteLength: number, messageIndex: number, messageCount: number): void {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return;
    for (let index = 0; index < messageIndex; index++) packet.nextMessage();
    for (let left = messageCount; left > 0 && packet.nextMessage(); left--) {
      this.message(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  message(bytes: Uint8Array, offset: number, byteLength: number): void {
    const { book, reader } = this.#itch;
    if (this.#itch.apply(bytes, offset, byteLength) === 0) this.#activity.count(book.touchedInstrument);
    const type = bytes[offset] as number;
    if (type !== ADD_ORDER.type && type !== ADD_ORDER_WITH_MPID.type && type !== STOCK_DIRECTORY.type) return;
    if (reader.type !== type) return;
    const { stock } = type === STOCK_DIRECTORY.type ? STOCK_DIRECTORY.fields : ADD_ORDER.fields;
    this.#symbols[2 * reader.stockLocate] = reader.high(stock);
    this.#symbols[2 * reader.stockLocate + 1] = reader.low(stock);
  }

  clear(): void {
    this.#itch.book.clearAll();
  }

  report(format: string, stream: string): BookReport {
    const { book, orderMessages, otherMessages, malformed } = this.#itch;
    const symbolOf = (locate: number): string => {
      return (
        symbolText(this.#symbols[2 * locate] as number, this.#symbols[2 * locate + 1] as number) || `locate ${locate}`
      );
    };
    const counts = { orderMessages, otherMessages, malformed };
    return { format, stream, ...counts, ...stateOf(book), instruments: this.#activity.report(book, symbolOf) };
  }
}

/** Of one unit of PITCH. */
class PitchStreamBook implements StreamBook {
  readonly #pitch = new PitchBook(new OrderBook({ orderCapacity: ORDER_CAPACITY }));
  readonly #packet = new CboeUnitPacket();
  readonly #message = new PitchMessage();
  readonly #activity = new Activity();
  #orderMessages = 0;
  #otherMessages = 0;
  #malformed = 0;

  packet(bytes: Uint8Array, offset: number, byteLength: number, messageIndex: number, messageCount: number): void {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return;
    for (let index = 0; index < messageIndex; index++) packet.nextMessage();
    for (let left = messageCount; left > 0 && packet.nextMessage(); left--) {
      this.message(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  message(bytes: Uint8Array, offset: number, byteLength: number): void {
    const { book } = this.#pitch;
    if (!this.#message.parse(bytes, offset, byteLength)) {
      this.#malformed++;
      return;
    }
    book.touchedInstrument = -1;
    this.#pitch.apply(this.#message);
    if (book.touchedInstrument < 0) this.#otherMessages++;
    else this.#orderMessages++;
    this.#activity.count(book.touchedInstrument);
  }

  clear(): void {
    this.#pitch.book.clearAll();
  }

  report(format: string, stream: string): BookReport {
    const { book, instruments } = this.#pitch;
    const symbolOf = (index: number): string => symbolText(instruments.word0(index), instruments.word1(index));
    const counts = {
      orderMessages: this.#orderMessages,
      otherMessages: this.#otherMessages,
      malformed: this.#malformed,
    };
    return { format, stream, ...counts, ...stateOf(book), instruments: this.#activity.report(book, symbolOf) };
  }
}

function stateOf(book: OrderBook): Pick<BookReport, "openOrders" | "levels" | "stateHash" | "faults"> {
  return {
    openOrders: book.orderCount,
    levels: book.levels.levelCount,
    stateHash: book.stateHash().toString(16).padStart(8, "0"),
    faults: book.faults.toObject(),
  };
}

function topOf({ levels }: OrderBook, instrument: number, side: number): TopOfBook | null {
  const level = levels.best(instrument, side);
  if (level === NO_LEVEL) return null;
  return { price: levels.priceOf(level), size: levels.sizeOf(level), orders: levels.orderCountOf(level) };
}

/** Eight characters in two words, blanks at the end cut. */
function symbolText(word0: number, word1: number): string {
  const codes = [word0, word1].flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff));
  return String.fromCharCode(...codes)
    .replaceAll("\0", "")
    .trimEnd();
}
