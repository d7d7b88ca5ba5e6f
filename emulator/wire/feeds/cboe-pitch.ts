import { i32be } from "./big-endian.ts";
import { i32le, i64le, u16le, u32le } from "./little-endian.ts";
import type { MessageKind } from "./message-counts.ts";

/**
 * Cboe Multicast PITCH for US equities and options ("Cboe US Equities/Options Multicast PITCH"), little-endian. Every
 * message begins with its length u8 and type u8; time stamps are nanoseconds since the second of the unit's last time
 * message. Long forms have quantities u32 and prices u64 of four decimals, short forms u16 and u16 of two decimals; they are
 * normalised here to four. Newer editions append fields, so a message may be longer than what is read of it.
 */

export const PITCH_TIME = 0x20;
export const PITCH_ADD_LONG = 0x21;
export const PITCH_ADD_SHORT = 0x22;
export const PITCH_EXECUTED = 0x23;
export const PITCH_EXECUTED_AT_PRICE = 0x24;
export const PITCH_REDUCE_LONG = 0x25;
export const PITCH_REDUCE_SHORT = 0x26;
export const PITCH_MODIFY_LONG = 0x27;
export const PITCH_MODIFY_SHORT = 0x28;
export const PITCH_DELETE = 0x29;
export const PITCH_TRADE_LONG = 0x2a;
export const PITCH_TRADE_SHORT = 0x2b;
export const PITCH_TRADE_BREAK = 0x2c;
export const PITCH_END_OF_SESSION = 0x2d;
export const PITCH_SYMBOL_MAPPING = 0x2e;
export const PITCH_ADD_EXPANDED = 0x2f;
export const PITCH_TRADE_EXPANDED = 0x30;
export const PITCH_TRADING_STATUS = 0x31;
export const PITCH_AUCTION_UPDATE = 0x95;
export const PITCH_AUCTION_SUMMARY = 0x96;
export const PITCH_UNIT_CLEAR = 0x97;
export const PITCH_RPI = 0x98;

export interface PitchMessageKind extends MessageKind {
  /** Of the first edition that has the message; later ones appended fields. */
  readonly byteLength: number;
  /** The longest that is known of. */
  readonly maxByteLength: number;
  /** Where the fields of {@link PitchMessage} lie, from the length byte on; absent where the message has none. */
  readonly at: PitchFields;
}

/** Offsets of fields. The name says the width: `quantity4` is a u32, `price2` a u16 of two decimals. */
export interface PitchFields {
  readonly time?: number;
  readonly orderId?: number;
  readonly side?: number;
  readonly quantity4?: number;
  readonly quantity2?: number;
  readonly symbol6?: number;
  readonly symbol8?: number;
  readonly price8?: number;
  readonly price2?: number;
  readonly executionId?: number;
  readonly remaining4?: number;
  readonly flags?: number;
  /** A letter that says what happened: trading status, auction type, RPI side. */
  readonly state?: number;
}

const kind = (type: number, name: string, lengths: readonly [number, number?], at: PitchFields): PitchMessageKind => ({
  type,
  name,
  byteLength: lengths[0],
  maxByteLength: lengths[1] ?? lengths[0],
  at,
});

// Options append a trade condition to what trades; expanded adds got a participant id, and options a customer indicator.
export const PITCH_MESSAGES: readonly PitchMessageKind[] = [
  kind(PITCH_TIME, "time", [6], {}),
  kind(PITCH_UNIT_CLEAR, "unit clear", [6], { time: 2 }),
  kind(PITCH_ADD_LONG, "add order (long)", [34], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity4: 15,
    symbol6: 19,
    price8: 25,
    flags: 33,
  }),
  kind(PITCH_ADD_SHORT, "add order (short)", [26], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity2: 15,
    symbol6: 17,
    price2: 23,
    flags: 25,
  }),
  kind(PITCH_ADD_EXPANDED, "add order (expanded)", [36, 41], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity4: 15,
    symbol8: 19,
    price8: 27,
    flags: 35,
  }),
  kind(PITCH_EXECUTED, "order executed", [26, 27], { time: 2, orderId: 6, quantity4: 14, executionId: 18 }),
  kind(PITCH_EXECUTED_AT_PRICE, "order executed at price/size", [38, 39], {
    time: 2,
    orderId: 6,
    quantity4: 14,
    remaining4: 18,
    executionId: 22,
    price8: 30,
  }),
  kind(PITCH_REDUCE_LONG, "reduce size (long)", [18], { time: 2, orderId: 6, quantity4: 14 }),
  kind(PITCH_REDUCE_SHORT, "reduce size (short)", [16], { time: 2, orderId: 6, quantity2: 14 }),
  kind(PITCH_MODIFY_LONG, "modify order (long)", [27], { time: 2, orderId: 6, quantity4: 14, price8: 18, flags: 26 }),
  kind(PITCH_MODIFY_SHORT, "modify order (short)", [19], { time: 2, orderId: 6, quantity2: 14, price2: 16, flags: 18 }),
  kind(PITCH_DELETE, "delete order", [14], { time: 2, orderId: 6 }),
  kind(PITCH_TRADE_LONG, "trade (long)", [41, 42], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity4: 15,
    symbol6: 19,
    price8: 25,
    executionId: 33,
  }),
  kind(PITCH_TRADE_SHORT, "trade (short)", [33, 34], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity2: 15,
    symbol6: 17,
    price2: 23,
    executionId: 25,
  }),
  kind(PITCH_TRADE_EXPANDED, "trade (expanded)", [43, 44], {
    time: 2,
    orderId: 6,
    side: 14,
    quantity4: 15,
    symbol8: 19,
    price8: 27,
    executionId: 35,
  }),
  kind(PITCH_TRADE_BREAK, "trade break", [14], { time: 2, executionId: 6 }),
  kind(PITCH_END_OF_SESSION, "end of session", [6], { time: 2 }),
  kind(PITCH_SYMBOL_MAPPING, "symbol mapping", [30], { symbol6: 2, state: 29 }),
  kind(PITCH_TRADING_STATUS, "trading status", [18], { time: 2, symbol8: 6, state: 14 }),
  kind(PITCH_AUCTION_UPDATE, "auction update", [47], { time: 2, symbol8: 6, state: 14, price8: 31 }),
  kind(PITCH_AUCTION_SUMMARY, "auction summary", [27], {
    time: 2,
    symbol8: 6,
    state: 14,
    price8: 15,
    quantity4: 23,
  }),
  kind(PITCH_RPI, "retail price improvement", [15], { time: 2, symbol8: 6, state: 14 }),
];

const MESSAGES_BY_TYPE: (PitchMessageKind | undefined)[] = Array.from({ length: 256 }, (_, type) =>
  PITCH_MESSAGES.find((message) => message.type === type),
);

/** The table's row for a type byte; undefined where PITCH has no such message. */
export function pitchMessageKind(type: number): PitchMessageKind | undefined {
  return MESSAGES_BY_TYPE[type];
}

// Columns of the flat table of offsets that the decoder uses; 0 where a message has no such field, as 0 is its length.
const COLUMNS = [
  "time",
  "orderId",
  "side",
  "quantity4",
  "quantity2",
  "symbol6",
  "symbol8",
  "price8",
  "price2",
  "executionId",
  "remaining4",
  "flags",
  "state",
] as const;
const COLUMN_COUNT = 16;
const OFFSETS = new Uint8Array(256 * COLUMN_COUNT);
const BYTE_LENGTHS = new Uint8Array(256);
for (const { type, byteLength, at } of PITCH_MESSAGES) {
  BYTE_LENGTHS[type] = byteLength;
  COLUMNS.forEach((column, index) => {
    OFFSETS[type * COLUMN_COUNT + index] = at[column] ?? 0;
  });
}

const SHORT_PRICE_FACTOR = 100;
/** Two blanks, which pad a symbol of 6 bytes. */
const BLANKS = 0x2020;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * One message, parsed into again and again; a field that its type does not have is 0, or −1 for offsets. It is good until the
 * next `parse`, and its getters as long as the bytes that were parsed are.
 */
export class PitchMessage {
  type = 0;
  /** Nanoseconds since {@link secondsSinceMidnight}. */
  timeNs = 0;
  /** Of the last time message that was parsed; kept from message to message. One unit, one `PitchMessage`. */
  secondsSinceMidnight = 0;
  /** Order id as two words. */
  orderIdHigh = 0;
  orderIdLow = 0;
  /** "B" or "S", by its character code. */
  side = 0;
  /** Where the symbol begins in the array that was parsed, and its 6 or 8 bytes, padded with blanks; −1 without one. */
  symbolOffset = -1;
  symbolByteLength = 0;
  /**
   * The symbol's eight characters as two words, the first in the highest byte, for comparing: a symbol of 6 bytes is padded
   * to 8, so that an instrument has the same words in every form.
   */
  symbolWord0 = 0;
  symbolWord1 = 0;
  executionIdHigh = 0;
  executionIdLow = 0;
  flags = 0;
  /** Trading status, auction type, RPI side or symbol condition, by its character code. */
  state = 0;
  /** Shares added, executed, cancelled, or left by a modification: unsigned 32 bits, 2^31 and more are negative. */
  quantity = 0;
  /** Shares that an execution at another price leaves in the order; as `quantity`. */
  remaining = 0;
  /** The price as two words, in units of 10⁻⁴, from short forms too. */
  priceHigh = 0;
  priceLow = 0;

  // For what only one rare message has, which is read when it is asked for.
  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** The price in units of 10⁻⁴; exact below 2^53, which is 900 billion. */
  get price(): number {
    return this.priceHigh * TWO_TO_32 + (this.priceLow >>> 0);
  }

  /** In an auction update, whose `price` is the indicative one: the reference price. In units of 10⁻⁴; 0 in others. */
  get referencePrice(): number {
    return this.type === PITCH_AUCTION_UPDATE ? i64le(this.#bytes, this.#offset + 15) : 0;
  }

  /** In an auction update: shares on the buy side. */
  get buyShares(): number {
    return this.type === PITCH_AUCTION_UPDATE ? u32le(this.#bytes, this.#offset + 23) : 0;
  }

  /** In an auction update: shares on the sell side. */
  get sellShares(): number {
    return this.type === PITCH_AUCTION_UPDATE ? u32le(this.#bytes, this.#offset + 27) : 0;
  }

  /** In an auction update: the price with orders for the auction alone. In units of 10⁻⁴. */
  get auctionOnlyPrice(): number {
    return this.type === PITCH_AUCTION_UPDATE ? i64le(this.#bytes, this.#offset + 39) : 0;
  }

  /** In a trading status: "0" or "1", whether the short sale price test is in effect, by its character code. */
  get regShoAction(): number {
    return this.type === PITCH_TRADING_STATUS ? (this.#bytes[this.#offset + 15] as number) : 0;
  }

  /** In a symbol mapping: the 21 characters that name the option, trailing blanks cut (allocates). */
  get osiSymbol(): string {
    if (this.type !== PITCH_SYMBOL_MAPPING) return "";
    let letters = "";
    for (let at = this.#offset + 8; at < this.#offset + 29; at++)
      letters += String.fromCharCode(this.#bytes[at] as number);
    return letters.trimEnd();
  }

  /** Parses the message at `offset`, its length byte first. False where it is unknown or shorter than its fields. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (byteLength < 2) return false;
    const type = bytes[offset + 1] as number;
    const expectedByteLength = BYTE_LENGTHS[type] as number;
    if (expectedByteLength === 0 || byteLength < expectedByteLength) return false;
    this.type = type;
    this.#bytes = bytes;
    this.#offset = offset;
    if (type === PITCH_TIME) this.secondsSinceMidnight = i32le(bytes, offset + 2);
    this.#parseFields(bytes, offset, type * COLUMN_COUNT);
    return true;
  }

  #parseFields(bytes: Uint8Array, offset: number, row: number): void {
    let at = OFFSETS[row] as number;
    this.timeNs = at === 0 ? 0 : i32le(bytes, offset + at); // below 10^9
    at = OFFSETS[row + 1] as number;
    this.orderIdLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.orderIdHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    at = OFFSETS[row + 2] as number;
    this.side = at === 0 ? 0 : (bytes[offset + at] as number);
    at = OFFSETS[row + 3] as number;
    const short = OFFSETS[row + 4] as number;
    this.quantity = at !== 0 ? i32le(bytes, offset + at) : short !== 0 ? u16le(bytes, offset + short) : 0;
    this.#parseSymbol(bytes, offset, row);
    at = OFFSETS[row + 7] as number;
    const shortPrice = OFFSETS[row + 8] as number;
    this.priceHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    if (at !== 0) this.priceLow = i32le(bytes, offset + at);
    else this.priceLow = shortPrice === 0 ? 0 : u16le(bytes, offset + shortPrice) * SHORT_PRICE_FACTOR;
    at = OFFSETS[row + 9] as number;
    this.executionIdLow = at === 0 ? 0 : i32le(bytes, offset + at);
    this.executionIdHigh = at === 0 ? 0 : i32le(bytes, offset + at + 4);
    at = OFFSETS[row + 10] as number;
    this.remaining = at === 0 ? 0 : i32le(bytes, offset + at);
    at = OFFSETS[row + 11] as number;
    this.flags = at === 0 ? 0 : (bytes[offset + at] as number);
    at = OFFSETS[row + 12] as number;
    this.state = at === 0 ? 0 : (bytes[offset + at] as number);
  }

  #parseSymbol(bytes: Uint8Array, offset: number, row: number): void {
    const six = OFFSETS[row + 5] as number;
    const eight = OFFSETS[row + 6] as number;
    if (six === 0 && eight === 0) {
      this.symbolOffset = -1;
      this.symbolByteLength = 0;
      this.symbolWord0 = 0;
      this.symbolWord1 = 0;
      return;
    }
    const at = offset + (six !== 0 ? six : eight);
    this.symbolOffset = at;
    this.symbolByteLength = six !== 0 ? 6 : 8;
    this.symbolWord0 = i32be(bytes, at);
    const tail = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
    this.symbolWord1 =
      (tail << 16) | (six !== 0 ? BLANKS : ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number));
  }
}
