import type { CmeLayout } from "./cme-templates.ts";
import { EpochTime } from "./epoch-time.ts";
import { i32le, u16le } from "./little-endian.ts";

/** What a price has where there is none: the largest i64. */
const NULL_HIGH = 0x7fff_ffff;
const NULL_LOW = -1;
const END_OF_EVENT = 0x80;
const TWO_TO_32 = 0x1_0000_0000;
const ABSENT = -1;

/** Width of each field, in the order of the columns of a compiled layout. */
const WIDTHS: Readonly<Record<keyof CmeLayout, number>> = {
  transactTime: 8,
  matchEvent: 1,
  securityId: 4,
  rptSeq: 4,
  price: 8,
  size: 4,
  orderCount: 4,
  level: 1,
  action: 1,
  entryType: 1,
  aggressorSide: 1,
  tradeEntryId: 4,
  orderId: 8,
  priority: 8,
  referenceId: 1,
  status: 1,
  haltReason: 1,
  tradingEvent: 1,
  tradeDate: 2,
  lastSequence: 4,
  reportCount: 4,
};
const COLUMNS = Object.keys(WIDTHS) as (keyof CmeLayout)[];
const COLUMN_WIDTHS = Int16Array.from(COLUMNS, (column) => WIDTHS[column]);

/** Offset by column, −1 where the block has no such field. */
export type CompiledLayout = Int16Array;

/** Done once for each layout, not per message. */
export function compileLayout(layout: CmeLayout): CompiledLayout {
  return Int16Array.from(COLUMNS, (column) => layout[column] ?? ABSENT);
}

/**
 * The fields of a root block or a group's entry of CME MDP 3.0, read into again and again. A field that the block does not
 * have, or that lies behind its length on the wire (an older schema), is 0. 32-bit fields are words with a sign.
 */
export class CmeBlock {
  readonly transactTime: EpochTime = new EpochTime();
  matchEvent = 0;
  securityId = 0;
  rptSeq = 0;
  priceHigh = 0;
  priceLow = 0;
  size = 0;
  orderCount = 0;
  level = 0;
  action = 0;
  entryType = 0;
  aggressorSide = 0;
  tradeEntryId = 0;
  orderIdHigh = 0;
  orderIdLow = 0;
  priorityHigh = 0;
  priorityLow = 0;
  referenceId = 0;
  status = 0;
  haltReason = 0;
  tradingEvent = 0;
  tradeDate = 0;
  lastSequence = 0;
  reportCount = 0;
  // Where the field of each column lies in the array that is read, −1 where it is absent.
  readonly #at = new Int32Array(COLUMNS.length);

  /** The match event ends with this message: the book is one that existed. */
  get isEndOfEvent(): boolean {
    return (this.matchEvent & END_OF_EVENT) !== 0;
  }

  get hasPrice(): boolean {
    return this.priceHigh !== NULL_HIGH || this.priceLow !== NULL_LOW;
  }

  /** The mantissa; its decimals are the template's. Exact below 2^53: nine million with nine decimals. */
  get price(): number {
    return this.priceHigh * TWO_TO_32 + (this.priceLow >>> 0);
  }

  /** Reads the block of `blockLength` bytes at `offset`, which the caller knows to be there. */
  read(bytes: Uint8Array, offset: number, blockLength: number, layout: CompiledLayout): void {
    const at = this.#at;
    for (let column = 0; column < at.length; column++) {
      const first = layout[column] as number;
      const isThere = first !== ABSENT && first + (COLUMN_WIDTHS[column] as number) <= blockLength;
      at[column] = isThere ? offset + first : ABSENT;
    }
    const time = at[0] as number;
    this.transactTime.set(highWord(bytes, time), word(bytes, time));
    this.matchEvent = byte(bytes, at[1] as number);
    this.securityId = word(bytes, at[2] as number);
    this.rptSeq = word(bytes, at[3] as number);
    this.priceHigh = highWord(bytes, at[4] as number);
    this.priceLow = word(bytes, at[4] as number);
    this.size = word(bytes, at[5] as number);
    this.orderCount = word(bytes, at[6] as number);
    this.level = byte(bytes, at[7] as number);
    this.action = byte(bytes, at[8] as number);
    this.entryType = byte(bytes, at[9] as number);
    this.aggressorSide = byte(bytes, at[10] as number);
    this.tradeEntryId = word(bytes, at[11] as number);
    this.orderIdHigh = highWord(bytes, at[12] as number);
    this.orderIdLow = word(bytes, at[12] as number);
    this.priorityHigh = highWord(bytes, at[13] as number);
    this.priorityLow = word(bytes, at[13] as number);
    this.referenceId = byte(bytes, at[14] as number);
    this.status = byte(bytes, at[15] as number);
    this.haltReason = byte(bytes, at[16] as number);
    this.tradingEvent = byte(bytes, at[17] as number);
    this.tradeDate = at[18] === ABSENT ? 0 : u16le(bytes, at[18] as number);
    this.lastSequence = word(bytes, at[19] as number);
    this.reportCount = word(bytes, at[20] as number);
  }
}

function byte(bytes: Uint8Array, at: number): number {
  return at === ABSENT ? 0 : (bytes[at] as number);
}

function word(bytes: Uint8Array, at: number): number {
  return at === ABSENT ? 0 : i32le(bytes, at);
}

function highWord(bytes: Uint8Array, at: number): number {
  return at === ABSENT ? 0 : i32le(bytes, at + 4);
}
