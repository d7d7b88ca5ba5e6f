import type { MessageKind } from "./message-counts.ts";
import { SBE_ALIGNED_GROUP_HEADER_BYTE_LENGTH, SBE_GROUP_HEADER_BYTE_LENGTH } from "./sbe-groups.ts";

/**
 * The templates of CME MDP 3.0 that carry the market ("templates_FixBinary.xml", schema 1, versions 6 to 9): what their root
 * blocks and groups hold, by offset. Those with an empty root are named and not read. Templates that came with version 9 have prices of nine decimals, older ones of seven.
 */

/** Offsets of fields in a block; the comment beside each says the width. Absent where the block has no such field. */
export interface CmeLayout {
  /** u64 nanoseconds. */
  readonly transactTime?: number;
  /** u8: bit 7 end of event, bit 5 recovery, bits 0–4 last trade, volume, quote, statistics, implied message. */
  readonly matchEvent?: number;
  /** i32. */
  readonly securityId?: number;
  /** u32, counts the changes of one instrument. */
  readonly rptSeq?: number;
  /** i64 mantissa. */
  readonly price?: number;
  /** i32: size of a level or trade, displayed quantity of an order. */
  readonly size?: number;
  /** i32. */
  readonly orderCount?: number;
  /** u8, 1 is the best. */
  readonly level?: number;
  /** u8: 0 new, 1 change, 2 delete, 3 delete through, 4 delete from, 5 overlay. */
  readonly action?: number;
  /** char: 0 bid, 1 offer, E and F implied, J book reset, … */
  readonly entryType?: number;
  /** u8: 0 none, 1 buy, 2 sell. */
  readonly aggressorSide?: number;
  /** u32. */
  readonly tradeEntryId?: number;
  /** u64. */
  readonly orderId?: number;
  /** u64, lower is earlier. */
  readonly priority?: number;
  /** u8: the entry of the first group, counted from 1, which this order belongs to. */
  readonly referenceId?: number;
  /** u8. */
  readonly status?: number;
  /** u8. */
  readonly haltReason?: number;
  /** u8. */
  readonly tradingEvent?: number;
  /** u16, days since 1970. */
  readonly tradeDate?: number;
  /** u32: in a snapshot, the last packet of the incremental feed that it contains. */
  readonly lastSequence?: number;
  /** u32: in a snapshot, messages in the loop. */
  readonly reportCount?: number;
}

export interface CmeGroup {
  readonly name: string;
  readonly headerByteLength: number;
  readonly layout: CmeLayout;
}

export interface CmeTemplate extends MessageKind {
  /** Decimals of prices in it. */
  readonly priceDecimals: 7 | 9;
  readonly root: CmeLayout;
  /** In the order of the message; more may follow, and are passed over. */
  readonly groups: readonly CmeGroup[];
  /** Whether its entries count in RptSeq: snapshots repeat the number of the change that they contain. */
  readonly countsRptSeq: boolean;
}

export const CME_CHANNEL_RESET = 4;
export const CME_HEARTBEAT = 12;

const EVENT: CmeLayout = { transactTime: 0, matchEvent: 8 };
const BOOK: CmeLayout = {
  price: 0,
  size: 8,
  securityId: 12,
  rptSeq: 16,
  orderCount: 20,
  level: 24,
  action: 25,
  entryType: 26,
};
const TRADE: CmeLayout = {
  price: 0,
  size: 8,
  securityId: 12,
  rptSeq: 16,
  orderCount: 20,
  aggressorSide: 24,
  action: 25,
};
const ORDER_BOOK: CmeLayout = {
  orderId: 0,
  priority: 8,
  price: 16,
  size: 24,
  securityId: 28,
  action: 32,
  entryType: 33,
};
const STATISTICS: CmeLayout = { price: 0, securityId: 8, rptSeq: 12, status: 16, action: 17, entryType: 18 };
const DAILY_STATISTICS: CmeLayout = { price: 0, size: 8, securityId: 12, rptSeq: 16, tradeDate: 20, action: 23 };
/** The price is the high limit; the low limit and the greatest variation behind it are not read. */
const LIMITS: CmeLayout = { price: 0, securityId: 24, rptSeq: 28 };
const SNAPSHOT: CmeLayout = {
  lastSequence: 0,
  reportCount: 4,
  securityId: 8,
  rptSeq: 12,
  transactTime: 16,
  tradeDate: 32,
  status: 34,
};
const SNAPSHOT_ENTRY: CmeLayout = { price: 0, size: 8, orderCount: 12, level: 16, tradeDate: 17, entryType: 21 };

const entries = (layout: CmeLayout): CmeGroup => ({
  name: "entries",
  headerByteLength: SBE_GROUP_HEADER_BYTE_LENGTH,
  layout,
});
const orders = (layout: CmeLayout): CmeGroup => ({
  name: "orders",
  headerByteLength: SBE_ALIGNED_GROUP_HEADER_BYTE_LENGTH,
  layout,
});
const BOOK_ORDERS = orders({ orderId: 0, priority: 8, size: 16, referenceId: 20, action: 21 });
const TRADE_ORDERS = orders({ orderId: 0, size: 8 });

const template = (
  type: number,
  name: string,
  priceDecimals: 7 | 9,
  root: CmeLayout,
  groups: readonly CmeGroup[],
  countsRptSeq = true,
): CmeTemplate => ({ type, name, priceDecimals, root, groups, countsRptSeq });

export const CME_TEMPLATES: readonly CmeTemplate[] = [
  template(CME_CHANNEL_RESET, "channel reset", 9, EVENT, [], false),
  template(CME_HEARTBEAT, "admin heartbeat", 9, {}, [], false),
  template(
    30,
    "security status",
    9,
    {
      transactTime: 0,
      securityId: 20,
      tradeDate: 24,
      matchEvent: 26,
      status: 27,
      haltReason: 28,
      tradingEvent: 29,
    },
    [],
    false,
  ),
  template(15, "admin login", 9, {}, [], false),
  template(16, "admin logout", 9, {}, [], false),
  template(27, "instrument definition, future", 7, {}, [], false),
  template(29, "instrument definition, spread", 7, {}, [], false),
  template(32, "book", 7, EVENT, [entries(BOOK)]),
  template(33, "daily statistics", 7, EVENT, [entries(DAILY_STATISTICS)]),
  template(34, "limits and banding", 7, EVENT, [entries(LIMITS)]),
  template(35, "session statistics", 7, EVENT, [entries(STATISTICS)]),
  template(36, "trade", 7, EVENT, [entries({ price: 0, size: 8, securityId: 12, rptSeq: 16, orderCount: 20 })]),
  template(37, "volume", 7, EVENT, [entries({ size: 0, securityId: 4, rptSeq: 8, action: 12 })]),
  template(38, "snapshot", 7, SNAPSHOT, [entries(SNAPSHOT_ENTRY)], false),
  template(39, "quote request", 7, {}, [], false),
  template(41, "instrument definition, option", 7, {}, [], false),
  template(42, "trade summary", 7, EVENT, [entries(TRADE), TRADE_ORDERS]),
  template(43, "order book", 7, EVENT, [entries(ORDER_BOOK)], false),
  template(44, "snapshot, order book", 7, {}, [], false),
  template(46, "book", 9, EVENT, [entries(BOOK), BOOK_ORDERS]),
  template(47, "order book", 9, EVENT, [entries(ORDER_BOOK)], false),
  template(48, "trade summary", 9, EVENT, [entries({ ...TRADE, tradeEntryId: 26 }), TRADE_ORDERS]),
  template(49, "daily statistics", 9, EVENT, [entries(DAILY_STATISTICS)]),
  template(50, "limits and banding", 9, EVENT, [entries(LIMITS)]),
  template(51, "session statistics", 9, EVENT, [entries(STATISTICS)]),
  template(52, "snapshot", 9, SNAPSHOT, [entries(SNAPSHOT_ENTRY)], false),
  template(53, "snapshot, order book", 9, {}, [], false),
  template(54, "instrument definition, future", 9, {}, [], false),
  template(55, "instrument definition, option", 9, {}, [], false),
  template(56, "instrument definition, spread", 9, {}, [], false),
];

const TEMPLATE_LIMIT = 256;
const BY_ID: (CmeTemplate | undefined)[] = Array.from({ length: TEMPLATE_LIMIT }, (_, id) =>
  CME_TEMPLATES.find(({ type }) => type === id),
);

/** The template with this number; undefined where it is unknown here: such a message is passed over by its size. */
export function cmeTemplate(templateId: number): CmeTemplate | undefined {
  return templateId < TEMPLATE_LIMIT ? BY_ID[templateId] : undefined;
}
