import type { Rng } from "../../run/rng.ts";
import { ITCH50_BYTE_LENGTHS } from "./itch50.ts";

/** Orders that can be open at a time; a full book takes no more adds until orders leave. */
const LIVE_ORDER_CAPACITY = 16_384;
/** Below this many open orders the market only adds. */
const LIVE_ORDER_FLOOR = 64;
const TICK = 100; // one cent, at four decimals
const LOWEST_REFERENCE_PRICE = 50 * TICK;
const SYMBOL_BYTE_LENGTH = 8;
const TWO_TO_32 = 0x1_0000_0000;

/** Of a hundred messages, how many are of each type: roughly a day of a real feed. */
const MIX = `${"A".repeat(42) + "F".repeat(2) + "D".repeat(37) + "U".repeat(9)}EEEEEEXXCP`;

const code = (letter: string): number => letter.charCodeAt(0);
const MIX_CODES: Uint8Array = Uint8Array.from(MIX, code);
const ADD = code("A");
const ADD_MPID = code("F");
const EXECUTE = code("E");
const EXECUTE_WITH_PRICE = code("C");
const CANCEL = code("X");
const DELETE = code("D");
const REPLACE = code("U");
const TRADE = code("P");
const BUY = code("B");
const SELL = code("S");

/**
 * A made-up stock market that speaks ITCH 5.0: it knows its open orders, so every execution, cancel, delete and replace
 * names an order that was added and is still open, with shares that it still has. Writes one message at a time into the
 * caller's buffer; nothing is allocated after construction.
 */
export class ItchMarket {
  readonly stockCount: number;
  liveOrderCount = 0;
  /** [0]: nanoseconds since midnight that the next message is stamped with. The caller moves it on. */
  readonly stampNs: Float64Array = new Float64Array(1);
  readonly #rng: Rng;
  readonly #symbols: Uint8Array;
  readonly #referencePrices: Int32Array;
  // Open orders, in no order: order i is entry i of each array; the last one fills the place of one that leaves.
  readonly #references = new Float64Array(LIVE_ORDER_CAPACITY);
  readonly #stocks = new Uint16Array(LIVE_ORDER_CAPACITY);
  readonly #sides = new Uint8Array(LIVE_ORDER_CAPACITY);
  readonly #shares = new Int32Array(LIVE_ORDER_CAPACITY);
  readonly #prices = new Int32Array(LIVE_ORDER_CAPACITY);
  // The last order reference [0] and match number [1] given out; [2] is always 0, the reference in a trade message.
  readonly #numbers = new Float64Array(3);

  constructor(rng: Rng, stockCount: number) {
    this.#rng = rng;
    this.stockCount = stockCount;
    this.#symbols = new Uint8Array(stockCount * SYMBOL_BYTE_LENGTH).fill(code(" "));
    this.#referencePrices = new Int32Array(stockCount);
    for (let stock = 0; stock < stockCount; stock++) {
      const letters = [Math.floor(stock / 676) % 26, Math.floor(stock / 26) % 26, stock % 26].map((n) => n + code("A"));
      this.#symbols.set([code("S"), ...letters], stock * SYMBOL_BYTE_LENGTH);
      this.#referencePrices[stock] = rng.between(5, 500) * 100 * TICK;
    }
  }

  /** System event `event` (O S Q M E C). Like all writers here, returns the message's length. */
  writeSystemEvent(bytes: Uint8Array, at: number, event: string): number {
    bytes[at + 11] = code(event);
    return this.#finish(bytes, at, code("S"), -1);
  }

  writeStockDirectory(bytes: Uint8Array, at: number, stock: number): number {
    this.#putSymbol(bytes, at + 11, stock);
    putText(bytes, at + 19, "QN"); // Nasdaq Global Select, financial status normal
    put32(bytes, at + 21, 100);
    putText(bytes, at + 25, "NCZ PNN1N"); // lots, classification, subtype, live, short sale, IPO, tier 1, no ETP
    put32(bytes, at + 34, 0);
    bytes[at + 38] = code("N");
    return this.#finish(bytes, at, code("R"), stock);
  }

  /** Trading action: the stock trades. */
  writeTradingAction(bytes: Uint8Array, at: number, stock: number): number {
    this.#putSymbol(bytes, at + 11, stock);
    putText(bytes, at + 19, "T     ");
    return this.#finish(bytes, at, code("H"), stock);
  }

  writeRegSho(bytes: Uint8Array, at: number, stock: number): number {
    this.#putSymbol(bytes, at + 11, stock);
    bytes[at + 19] = code("0");
    return this.#finish(bytes, at, code("Y"), stock);
  }

  /** One message of trading, drawn from the mix. */
  writeTrading(bytes: Uint8Array, at: number): number {
    let type = MIX_CODES[this.#rng.below(MIX_CODES.length)] as number;
    if (this.liveOrderCount < LIVE_ORDER_FLOOR && type !== ADD_MPID) type = ADD;
    else if (this.liveOrderCount === LIVE_ORDER_CAPACITY && (type === ADD || type === ADD_MPID)) type = DELETE;
    if (type === ADD || type === ADD_MPID) return this.#writeAdd(bytes, at, type);
    if (type === TRADE) return this.#writeTrade(bytes, at);
    return this.#writeOnOrder(bytes, at, type, this.#rng.below(this.liveOrderCount));
  }

  #writeAdd(bytes: Uint8Array, at: number, type: number): number {
    const rng = this.#rng;
    const order = this.liveOrderCount++;
    const stock = rng.below(this.stockCount);
    (this.#numbers[0] as number)++;
    this.#references[order] = this.#numbers[0] as number;
    this.#stocks[order] = stock;
    this.#sides[order] = rng.chance(0.5) ? BUY : SELL;
    this.#shares[order] = rng.chance(0.2) ? rng.between(1, 99) : rng.between(1, 10) * 100;
    this.#prices[order] = this.#quote(stock, this.#sides[order] as number);
    put64(bytes, at + 11, this.#references, order);
    bytes[at + 19] = this.#sides[order] as number;
    put32(bytes, at + 20, this.#shares[order] as number);
    this.#putSymbol(bytes, at + 24, stock);
    put32(bytes, at + 32, this.#prices[order] as number);
    if (type === ADD_MPID) putText(bytes, at + 36, "SBAR");
    return this.#finish(bytes, at, type, stock);
  }

  /** Execution, cancel, delete or replace of open order `order`. */
  #writeOnOrder(bytes: Uint8Array, at: number, type: number, order: number): number {
    const stock = this.#stocks[order] as number;
    const shares = this.#shares[order] as number;
    put64(bytes, at + 11, this.#references, order);
    if (type === DELETE || (type === CANCEL && shares === 1)) {
      // A cancel leaves shares behind, else it is a delete.
      this.#remove(order);
      return this.#finish(bytes, at, DELETE, stock);
    }
    if (type === REPLACE) {
      (this.#numbers[0] as number)++;
      this.#references[order] = this.#numbers[0] as number;
      this.#shares[order] = this.#rng.between(1, 10) * 100;
      this.#prices[order] = this.#quote(stock, this.#sides[order] as number);
      put64(bytes, at + 19, this.#references, order);
      put32(bytes, at + 27, this.#shares[order] as number);
      put32(bytes, at + 31, this.#prices[order] as number);
      return this.#finish(bytes, at, type, stock);
    }
    const taken = type === CANCEL ? this.#rng.between(1, shares - 1) : this.#executed(shares);
    put32(bytes, at + 19, taken);
    if (type === EXECUTE || type === EXECUTE_WITH_PRICE) this.#putMatch(bytes, at + 23);
    if (type === EXECUTE_WITH_PRICE) {
      bytes[at + 31] = code("Y");
      put32(bytes, at + 32, (this.#prices[order] as number) + TICK);
    }
    this.#shares[order] = shares - taken;
    if (taken === shares) this.#remove(order);
    return this.#finish(bytes, at, type, stock);
  }

  /** A trade against an order that was never shown: reference 0. */
  #writeTrade(bytes: Uint8Array, at: number): number {
    const stock = this.#rng.below(this.stockCount);
    put64(bytes, at + 11, this.#numbers, 2);
    bytes[at + 19] = BUY;
    put32(bytes, at + 20, this.#rng.between(1, 5) * 100);
    this.#putSymbol(bytes, at + 24, stock);
    put32(bytes, at + 32, this.#referencePrices[stock] as number);
    this.#putMatch(bytes, at + 36);
    return this.#finish(bytes, at, TRADE, stock);
  }

  #executed(shares: number): number {
    return this.#rng.chance(0.6) ? shares : this.#rng.between(1, shares);
  }

  /** A price near the stock's reference, on the given side of it; the reference drifts. */
  #quote(stock: number, side: number): number {
    const rng = this.#rng;
    const drift = (rng.below(3) - 1) * TICK;
    const reference = Math.max(LOWEST_REFERENCE_PRICE, (this.#referencePrices[stock] as number) + drift);
    this.#referencePrices[stock] = reference;
    const distance = rng.between(1, 20) * TICK;
    return side === BUY ? reference - distance : reference + distance;
  }

  #remove(order: number): void {
    const last = --this.liveOrderCount;
    this.#references[order] = this.#references[last] as number;
    this.#stocks[order] = this.#stocks[last] as number;
    this.#sides[order] = this.#sides[last] as number;
    this.#shares[order] = this.#shares[last] as number;
    this.#prices[order] = this.#prices[last] as number;
  }

  #putMatch(bytes: Uint8Array, at: number): void {
    (this.#numbers[1] as number)++;
    put64(bytes, at, this.#numbers, 1);
  }

  #putSymbol(bytes: Uint8Array, at: number, stock: number): void {
    const from = stock * SYMBOL_BYTE_LENGTH;
    for (let index = 0; index < SYMBOL_BYTE_LENGTH; index++) bytes[at + index] = this.#symbols[from + index] as number;
  }

  /** Type, stock locate (from 1; 0 for all stocks), tracking number 0 and time stamp. */
  #finish(bytes: Uint8Array, at: number, type: number, stock: number): number {
    bytes[at] = type;
    put16(bytes, at + 1, stock + 1);
    put16(bytes, at + 3, 0);
    const stampNs = this.stampNs[0] as number;
    put16(bytes, at + 5, Math.floor(stampNs / TWO_TO_32));
    put32(bytes, at + 7, stampNs % TWO_TO_32);
    return ITCH50_BYTE_LENGTHS[type] as number;
  }
}

function putText(bytes: Uint8Array, at: number, text: string): void {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A number of up to 53 bits, taken from an array because as an argument it would be boxed. */
function put64(bytes: Uint8Array, at: number, numbers: Float64Array, index: number): void {
  const value = numbers[index] as number;
  put32(bytes, at, Math.floor(value / TWO_TO_32));
  put32(bytes, at + 4, value % TWO_TO_32);
}
