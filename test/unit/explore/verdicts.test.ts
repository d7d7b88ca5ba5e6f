import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";
import { failureOf } from "./failure-of.ts";

/** A search, a shrinking and a search for the cure: seconds, and many more on a machine that does something else. */
const SEARCH_LIMIT_MS = 60_000;

describe("what comes to no end comes to a verdict", { timeout: SEARCH_LIMIT_MS }, () => {
  const setup = (bed: ExploredBed): EduDriver => new EduDriver(bed.pci, "poll");

  test("a loop that polls for what nobody will write", async () => {
    const error = await failureOf(
      explore(edu(), { setup, runs: 20 }, (bed) => {
        const buffer = bed.pci.dma.alloc(64);
        while (buffer.read32(0) === 0) bed.pci.cpu.relax();
      }),
    );
    expect(error.verdict).toBe("livelock");
  });

  test.each([0, 1, 9, 100])("a loop that has a limit of time, and reads %i words before it relaxes", async (count) => {
    const result = await explore(edu(), { setup, runs: 10 }, (bed) => {
      const { cpu } = bed.pci;
      const buffer = bed.pci.dma.alloc(4 * count + 4);
      const endNs = cpu.nowNs() + 5e6;
      while (cpu.nowNs() < endNs) {
        for (let word = 0; word < count; word++) buffer.read32(4 * word);
        cpu.relax();
      }
    });
    expect(result).toEqual({ runs: 30, unknown: 0 });
  });

  test.each([0, 9, 100])("a loop that waits for a copy, and reads %i other words before it relaxes", async (count) => {
    // The word is polled behind other loads without a barrier, which is not what is asked here.
    const result = await explore(edu(), { setup, runs: 10, races: false }, (bed) => {
      const { cpu } = bed.pci;
      const buffer = bed.pci.dma.alloc(4 * count + 8);
      const bar = bed.pci.bar(0);
      const address = buffer.iova + 4 * count;
      buffer.write32(4 * count, 7);
      bar.write32(0x80, 0x40000);
      bar.write32(0x88, address % 2 ** 32);
      bar.write32(0x8c, Math.floor(address / 2 ** 32));
      bar.write32(0x90, 4);
      bar.write32(0x98, 3);
      for (let rounds = 0; ; rounds++) {
        for (let word = 0; word < count; word++) buffer.read32(4 * word);
        if (buffer.read32(4 * count) === 0) break;
        expect(rounds).toBeLessThan(500);
        cpu.relax();
      }
    });
    expect(result).toEqual({ runs: 30, unknown: 0 });
  });

  test("a loop that waits for what its handler leaves in a variable", async () => {
    const result = await explore(edu(), { setup, runs: 10 }, (bed) => {
      const { cpu } = bed.pci;
      const bar = bed.pci.bar(0);
      const [interrupt] = bed.pci.interrupts("msi", 1);
      let isHandled = false;
      interrupt?.handle(() => {
        isHandled = true;
      });
      const startNs = cpu.nowNs();
      bar.write32(0x60, 1);
      while (!isHandled) cpu.relax();
      expect(cpu.nowNs()).toBe(startNs);
    });
    expect(result).toEqual({ runs: 30, unknown: 0 });
  });

  test("an assertion that failed has the broken rule beside it", async () => {
    const error = await failureOf(
      explore(edu(), { setup, runs: 1, cure: false }, (bed) => {
        bed.pci.bar(0).read16(0x20);
        throw new Error("it went wrong");
      }),
    );
    expect(error.message).toContain("it went wrong; in the same run the driver broke a rule: 2-byte access to STATUS");
  });

  test("a loop that waits for nothing, without a read", async () => {
    const error = await failureOf(
      explore(edu(), { setup, runs: 10 }, (bed) => {
        const isDone = (): boolean => bed.violations.length > 0;
        while (!isDone()) bed.pci.cpu.relax();
      }),
    );
    expect(error.verdict).toBe("livelock");
  });

  test("a driver that swallows the end of the run, and goes on", async () => {
    let accesses = 0;
    const error = await failureOf(
      explore(edu(), { setup, runs: 20 }, (bed) => {
        const buffer = bed.pci.dma.alloc(64);
        for (let attempt = 0; attempt < 5; attempt++) {
          try {
            while (buffer.read32(0) === 0) bed.pci.cpu.relax();
          } catch {
            accesses++;
          }
        }
      }),
    );
    expect(error.verdict).toBe("livelock");
    expect(accesses).toBeGreaterThanOrEqual(5);
  });

  /** Reads for ever what changes all the time. */
  const readsOn = (bed: ExploredBed): void => {
    const bar = bed.pci.bar(0);
    for (let value = 0; ; value++) {
      bar.write32(0x04, value);
      bar.read32(0x04);
    }
  };

  test("runs of which nothing is known do not pass", async () => {
    await expect(explore(edu(), { setup, runs: 2 }, readsOn)).rejects.toThrow(
      "explore: of 6 of 6 runs nothing is known, because they took more than 10,000 steps: put the driver through less",
    );
  });

  test("a body that never ends is starving where it must end, and so is its replay", async () => {
    const options = { setup, runs: 2, mustEnd: true, cure: false };
    const error = await failureOf(explore(edu(), options, readsOn));
    expect(error.verdict).toBe("starvation");
    expect((await failureOf(explore(edu(), { ...options, replay: error.token }, readsOn))).verdict).toBe("starvation");
  });

  test("a wait for an interrupt that is masked ends by its limit", async () => {
    const result = await explore(edu(), { setup, runs: 20 }, (bed) => {
      const [interrupt] = bed.pci.interrupts("msi", 1);
      const before = bed.pci.cpu.nowNs();
      expect(interrupt?.wait(5)).toBe(false);
      expect(bed.pci.cpu.nowNs() - before).toBe(5e6);
    });
    expect(result.unknown).toBe(0);
  });

  test("a driver that needs raw memory is told why it cannot be explored", async () => {
    const error = await failureOf(explore(edu(), { runs: 1 }, (bed) => void bed.pci.bar(0).map()));
    expect(error.message).toContain("Use the accessors");
  });
});
