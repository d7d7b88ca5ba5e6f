import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InstrumentIndex } from "../../../../emulator/wire/books/instrument-index.ts";
import { LevelBook } from "../../../../emulator/wire/books/level-book.ts";
import { ASK, BID } from "../../../../emulator/wire/books/price-ladders.ts";
import { high, type Level, levelsOf, low, outcomeOf, SIDES } from "./model-book.ts";

const prices = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: 1, max: 25 }).map(BigInt) },
  { weight: 1, arbitrary: fc.constantFrom(-3n, 2n ** 40n, 2n ** 53n) },
);
const updates = fc.tuple(fc.nat(2), fc.nat(1), prices, fc.nat(4), fc.nat(3));

describe("a book of price levels", () => {
  test("any updates leave it as they leave a Map of prices", () => {
    fc.assert(
      fc.property(fc.array(updates, { maxLength: 150 }), (sequence) => {
        const book = new LevelBook({ instrumentCount: 2, levelCapacity: 1 });
        const sides = [0, 1, 2, 3].map(() => new Map<number, Level>());
        const sorted = (index: number): Level[] => {
          const levels = [...(sides[index] as Map<number, Level>).values()];
          return levels.sort((left, right) => (index % 2 === BID ? right[0] - left[0] : left[0] - right[0]));
        };
        for (const [instrument, side, price, size, orderCount] of sequence) {
          const index = 2 * instrument + side;
          const levels = sides[index];
          const before = `${levels === undefined ? "" : sorted(index)[0]}`;
          const outcome = outcomeOf(book.set(instrument, side, high(price), low(price), size, orderCount));
          if (levels === undefined) expect(outcome).toBe("unknownInstrument");
          else if (price === 2n ** 53n) expect(outcome).toBe("priceOutOfRange");
          else if (size > 0) {
            expect(outcome).toBe("ok");
            levels.set(Number(price), [Number(price), size, orderCount]);
          } else expect(outcome).toBe(levels.delete(Number(price)) ? "ok" : "unknownLevel");
          if (levels !== undefined && `${sorted(index)[0]}` !== before) expect(book.topChanged).toBe(true);
        }
        const other = new LevelBook({ instrumentCount: 2 });
        for (const index of [3, 2, 1, 0]) {
          expect(levelsOf(book.levels, index >> 1, index & 1)).toEqual(sorted(index));
          for (const [price, size, orderCount] of sorted(index).reverse()) {
            other.set(index >> 1, index & 1, high(BigInt(price)), low(BigInt(price)), size, orderCount);
          }
        }
        expect(book.stateHash()).toBe(other.stateHash());
        book.clear(0);
        for (const side of SIDES) expect(levelsOf(book.levels, 0, side)).toEqual([]);
        expect(levelsOf(book.levels, 1, BID)).toEqual(sorted(2));
        book.clearAll();
        expect(book.levels.levelCount).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test("a new best that meets the other side is counted once, as locked or crossed", () => {
    const book = new LevelBook({ instrumentCount: 1 });
    book.set(0, ASK, 0, 100, 1, 1);
    book.set(0, BID, 0, 99, 1, 1);
    expect(book.faults.total).toBe(0);
    book.set(0, BID, 0, 100, 1, 1);
    book.set(0, BID, 0, 100, 2, 1);
    book.set(0, BID, 0, 101, 1, 1);
    expect(book.faults.toObject()).toEqual({ locked: 1, crossed: 1 });
    expect(book.growthCount).toBe(0);
  });
});

describe("numbers for instruments", () => {
  test("are given in the order of appearance, and found again; beyond the capacity there are none", () => {
    const names = fc.uniqueArray(fc.tuple(fc.integer(), fc.integer()), { maxLength: 60, selector: String });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 70 }), (all, capacity) => {
        const index = new InstrumentIndex(capacity);
        for (const [word0, word1] of all) expect(index.find(word0, word1)).toBe(-1);
        for (const [wanted, [word0, word1]] of [...all, ...all].entries()) {
          const number = wanted % all.length;
          expect(index.findOrAdd(word0, word1)).toBe(number < capacity ? number : -1);
          if (number < capacity) expect([index.word0(number), index.word1(number)]).toEqual([word0, word1]);
        }
        expect(index.count).toBe(Math.min(all.length, capacity));
      }),
    );
    expect(() => new InstrumentIndex(0)).toThrow(/1 to 1048576 instruments, not 0/);
  });
});
