/** What the books of orders and of levels share: prices from words, the check for crossing, the state hash. */
import { type BookFaults, CROSSED, LOCKED } from "./book-faults.ts";
import { ASK, BID, NO_LEVEL, type PriceLadders } from "./price-ladders.ts";

const TWO_TO_32 = 0x1_0000_0000;
/** High words of prices below 2^53, either sign. */
const PRICE_HIGH_LIMIT = 1 << 21;

/** Whether a price with this high word is an exact Number. */
export function isPriceInRange(priceHigh: number): boolean {
  return priceHigh < PRICE_HIGH_LIMIT && priceHigh >= -PRICE_HIGH_LIMIT;
}

/** A signed 64-bit price from its two words. */
export function toPrice(priceHigh: number, priceLow: number): number {
  return priceHigh * TWO_TO_32 + (priceLow >>> 0);
}

/** Counts the fault when `level`, which has just become the best of its side, meets the other side's best. */
export function countIfCrossing(ladders: PriceLadders, level: number, faults: BookFaults): void {
  const side = ladders.sideOf(level);
  const other = ladders.best(ladders.instrumentOf(level), side === BID ? ASK : BID);
  if (other === NO_LEVEL) return;
  const beyond =
    side === BID ? ladders.priceOf(level) - ladders.priceOf(other) : ladders.priceOf(other) - ladders.priceOf(level);
  if (beyond === 0) faults.count(LOCKED);
  else if (beyond > 0) faults.count(CROSSED);
}

/** 32 bits of all levels, instrument by instrument, each side from the best. */
export function hashLevels(ladders: PriceLadders): number {
  let hash = 0x811c_9dc5 | 0;
  for (let instrument = 0; instrument < ladders.instrumentCount; instrument++) {
    for (let side = BID; side <= ASK; side++) {
      const depth = ladders.depth(instrument, side);
      if (depth > 0) hash = mixed(hash, 2 * instrument + side);
      for (let rank = 0; rank < depth; rank++) {
        const level = ladders.at(instrument, side, rank);
        const price = ladders.priceOf(level);
        const size = ladders.sizeOf(level);
        hash = mixed(mixed(hash, Math.floor(price / TWO_TO_32)), price | 0);
        hash = mixed(mixed(hash, Math.floor(size / TWO_TO_32)), size | 0);
        hash = mixed(hash, ladders.orderCountOf(level));
      }
    }
  }
  return hash;
}

/** Mixes a word into a hash (a round of MurmurHash3). */
export function mixed(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e_2d51);
  const joined = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b87_3593);
  return (Math.imul((joined << 13) | (joined >>> 19), 5) + 0xe654_6b64) | 0;
}
