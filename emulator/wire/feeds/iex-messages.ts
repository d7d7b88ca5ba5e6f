import { i32be } from "./big-endian.ts";
import { EpochTime } from "./epoch-time.ts";
import { i32le } from "./little-endian.ts";
import type { MessageKind } from "./message-counts.ts";

/**
 * The messages of IEX's feeds ("IEX TOPS Specification" 1.5 and 1.6, "IEX DEEP Specification" 1.0, "IEX DEEP+ Specification"
 * 1.0), little-endian: type u8, flags or status u8, time i64 in nanoseconds UTC, symbol of 8 characters, then by type. Prices
 * are i64 of four decimals. TOPS says the best quotes, DEEP the price levels, DEEP+ the orders; the rest is common to them.
 */

export interface IexMessageKind extends MessageKind {
  readonly letter: string;
  /** Whole length, the type byte included. */
  readonly byteLength: number;
  /** Where the fields of {@link IexMessage} lie; absent where the message has none. */
  readonly at: IexFields;
}

interface IexFields {
  readonly symbol?: number;
  readonly size?: number;
  readonly price?: number;
  readonly askPrice?: number;
  readonly askSize?: number;
  readonly orderId?: number;
  readonly tradeId?: number;
}

const kind = (letter: string, name: string, byteLength: number, at: IexFields): IexMessageKind => ({
  type: letter.charCodeAt(0),
  letter,
  name,
  byteLength,
  at,
});

const COMMON: readonly IexMessageKind[] = [
  kind("S", "system event", 10, {}),
  kind("D", "security directory", 31, { symbol: 10, size: 18, price: 22 }),
  kind("H", "trading status", 22, { symbol: 10 }),
  kind("I", "retail liquidity indicator", 18, { symbol: 10 }),
  kind("O", "operational halt status", 18, { symbol: 10 }),
  kind("P", "short sale price test status", 19, { symbol: 10 }),
  kind("E", "security event", 18, { symbol: 10 }),
  kind("T", "trade", 38, { symbol: 10, size: 18, price: 22, tradeId: 30 }),
  kind("B", "trade break", 38, { symbol: 10, size: 18, price: 22, tradeId: 30 }),
];
const AUCTIONS: readonly IexMessageKind[] = [
  kind("X", "official price", 26, { symbol: 10, price: 18 }),
  kind("A", "auction information", 80, { symbol: 10, size: 18, price: 22 }),
];

/** "D" has the round lot as its size and the adjusted close as its price, "A" the paired shares and the reference price. */
export const IEX_TOPS_MESSAGES: readonly IexMessageKind[] = [
  ...COMMON,
  ...AUCTIONS,
  kind("Q", "quote update", 42, { symbol: 10, size: 18, price: 22, askPrice: 30, askSize: 38 }),
];

export const IEX_DEEP_MESSAGES: readonly IexMessageKind[] = [
  ...COMMON,
  ...AUCTIONS,
  kind("8", "price level update, buy", 30, { symbol: 10, size: 18, price: 22 }),
  kind("5", "price level update, sell", 30, { symbol: 10, size: 18, price: 22 }),
];

export const IEX_DEEP_PLUS_MESSAGES: readonly IexMessageKind[] = [
  ...COMMON,
  kind("a", "add order", 38, { symbol: 10, orderId: 18, size: 26, price: 30 }),
  kind("M", "order modify", 38, { symbol: 10, orderId: 18, size: 26, price: 30 }),
  kind("R", "order delete", 26, { symbol: 10, orderId: 18 }),
  kind("L", "order executed", 46, { symbol: 10, orderId: 18, size: 26, price: 30, tradeId: 38 }),
  kind("C", "clear book", 18, { symbol: 10 }),
];

/** Event flag of a price level update: the event is over, and the book may be shown. */
const EVENT_COMPLETE = 0x01;
const BUY_LEVEL = "8".charCodeAt(0);
const SELL_LEVEL = "5".charCodeAt(0);
const TWO_TO_32 = 0x1_0000_0000;
const BLANK_WORD = 0x2020_2020;

// No letter has two layouts in the three feeds, so one table of offsets serves them all; 0 where there is no such field.
const ALL_MESSAGES = [...IEX_TOPS_MESSAGES, ...IEX_DEEP_MESSAGES, ...IEX_DEEP_PLUS_MESSAGES];
const COLUMNS = ["symbol", "size", "price", "askPrice", "askSize", "orderId", "tradeId"] as const;
const COLUMN_COUNT = 8;
const OFFSETS = new Uint8Array(256 * COLUMN_COUNT);
const BYTE_LENGTHS = new Uint8Array(256);
for (const { type, byteLength, at } of ALL_MESSAGES) {
  BYTE_LENGTHS[type] = byteLength;
  COLUMNS.forEach((column, index) => {
    OFFSETS[type * COLUMN_COUNT + index] = at[column] ?? 0;
  });
}

/** Length of a message of this type in any of the feeds, 0 where there is none. */
export function iexByteLength(type: number): number {
  return BYTE_LENGTHS[type] as number;
}

/** One message, parsed into again and again; a field that its type does not have is 0. */
export class IexMessage {
  type = 0;
  /** Second byte: event flags, sale conditions, a status letter, or the side of an added order ("8" buy, "5" sell). */
  flags = 0;
  readonly time: EpochTime = new EpochTime();
  /** The symbol's eight characters as two words, the first character in the highest byte. */
  symbolWord0 = 0;
  symbolWord1 = 0;
  /** Shares, unsigned 32 bits as a signed word: of the trade, level or order, in a quote of the bid. */
  size = 0;
  askSize = 0;
  /** Price in units of 10⁻⁴ as two words; in a quote that of the bid. */
  priceHigh = 0;
  priceLow = 0;
  askPriceHigh = 0;
  askPriceLow = 0;
  orderIdHigh = 0;
  orderIdLow = 0;
  tradeIdHigh = 0;
  tradeIdLow = 0;

  get price(): number {
    return this.priceHigh * TWO_TO_32 + (this.priceLow >>> 0);
  }

  get askPrice(): number {
    return this.askPriceHigh * TWO_TO_32 + (this.askPriceLow >>> 0);
  }

  /** In price level updates: nothing more of this event follows, so the book is one that existed. */
  get isEventComplete(): boolean {
    return (this.type === BUY_LEVEL || this.type === SELL_LEVEL) && (this.flags & EVENT_COMPLETE) !== 0;
  }

  /** Parses a message. False where its type is unknown, or its length is less than that of its type. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (byteLength === 0) return false;
    const type = bytes[offset] as number;
    const expectedByteLength = BYTE_LENGTHS[type] as number;
    if (expectedByteLength === 0 || byteLength < expectedByteLength) return false;
    const row = type * COLUMN_COUNT;
    this.type = type;
    this.flags = bytes[offset + 1] as number;
    this.time.set(i32le(bytes, offset + 6), i32le(bytes, offset + 2));
    let at = OFFSETS[row] as number;
    this.symbolWord0 = at === 0 ? BLANK_WORD : i32be(bytes, offset + at);
    this.symbolWord1 = at === 0 ? BLANK_WORD : i32be(bytes, offset + at + 4);
    at = OFFSETS[row + 1] as number;
    this.size = at === 0 ? 0 : i32le(bytes, offset + at);
    at = OFFSETS[row + 2] as number;
    this.priceLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.priceHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    at = OFFSETS[row + 3] as number;
    this.askPriceLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.askPriceHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    at = OFFSETS[row + 4] as number;
    this.askSize = at === 0 ? 0 : i32le(bytes, offset + at);
    at = OFFSETS[row + 5] as number;
    this.orderIdLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.orderIdHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    at = OFFSETS[row + 6] as number;
    this.tradeIdLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.tradeIdHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    return true;
  }
}
