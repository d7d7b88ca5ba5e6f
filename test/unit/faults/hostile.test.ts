import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lies } from "../../../harness/faults/hostile/deceiver.ts";
import { hostile, hostileRunner } from "../../../harness/faults/hostile/hostile.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { ROUNDS, toy } from "./fixtures/toy-device.ts";
import { type Bug, ToyDriver } from "./toy-driver.ts";

const scenario = (bug?: Bug) =>
  ({
    setup: (bed: Testbed) => new ToyDriver(bed.pci, bug),
    teardown: (driver: ToyDriver) => driver.close(),
    stepLimit: 20_000,
  }) as const;
const SEED = 1;
/** What the answer is worth is not asked: a card that lies may lie about that. */
const body = (_bed: Testbed, driver: ToyDriver): void => {
  for (let round = 0; round < 3; round++) driver.ask(round);
};

describe("a card that lies", () => {
  test("tells the same lies for the same seed, and does no harm to a driver that believes little", async () => {
    const run = () => hostile(toy(), { ...scenario(), runs: 100, seed: 5 }, body);
    const result = await run();
    expect(result).toMatchObject({ runs: 100, seed: 5, failures: [] });
    expect(result.lieCount).toBeGreaterThan(20);
    expect(await run()).toEqual(result);
    const other = await hostile(toy(), { ...scenario(), runs: 100, seed: 6 }, body);
    expect(other.lieCount).not.toBe(result.lieCount);
  });

  test("deceives one that believes a length, by one lie in the end, which does it again", async () => {
    const { failures } = await hostile(toy(), { ...scenario("believes-length"), runs: 150, seed: 5 }, body);
    const outside = failures.find(({ verdict }) => verdict === "outside");
    assert.ok(outside);
    expect(outside.lies).toHaveLength(1);
    const again = await hostile(toy(), { ...scenario("believes-length"), lies: outside.lies }, body);
    expect(again.failures).toEqual([outside]);
    expect((await hostile(toy(), { ...scenario(), lies: outside.lies }, body)).failures).toEqual([]);
  });

  test("says two things of one word that is read twice", async () => {
    const seen: number[] = [];
    const run = await hostileRunner(toy(), {}, (bed) => {
      const buffer = bed.pci.dma.alloc(64);
      buffer.write32(0, 7);
      seen.push(buffer.read32(0), buffer.read32(0), buffer.readAcquire32(0), bed.pci.config.read16(0));
      buffer.free();
    });
    const { told } = await run({
      lies: [
        { nth: 2, word: 1, how: "flip" },
        { nth: 3, word: 0xffff, how: "low-half" },
      ],
    });
    expect(seen).toEqual([7, 6, 0xffff, 0x1234]);
    expect(told).toEqual([
      { nth: 2, word: 6 },
      { nth: 3, word: 0xffff },
    ]);
  });

  test("lies about every word that is read or copied out, however", async () => {
    const seen: unknown[] = [];
    const run = await hostileRunner(toy(), {}, (bed) => {
      const buffer = bed.pci.dma.alloc(64);
      const copy = new Uint8Array(8);
      seen.push(bed.pci.bar(0).read64(ROUNDS));
      buffer.copyTo(0, copy, 1, 6);
      seen.push([...copy], buffer.compareExchange32(0, 0, 5), buffer.read32(0));
      buffer.free();
    });
    const lies = [2, 3, 4, 6].map((nth) => ({ nth, word: 0x0403_0201 }));
    const { told } = await run({ lies });
    expect(seen).toEqual([0x0403_0201_0000_0000n, [0, 1, 2, 3, 4, 1, 0, 0], 0x0403_0201, 5]);
    expect(told).toEqual([2, 3, 4, 6].map((nth) => ({ nth, word: nth === 4 ? 1 : 0x0403_0201 })));
  });

  test("writes into raw memory, at the driver's accesses and waits: where the card may, and while it is there", async () => {
    const seen: number[] = [];
    const run = await hostileRunner(toy(), {}, (bed) => {
      const [own, kept] = [bed.pci.dma.alloc(64, { direction: "to-device" }), bed.pci.dma.alloc(8)];
      const words = [own, kept].map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
      const look = (): void => void seen.push(...words.map((view) => view.getUint32(4, true)));
      look();
      bed.pci.cpu.relax();
      look();
      bed.pci.bar(0).read32(ROUNDS);
      look();
      for (const buffer of [own, kept]) buffer.free();
      bed.pci.cpu.relax();
    });
    const lies = [1, 2, 3].map((nth) => ({ nth, word: 16 + nth, at: 4 }));
    expect((await run({ lies })).told).toEqual(lies.slice(0, 2));
    expect(seen).toEqual([0, 0, 0, 17, 0, 18]);
    // By chance as well, and told so that it can be told again.
    seen.length = 0;
    const drawn = await run({ probability: 1, seed: 3, limit: 100 });
    const first = seen.splice(0);
    expect(drawn.told.filter(({ at }) => at !== undefined)).not.toEqual([]);
    expect((await run({ lies: drawn.told })).told).toEqual(drawn.told);
    expect(seen).toEqual(first);
  });

  test("a wrong result is no failure, and runs without a lie are none of the verdicts", async () => {
    const { verdicts, failures, honestRuns, runs } = await hostile(
      toy(),
      { ...scenario(), runs: 80 },
      (_bed, driver) => {
        for (let round = 0; round < 3; round++) assert.equal(driver.ask(round), round + 1);
      },
    );
    expect(failures).toEqual([]);
    expect(verdicts.deceived).toBeGreaterThan(0);
    expect(honestRuns).toBeGreaterThan(0);
    expect(Object.values(verdicts).reduce((sum, count) => sum + count)).toBe(runs - honestRuns);
  });

  test("is nothing to be proud of when no lie was told", async () => {
    await expect(hostile(toy(), { runs: 20 }, () => {})).rejects.toThrow(
      "nothing is tested: in 20 runs no lie was told",
    );
    await expect(hostile(toy(), { ...scenario(), lies: [{ nth: 999, word: 1 }] }, body)).rejects.toThrow(
      "nothing is tested: none of the lies was told",
    );
  });

  test("is a fast-check value that shrinks to the one lie that matters", async () => {
    const run = await hostileRunner(toy(), scenario("believes-length"), body);
    const property = fc.asyncProperty(lies({ reads: 20, maxLength: 6 }), async (list) => {
      const { verdict } = await run({ lies: list });
      return verdict === "recovered" || verdict === "clean-error";
    });
    const { failed, counterexample } = await fc.check(property, { seed: SEED, numRuns: 200 });
    expect(failed).toBe(true);
    expect(counterexample?.[0]).toHaveLength(1);
    const honest = await hostileRunner(toy(), scenario(), body);
    await fc.assert(
      fc.asyncProperty(lies({ reads: 25 }), async (list) => {
        const { verdict, detail } = await honest({ lies: list });
        expect(["recovered", "clean-error"], detail).toContain(verdict);
      }),
      { numRuns: 100 },
    );
  });
});
