import type { CmeLayout } from "./cme-templates.ts";
import { EpochTime } from "./epoch-time.ts";
import { i32le, u16le } from "./little-endian.ts";

/** What a price has where there is none: the largest i64. */
const NULL_HIGH = 0x7fff_ffff;
const NULL_LOW = -1;
/** Bit of the match event indicator. */
export const CME_END_OF_EVENT = 0x80;
const TWO_TO_32 = 0x1_0000_0000;
const ABSENT = -1;

/** The columns of a compiled layout. */
const COLUMNS: readonly (keyof CmeLayout)[] = [
  "transactTime",
  "matchEvent",
  "securityId",
  "rptSeq",
  "price",
  "size",
  "orderCount",
  "level",
  "action",
  "entryType",
  "aggressorSide",
  "tradeEntryId",
  "orderId",
  "priority",
  "referenceId",
  "status",
  "haltReason",
  "tradingEvent",
  "tradeDate",
  "lastSequence",
  "reportCount",
];

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

  /** The match event ends with this message: the book is one that existed. */
  get isEndOfEvent(): boolean {
    return (this.matchEvent & CME_END_OF_EVENT) !== 0;
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
    let at = layout[0] as number;
    this.transactTime.set(word(bytes, offset, at, 8, blockLength, 4), word(bytes, offset, at, 8, blockLength, 0));
    this.matchEvent = byte(bytes, offset, layout[1] as number, blockLength);
    this.securityId = word(bytes, offset, layout[2] as number, 4, blockLength, 0);
    this.rptSeq = word(bytes, offset, layout[3] as number, 4, blockLength, 0);
    at = layout[4] as number;
    this.priceHigh = word(bytes, offset, at, 8, blockLength, 4);
    this.priceLow = word(bytes, offset, at, 8, blockLength, 0);
    this.size = word(bytes, offset, layout[5] as number, 4, blockLength, 0);
    this.orderCount = word(bytes, offset, layout[6] as number, 4, blockLength, 0);
    this.level = byte(bytes, offset, layout[7] as number, blockLength);
    this.action = byte(bytes, offset, layout[8] as number, blockLength);
    this.entryType = byte(bytes, offset, layout[9] as number, blockLength);
    this.aggressorSide = byte(bytes, offset, layout[10] as number, blockLength);
    this.tradeEntryId = word(bytes, offset, layout[11] as number, 4, blockLength, 0);
    at = layout[12] as number;
    this.orderIdHigh = word(bytes, offset, at, 8, blockLength, 4);
    this.orderIdLow = word(bytes, offset, at, 8, blockLength, 0);
    at = layout[13] as number;
    this.priorityHigh = word(bytes, offset, at, 8, blockLength, 4);
    this.priorityLow = word(bytes, offset, at, 8, blockLength, 0);
    this.referenceId = byte(bytes, offset, layout[14] as number, blockLength);
    this.status = byte(bytes, offset, layout[15] as number, blockLength);
    this.haltReason = byte(bytes, offset, layout[16] as number, blockLength);
    this.tradingEvent = byte(bytes, offset, layout[17] as number, blockLength);
    at = layout[18] as number;
    this.tradeDate = at === ABSENT || at + 2 > blockLength ? 0 : u16le(bytes, offset + at);
    this.lastSequence = word(bytes, offset, layout[19] as number, 4, blockLength, 0);
    this.reportCount = word(bytes, offset, layout[20] as number, 4, blockLength, 0);
  }
}

function byte(bytes: Uint8Array, offset: number, at: number, blockLength: number): number {
  return at === ABSENT || at >= blockLength ? 0 : (bytes[offset + at] as number);
}

/** The word `part` bytes into the field of `width` bytes at `at`; 0 unless the whole field is there. */
function word(bytes: Uint8Array, offset: number, at: number, width: number, blockLength: number, part: number): number {
  return at === ABSENT || at + width > blockLength ? 0 : i32le(bytes, offset + at + part);
}
