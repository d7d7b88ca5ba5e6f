import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deriveSeed, RNG_STATE_WORDS, Rng } from "../../../emulator/run/rng.ts";

const seeds = fc.maxSafeNat();

function draws(rng: Rng, count: number): number[] {
  return Array.from({ length: count }, () => rng.nextU32());
}

describe("xoshiro128**", () => {
  test("gives what the authors' C code gives for the state 1, 2, 3, 4", () => {
    const rng = Rng.resume(Uint32Array.of(1, 2, 3, 4));
    expect(draws(rng, 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
    let last = 0;
    for (let count = 10; count < 1_000_000; count++) last = rng.nextU32();
    expect(last).toBe(3457443141);
  });

  test("is seeded by splitmix32", () => {
    const rng = new Rng(42);
    expect([...rng.state]).toEqual([0x3805ea2c, 0xeb5cd984, 0x1327aacb, 0xc5ba443d]);
    expect(draws(rng, 6)).toEqual([2837322924, 544945897, 479756282, 3500138142, 339756180, 113173290]);
  });

  test("the signed draw has the same bits as the unsigned one", () => {
    fc.assert(fc.property(seeds, (seed) => new Rng(seed).nextI32() >>> 0 === new Rng(seed).nextU32()));
  });

  test("a state in shared memory, copied away and back, goes on where it stood", () => {
    fc.assert(
      fc.property(seeds, fc.nat(50), (seed, drawCount) => {
        const shared = new Uint32Array(new SharedArrayBuffer(64), 16, RNG_STATE_WORDS);
        const rng = new Rng(seed, shared);
        draws(rng, drawCount);
        const snapshot = shared.slice();
        const ahead = draws(rng, 8);
        shared.set(snapshot);
        expect(draws(Rng.resume(shared), 8)).toEqual(ahead);
        rng.seed(seed);
        expect(draws(rng, 8)).toEqual(draws(new Rng(seed), 8));
      }),
    );
  });

  test("no seed leaves the state at zero, and all 53 bits of a seed matter", () => {
    fc.assert(fc.property(seeds, (seed) => new Rng(seed).state.some((word) => word !== 0)));
    expect([...new Rng(7).state]).not.toEqual([...new Rng(7 + 2 ** 32).state]);
    expect([...new Rng(7 + 2 ** 32).state]).not.toEqual([...new Rng(7 + 2 ** 33).state]);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("refuses the seed %s", (seed) => {
    expect(() => new Rng(seed)).toThrow(/seed is an integer/);
  });

  test("refuses too short a state", () => {
    expect(() => new Rng(1, new Uint32Array(3))).toThrow(/4 words/);
  });
});

describe("what is drawn from it", () => {
  test("below is in range, and takes nothing else from the stream than whole draws", () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const value = new Rng(seed).below(bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
        // The first draw that is kept gives the result.
        const kept = draws(new Rng(seed), 64).find((draw) => draw >= 2 ** 32 % bound);
        expect(value).toBe((kept as number) % bound);
      }),
    );
  });

  test("below favours nobody where plain modulo would: 3 * 2^30 leaves out a quarter of all draws", () => {
    // Modulo alone gives the lowest third twice as often: a share of 1/2 instead of 1/3.
    const bound = 3 * 2 ** 30;
    const rng = new Rng(1);
    let lowest = 0;
    for (let count = 0; count < 30_000; count++) if (rng.below(bound) < 2 ** 30) lowest++;
    expect(lowest / 30_000).toBeCloseTo(1 / 3, 1);
  });

  test("below(6) is even: chi-squared of 60000 throws under the one-in-a-million bound", () => {
    const rng = new Rng(3);
    const counts = new Float64Array(6);
    for (let count = 0; count < 60_000; count++) {
      const face = rng.below(6);
      counts[face] = (counts[face] as number) + 1;
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquared).toBeLessThan(35.9);
  });

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])("below refuses the bound %s", (bound) => {
    expect(() => new Rng(1).below(bound)).toThrow(/integer bound/);
  });

  test("between reaches both ends", () => {
    const rng = new Rng(5);
    const seen = new Set(Array.from({ length: 500 }, () => rng.between(-2, 2)));
    expect([...seen].sort((left, right) => left - right)).toEqual([-2, -1, 0, 1, 2]);
  });

  test("chance: never for 0, always for 1, about as often as asked otherwise, and always one draw", () => {
    const rng = new Rng(11);
    let hits = 0;
    for (let count = 0; count < 10_000; count++) {
      expect(rng.chance(0)).toBe(false);
      expect(rng.chance(1)).toBe(true);
      if (rng.chance(0.25)) hits++;
    }
    expect(hits / 10_000).toBeCloseTo(0.25, 1);
    const twin = new Rng(11);
    draws(twin, 30_000);
    expect([...twin.state]).toEqual([...rng.state]);
  });

  test("chance is no even for the draw 0 when the probability is 0, and yes for the smallest one above", () => {
    // The second draw of the state 1, 2, 3, 4 is 0.
    const rng = Rng.resume(Uint32Array.of(1, 2, 3, 4));
    rng.nextU32();
    expect(rng.chance(0)).toBe(false);
    const again = Rng.resume(Uint32Array.of(1, 2, 3, 4));
    again.nextU32();
    expect(again.chance(2 ** -32)).toBe(true);
  });

  test.each([-0.1, 1.1, Number.NaN])("chance refuses the probability %s", (probability) => {
    expect(() => new Rng(1).chance(probability)).toThrow(/probability is from 0 to 1/);
  });

  test("fraction is below one and covers the range", () => {
    const rng = new Rng(13);
    const fractions = Array.from({ length: 2000 }, () => rng.fraction());
    expect(Math.min(...fractions)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...fractions)).toBeLessThan(1);
    expect(fractions.reduce((sum, fraction) => sum + fraction, 0) / 2000).toBeCloseTo(0.5, 1);
  });

  test("streams of one seed differ from each other and from the streams of the next seed", () => {
    const derived = [0, 1, 2, 2 ** 40].flatMap((seed) => [0, 1, 2, 3].map((stream) => deriveSeed(seed, stream)));
    expect(new Set(derived).size).toBe(derived.length);
  });
});
