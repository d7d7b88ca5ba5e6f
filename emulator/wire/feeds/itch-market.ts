import type { Rng } from "../../run/rng.ts";
import * as itch from "./itch50-messages.ts";
import { ItchWriter } from "./itch50-writer.ts";
import { BUYING, OpenOrders, SELLING, WINDOW_TICKS } from "./open-orders.ts";

/** Orders that can be open at a time, at least, and for each stock; a full book takes no more adds until orders leave. */
const OPEN_ORDERS_MIN = 16_384;
const OPEN_ORDERS_PER_STOCK = 512;
const OPEN_ORDERS_MAX = 1 << 20;
/** Below this many open orders the market only adds; and until there are so many for each stock, it adds more than it deletes. */
const OPEN_ORDERS_FLOOR = 64;
const OPEN_ORDERS_AIM_PER_STOCK = 64;
const TICK = 100; // one cent, at four decimals

/**
 * Of a thousand draws, how many are of each type: roughly the trading hours of a real feed, where nine of ten messages
 * add or delete. An execution that takes several orders draws once.
 */
const MIX = { A: 437, F: 8, D: 398, U: 85, E: 38, X: 15, C: 5, P: 13, B: 1 };
const MIX_TYPES = Uint8Array.from(
  Object.entries(MIX).flatMap(([letter, count]) => Array<number>(count).fill(letter.charCodeAt(0))),
);

const ADD = itch.ADD_ORDER.type;
const ADD_MPID = itch.ADD_ORDER_WITH_MPID.type;
const DELETE = itch.ORDER_DELETE.type;
const REPLACE = itch.ORDER_REPLACE.type;
const CANCEL = itch.ORDER_CANCEL.type;
const TRADE = itch.TRADE.type;
const BROKEN = itch.BROKEN_TRADE.type;
const EXECUTED_WITH_PRICE = itch.ORDER_EXECUTED_WITH_PRICE.type;

const BUY = "B".charCodeAt(0);
const SELL = "S".charCodeAt(0);
const YES = "Y".charCodeAt(0);

// Entries of the numbers that are given out: order reference, match number, the match number that was broken last, and 0.
const REFERENCE = 0;
const MATCH = 1;
const BROKEN_MATCH = 2;
const ZERO = 3;

/**
 * A made-up stock market that speaks ITCH 5.0. It knows its open orders, so every execution, cancel, delete and replace
 * names an order that was added and is still open, with shares that it still has. Executions take the oldest order at the
 * best price, often several in a row; new orders join or improve the best price or stand behind it, and never meet the
 * other side: the book is neither locked nor crossed at any message. A few stocks have most of the traffic.
 *
 * Writes one message at a time into the caller's buffer; nothing is allocated after construction.
 */
export class ItchMarket {
  readonly stockCount: number;
  readonly writer: ItchWriter = new ItchWriter();
  readonly #rng: Rng;
  readonly #orders: OpenOrders;
  readonly #symbols: readonly string[];
  /** By stock: tick 0 of its window, counted from a price of 0. */
  readonly #firstTicks: Int32Array;
  readonly #numbers = new Float64Array(4);
  /** An incoming order that still takes what there is: its stock, the side that it takes from, and its shares. */
  #sweepStock = 0;
  #sweepSide = 0;
  #sweepShares = 0;

  constructor(rng: Rng, stockCount: number) {
    this.#rng = rng;
    this.stockCount = stockCount;
    const capacity = Math.min(OPEN_ORDERS_MAX, Math.max(OPEN_ORDERS_MIN, OPEN_ORDERS_PER_STOCK * stockCount));
    this.#orders = new OpenOrders(stockCount, capacity);
    this.#symbols = Array.from({ length: stockCount }, (_, stock) => symbolOf(stock));
    this.#firstTicks = Int32Array.from({ length: stockCount }, () => rng.between(5, 500) * 100 - WINDOW_TICKS / 2);
    // Somewhere in a day, and of a day whose references need more than 32 bits.
    this.#numbers[REFERENCE] = 2 ** 32 * rng.between(1, 4) - rng.between(1, 10_000);
  }

  get openOrderCount(): number {
    return this.#orders.count;
  }

  /** System event `event` (O S Q M E C). Like all writers here, returns the message's length. */
  writeSystemEvent(bytes: Uint8Array, at: number, event: string): number {
    const byteLength = this.writer.begin(bytes, at, itch.SYSTEM_EVENT, 0);
    this.writer.text(itch.SYSTEM_EVENT.fields.event, event);
    return byteLength;
  }

  writeStockDirectory(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.STOCK_DIRECTORY;
    const { writer } = this;
    const byteLength = this.#beginOf(bytes, at, itch.STOCK_DIRECTORY, fields.stock, stock);
    writer.text(fields.category, "Q"); // Nasdaq Global Select
    writer.text(fields.financialStatus, "N");
    writer.word(fields.roundLotSize, 100);
    writer.text(fields.roundLotsOnly, "N");
    writer.text(fields.classification, "C");
    writer.text(fields.subtype, "Z");
    writer.text(fields.authenticity, "P");
    writer.text(fields.shortSaleThreshold, "N");
    writer.text(fields.ipo, "N");
    writer.text(fields.luldTier, "1");
    writer.text(fields.etp, "N");
    writer.word(fields.leverage, 0);
    writer.text(fields.inverse, "N");
    return byteLength;
  }

  /** Trading action: the stock trades. */
  writeTradingAction(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.TRADING_ACTION;
    const byteLength = this.#beginOf(bytes, at, itch.TRADING_ACTION, fields.stock, stock);
    this.writer.text(fields.state, "T");
    this.writer.text(fields.reserved, " ");
    this.writer.text(fields.reason, "");
    return byteLength;
  }

  writeRegSho(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.REG_SHO;
    const byteLength = this.#beginOf(bytes, at, itch.REG_SHO, fields.stock, stock);
    this.writer.text(fields.action, "0");
    return byteLength;
  }

  writeParticipantPosition(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.PARTICIPANT_POSITION;
    const byteLength = this.#beginOf(bytes, at, itch.PARTICIPANT_POSITION, fields.stock, stock);
    this.writer.text(fields.participant, "SBAR");
    this.writer.text(fields.primary, "Y");
    this.writer.text(fields.mode, "N");
    this.writer.text(fields.state, "A");
    return byteLength;
  }

  /** The imbalance before the opening cross: none, at the opening price. */
  writeImbalance(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.NET_ORDER_IMBALANCE;
    const { writer } = this;
    const byteLength = this.#beginOf(bytes, at, itch.NET_ORDER_IMBALANCE, fields.stock, stock);
    writer.small(fields.paired, this.#rng.between(1, 500) * 100);
    writer.small(fields.imbalance, 0);
    writer.text(fields.direction, "N");
    writer.word(fields.far, this.#openingPrice(stock));
    writer.word(fields.near, this.#openingPrice(stock));
    writer.word(fields.reference, this.#openingPrice(stock));
    writer.text(fields.cross, "O");
    writer.text(fields.variation, "L");
    return byteLength;
  }

  /** The opening cross. */
  writeCross(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.CROSS_TRADE;
    const byteLength = this.#beginOf(bytes, at, itch.CROSS_TRADE, fields.stock, stock);
    this.writer.small(fields.shares, this.#rng.between(1, 500) * 100);
    this.writer.word(fields.price, this.#openingPrice(stock));
    this.#putMatch(fields.match);
    this.writer.text(fields.cross, "O");
    return byteLength;
  }

  /** One message of trading: what is left of an incoming order, or a draw from the mix. */
  writeTrading(bytes: Uint8Array, at: number): number {
    const orders = this.#orders;
    if (this.#sweepShares > 0) {
      const first = orders.first(this.#sweepStock, this.#sweepSide);
      if (first >= 0) return this.#writeExecution(bytes, at, first, this.#sweepShares);
      this.#sweepShares = 0;
    }
    let type = MIX_TYPES[this.#rng.below(MIX_TYPES.length)] as number;
    if (orders.count < OPEN_ORDERS_FLOOR && type !== ADD_MPID) type = ADD;
    else if (orders.count === orders.capacity && (type === ADD || type === ADD_MPID)) type = DELETE;
    else if (type === DELETE && orders.count < OPEN_ORDERS_AIM_PER_STOCK * this.stockCount) type = this.#addOrDelete();
    if (type === BROKEN && this.#numbers[MATCH] === this.#numbers[BROKEN_MATCH]) type = TRADE;
    if (type === ADD || type === ADD_MPID) return this.#writeAdd(bytes, at, type, this.#drawStock());
    if (type === TRADE) return this.#writeTrade(bytes, at, this.#drawStock());
    if (type === BROKEN) return this.#writeBroken(bytes, at, this.#drawStock());
    const slot = orders.slotAt(this.#rng.below(orders.count));
    if (type === DELETE) return this.#writeDelete(bytes, at, slot);
    if (type === REPLACE) return this.#writeReplace(bytes, at, slot);
    if (type === CANCEL) return this.#writeCancel(bytes, at, slot);
    return this.#writeIncoming(bytes, at, type, this.#drawStock());
  }

  #writeAdd(bytes: Uint8Array, at: number, type: number, stock: number): number {
    const orders = this.#orders;
    const { fields } = itch.ADD_ORDER_WITH_MPID;
    const side = this.#rng.chance(0.5) ? BUYING : SELLING;
    const slot = orders.open(stock, side, this.#quote(stock, side));
    orders.shares[slot] = this.#rng.chance(0.2) ? this.#rng.between(1, 99) : this.#rng.between(1, 10) * 100;
    orders.references[slot] = this.#nextNumber(REFERENCE);
    const message = type === ADD ? itch.ADD_ORDER : itch.ADD_ORDER_WITH_MPID;
    const byteLength = this.#beginOf(bytes, at, message, fields.stock, stock);
    this.writer.number(fields.reference, orders.references, slot);
    this.writer.letter(fields.side, side === BUYING ? BUY : SELL);
    this.writer.word(fields.shares, orders.shares[slot] as number);
    this.writer.word(fields.price, this.#priceOf(slot));
    if (type === ADD_MPID) this.writer.text(fields.attribution, "SBAR");
    return byteLength;
  }

  #writeDelete(bytes: Uint8Array, at: number, slot: number): number {
    const byteLength = this.#beginOn(bytes, at, itch.ORDER_DELETE, slot);
    this.#orders.close(slot);
    return byteLength;
  }

  #writeReplace(bytes: Uint8Array, at: number, slot: number): number {
    const orders = this.#orders;
    const { fields } = itch.ORDER_REPLACE;
    const byteLength = this.#beginOn(bytes, at, itch.ORDER_REPLACE, slot);
    orders.references[slot] = this.#nextNumber(REFERENCE);
    orders.shares[slot] = this.#rng.between(1, 10) * 100;
    orders.move(slot, this.#quote(orders.stocks[slot] as number, orders.sides[slot] as number));
    this.writer.number(fields.newReference, orders.references, slot);
    this.writer.word(fields.shares, orders.shares[slot] as number);
    this.writer.word(fields.price, this.#priceOf(slot));
    return byteLength;
  }

  /** A cancel leaves shares behind, else it is a delete. */
  #writeCancel(bytes: Uint8Array, at: number, slot: number): number {
    const shares = this.#orders.shares[slot] as number;
    if (shares === 1) return this.#writeDelete(bytes, at, slot);
    const cancelled = this.#rng.between(1, shares - 1);
    const byteLength = this.#beginOn(bytes, at, itch.ORDER_CANCEL, slot);
    this.writer.word(itch.ORDER_CANCEL.fields.shares, cancelled);
    this.#orders.shares[slot] = shares - cancelled;
    return byteLength;
  }

  /** An order comes in that takes from one side of a stock; where there is nothing to take, an order is added. */
  #writeIncoming(bytes: Uint8Array, at: number, type: number, stock: number): number {
    const orders = this.#orders;
    // The farther the price has gone, the more take it back: it stays in the window.
    const farness = Math.max(-0.5, (orders.best(stock, SELLING) - WINDOW_TICKS / 2) / WINDOW_TICKS);
    const side = this.#rng.chance(0.5 + farness) ? BUYING : SELLING;
    const first = orders.first(stock, side);
    if (first < 0) return this.#writeAdd(bytes, at, ADD, stock);
    if (type === EXECUTED_WITH_PRICE) return this.#writeExecutionWithPrice(bytes, at, first);
    this.#sweepStock = stock;
    this.#sweepSide = side;
    return this.#writeExecution(
      bytes,
      at,
      first,
      this.#rng.chance(0.4) ? this.#rng.between(1, 99) : this.#rng.between(1, 15) * 100,
    );
  }

  #writeExecution(bytes: Uint8Array, at: number, slot: number, wanted: number): number {
    const { fields } = itch.ORDER_EXECUTED;
    const executed = Math.min(wanted, this.#orders.shares[slot] as number);
    const byteLength = this.#beginOn(bytes, at, itch.ORDER_EXECUTED, slot);
    this.writer.word(fields.shares, executed);
    this.#putMatch(fields.match);
    this.#take(slot, executed);
    this.#sweepShares = wanted - executed;
    return byteLength;
  }

  /** An order that was shown at one price and worked at a better one: what a displayed price that slid looks like. */
  #writeExecutionWithPrice(bytes: Uint8Array, at: number, slot: number): number {
    const orders = this.#orders;
    const { fields } = itch.ORDER_EXECUTED_WITH_PRICE;
    const executed = this.#rng.between(1, orders.shares[slot] as number);
    const byteLength = this.#beginOn(bytes, at, itch.ORDER_EXECUTED_WITH_PRICE, slot);
    this.writer.word(fields.shares, executed);
    this.#putMatch(fields.match);
    this.writer.letter(fields.printable, YES);
    this.writer.word(fields.price, this.#priceOf(slot) + (orders.sides[slot] === BUYING ? TICK : -TICK));
    this.#take(slot, executed);
    return byteLength;
  }

  /** A trade against an order that was never shown: reference 0, and always "B" (section 1.5.1). */
  #writeTrade(bytes: Uint8Array, at: number, stock: number): number {
    const { fields } = itch.TRADE;
    const bid = this.#orders.best(stock, BUYING);
    const byteLength = this.#beginOf(bytes, at, itch.TRADE, fields.stock, stock);
    this.writer.number(fields.reference, this.#numbers, ZERO);
    this.writer.letter(fields.side, BUY);
    this.writer.word(fields.shares, this.#rng.between(1, 5) * 100);
    const tick = bid < 0 ? WINDOW_TICKS / 2 : bid;
    this.writer.word(fields.price, ((this.#firstTicks[stock] as number) + tick) * TICK + TICK / 2);
    this.#putMatch(fields.match);
    return byteLength;
  }

  /** The last match is broken: nothing changes in the book. */
  #writeBroken(bytes: Uint8Array, at: number, stock: number): number {
    const byteLength = this.writer.begin(bytes, at, itch.BROKEN_TRADE, stock + 1);
    this.writer.number(itch.BROKEN_TRADE.fields.match, this.#numbers, MATCH);
    this.#numbers[BROKEN_MATCH] = this.#numbers[MATCH] as number;
    return byteLength;
  }

  #take(slot: number, executed: number): void {
    const left = (this.#orders.shares[slot] as number) - executed;
    this.#orders.shares[slot] = left;
    if (left === 0) this.#orders.close(slot);
  }

  /** A tick for a new order: mostly at or near the best of its side, now and then better, never at the other side. */
  #quote(stock: number, side: number): number {
    const rng = this.#rng;
    const isBuy = side === BUYING;
    const own = this.#orders.best(stock, side);
    const other = this.#orders.best(stock, isBuy ? SELLING : BUYING);
    const behind = rng.chance(0.08) ? -1 : rng.below(1 << rng.below(6));
    const best = own >= 0 ? own : other >= 0 ? other : WINDOW_TICKS / 2;
    // Asks are at tick 1 or above, and bids at the last but one or below: there is always room for the other side.
    if (isBuy) return Math.max(0, Math.min(best - behind, (other >= 0 ? other : WINDOW_TICKS - 1) - 1));
    return Math.min(WINDOW_TICKS - 1, Math.max(best + behind, other + 1, 1));
  }

  #addOrDelete(): number {
    return this.#rng.chance(0.5) ? ADD : DELETE;
  }

  /** A stock; the lower its number, the more often it trades. */
  #drawStock(): number {
    return this.#rng.below(this.#rng.below(this.stockCount) + 1);
  }

  #priceOf(slot: number): number {
    const orders = this.#orders;
    return ((this.#firstTicks[orders.stocks[slot] as number] as number) + (orders.ticks[slot] as number)) * TICK;
  }

  #openingPrice(stock: number): number {
    return ((this.#firstTicks[stock] as number) + WINDOW_TICKS / 2) * TICK;
  }

  #nextNumber(which: number): number {
    const next = (this.#numbers[which] as number) + 1;
    this.#numbers[which] = next;
    return next;
  }

  #putMatch(field: itch.ItchField<"u64">): void {
    (this.#numbers[MATCH] as number)++;
    this.writer.number(field, this.#numbers, MATCH);
  }

  /** Begins a message that names a stock: locates count from 1. */
  #beginOf(
    bytes: Uint8Array,
    at: number,
    message: itch.ItchMessage<unknown>,
    stockField: itch.ItchField<"alpha8">,
    stock: number,
  ): number {
    const byteLength = this.writer.begin(bytes, at, message, stock + 1);
    this.writer.text(stockField, this.#symbols[stock] as string);
    return byteLength;
  }

  /** Begins a message about an open order, whose reference always lies at the same place. */
  #beginOn(bytes: Uint8Array, at: number, message: itch.ItchMessage<unknown>, slot: number): number {
    const byteLength = this.writer.begin(bytes, at, message, (this.#orders.stocks[slot] as number) + 1);
    this.writer.number(itch.ORDER_DELETE.fields.reference, this.#orders.references, slot);
    return byteLength;
  }
}

/** "SAAA", "SAAB", … */
function symbolOf(stock: number): string {
  const letters = [Math.floor(stock / 676) % 26, Math.floor(stock / 26) % 26, stock % 26];
  return `S${String.fromCharCode(...letters.map((letter) => "A".charCodeAt(0) + letter))}`;
}
