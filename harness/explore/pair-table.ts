/** Pairs that are kept, as a power of two, and how full the table may get. */
const TABLE_BITS = 17;
const PAIR_LIMIT = 0.75 * 2 ** TABLE_BITS;

const FORWARD = 1;
const BACKWARD = 2;

/** A set of pairs of 32-bit words that knows in which orders each pair was seen. Allocated once. */
export class PairTable {
  pairCount = 0;
  bothCount = 0;
  isFull = false;
  readonly #low = new Int32Array(1 << TABLE_BITS);
  readonly #high = new Int32Array(1 << TABLE_BITS);
  readonly #orders = new Uint8Array(1 << TABLE_BITS);

  /** Pairs, each counted once for each order in which it was seen. */
  get orderCount(): number {
    return this.pairCount + this.bothCount;
  }

  add(earlier: number, later: number): void {
    const order = earlier < later ? FORWARD : BACKWARD;
    const low = order === FORWARD ? earlier : later;
    const high = order === FORWARD ? later : earlier;
    let at = (Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca6b)) >>> (32 - TABLE_BITS);
    // Ends: a quarter of the table is always empty.
    while (this.#orders[at] !== 0) {
      if (this.#low[at] === low && this.#high[at] === high) {
        this.#addOrder(at, order);
        return;
      }
      at = (at + 1) & ((1 << TABLE_BITS) - 1);
    }
    if (this.pairCount === PAIR_LIMIT) {
      this.isFull = true;
      return;
    }
    this.#low[at] = low;
    this.#high[at] = high;
    this.#orders[at] = order;
    this.pairCount++;
  }

  #addOrder(at: number, order: number): void {
    const orders = this.#orders[at] as number;
    if ((orders & order) !== 0) return;
    this.#orders[at] = orders | order;
    this.bothCount++;
  }
}
