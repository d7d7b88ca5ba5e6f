import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LevelBook } from "../../../../emulator/wire/books/level-book.ts";
import { ASK, BID } from "../../../../emulator/wire/books/price-ladders.ts";
import { DeepBook } from "../../../../emulator/wire/feeds/deep-book.ts";
import { IexMessage } from "../../../../emulator/wire/feeds/iex-messages.ts";
import { letterMessage } from "./feed-packets.ts";

interface Update {
  readonly side: "8" | "5";
  readonly symbol: string;
  readonly price: number;
  /** 0 removes the level. */
  readonly size: number;
  readonly isComplete: boolean;
}

function levelUpdate({ side, symbol, price, size, isComplete }: Update): Uint8Array {
  const bytes = letterMessage(side, 30);
  const view = new DataView(bytes.buffer);
  bytes[1] = isComplete ? 1 : 0;
  bytes.set(new TextEncoder().encode(symbol.padEnd(8)), 10);
  view.setUint32(18, size, true);
  view.setBigInt64(22, BigInt(price), true);
  return bytes;
}

const updates = fc.array(
  fc.record({
    side: fc.constantFrom("8" as const, "5" as const),
    symbol: fc.constantFrom("ZIEXT", "A"),
    price: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(2 ** 32, 2 ** 40 + 1)),
    size: fc.constantFrom(0, 0, 100, 2 ** 32 - 1),
    isComplete: fc.boolean(),
  }),
  { maxLength: 60 },
);

describe("price levels kept from IEX DEEP", () => {
  test("are those of a plain map of levels, and the book is whole exactly when an event is complete", () => {
    fc.assert(
      fc.property(updates, (sequence) => {
        const adapter = new DeepBook(new LevelBook({ instrumentCount: 4 }));
        const message = new IexMessage();
        const levels = new Map<string, number>();
        let events = 0;
        expect(adapter.isWhole).toBe(true);
        for (const update of sequence) {
          const bytes = levelUpdate(update);
          expect(message.parse(bytes, 0, bytes.length)).toBe(true);
          const fault = adapter.apply(message);
          const key = `${update.symbol} ${update.side} ${update.price}`;
          expect(fault !== 0).toBe(update.size === 0 && !levels.has(key));
          if (update.size === 0) levels.delete(key);
          else levels.set(key, update.size);
          if (update.isComplete) events++;
          expect(adapter).toMatchObject({ isWhole: update.isComplete, eventCount: events });
        }
        expect(levelsOf(adapter)).toEqual(Object.fromEntries(levels));
      }),
    );
  });

  test("other messages change nothing, and end no event", () => {
    const adapter = new DeepBook(new LevelBook({ instrumentCount: 4 }));
    const message = new IexMessage();
    const half = levelUpdate({ side: "8", symbol: "A", price: 5, size: 1, isComplete: false });
    message.parse(half, 0, half.length);
    adapter.apply(message);
    const trade = letterMessage("T", 38);
    trade[1] = 1;
    message.parse(trade, 0, trade.length);
    expect(adapter.apply(message)).toBe(0);
    expect(adapter).toMatchObject({ isWhole: false, eventCount: 0 });
    expect(adapter.instruments.count).toBe(1);
  });
});

function levelsOf({ book, instruments }: DeepBook): Record<string, number> {
  const found: Record<string, number> = {};
  for (let instrument = 0; instrument < instruments.count; instrument++) {
    const words = new DataView(new ArrayBuffer(8));
    words.setInt32(0, instruments.word0(instrument));
    words.setInt32(4, instruments.word1(instrument));
    const symbol = new TextDecoder().decode(words).trimEnd();
    for (const side of [BID, ASK]) {
      for (let rank = 0; rank < book.levels.depth(instrument, side); rank++) {
        const level = book.levels.at(instrument, side, rank);
        found[`${symbol} ${side === BID ? "8" : "5"} ${book.levels.priceOf(level)}`] = book.levels.sizeOf(level);
      }
    }
  }
  return found;
}
