import { describe, expect, test } from "vitest";
import { plugIn } from "../../harness/plug-in.ts";
import { relayNic } from "../fixtures/relay-nic.ts";
import type { LaneWriterArgument } from "./fixtures/lane-writer.driver.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";
import { createStartLine } from "./fixtures/start-line.ts";

const driver = (name: string): string => new URL(`./fixtures/${name}.driver.ts`, import.meta.url).href;
const DOORBELL = BLOCK.DOORBELL.at();

/** The device's own counters. */
async function countersOf(bed: { statistics(): Promise<{ counters: Record<string, number> }[]> }) {
  return (await bed.statistics())[0]?.counters ?? {};
}

describe("posted writes", () => {
  test("100,000 of them, a hundred rings full, arrive in order and all; a read pushes the last", async () => {
    await using bed = await plugIn(registerBlock());
    const bar = bed.pci.bar(0);
    for (let value = 1; value <= 100_000; value++) bar.write32(DOORBELL, value);
    expect(bar.read32(DOORBELL)).toBe(100_000);
    expect(await countersOf(bed)).toMatchObject({ doorbells: 100_000, disorder: 0 });
  });

  test("a read returns what the write before it left, every time", async () => {
    await using bed = await plugIn(registerBlock());
    const bar = bed.pci.bar(0);
    for (let round = 0; round < 20_000; round++) {
      const value = Math.imul(round, 0x9e3779b1) >>> 0;
      bar.write32(BLOCK.CONTROL.at(), value);
      if (bar.read32(BLOCK.SHOWN.at()) !== ~value >>> 0) expect.fail(`round ${round}: the read overtook the write`);
    }
  });

  test("all widths and configuration accesses go the same way, in order", async () => {
    await using bed = await plugIn(registerBlock());
    const { config } = bed.pci;
    const bar = bed.pci.bar(0);
    for (let round = 0; round < 500; round++) {
      bar.write32(BLOCK.STORAGE.at(round & 255), round);
      // Non-posted: what was posted before it is there when it returns.
      config.write8(0x3c, round & 0xff);
      expect(config.read8(0x3c)).toBe(round & 0xff);
      expect(bar.read32(BLOCK.STORAGE.at(round & 255))).toBe(round);
    }
    // An access that the BAR decodes, of whatever width, reaches the device.
    bar.write64(BLOCK.STORAGE.at(0), 0x1122334455667788n);
    expect(bar.read64(BLOCK.STORAGE.at(0)) & 0xffffffffn).toBe(0x55667788n);
    expect([bar.read16(BLOCK.STORAGE.at(0)), bar.read8(BLOCK.STORAGE.at(0))]).toEqual([0x7788, 0x88]);
  });
});

describe("several CPUs", () => {
  test("each sees its own order, nothing is lost, and neither is starved", async () => {
    await using bed = await plugIn(registerBlock());
    const count = 50_000;
    const argument: LaneWriterArgument = { startLine: createStartLine(2), count };
    const ends = await Promise.all([1, 2].map((index) => bed.cpu(index).run(driver("lane-writer"), argument)));
    expect(ends).toEqual([count, count]);
    const counters = await countersOf(bed);
    expect(counters).toMatchObject({ lane1: count, lane2: count });
    // Turns of at most 256 requests a ring: a run as long as all of it would mean that the other had to wait.
    expect(counters.longestLaneRun).toBeLessThan(count);
  });

  test("a CPU that comes and goes many times leaves nothing to look at behind", async () => {
    await using bed = await plugIn(registerBlock());
    for (let round = 1; round <= 12; round++) {
      const argument: LaneWriterArgument = { startLine: createStartLine(1), count: 100 };
      expect(await bed.cpu(1).run(driver("lane-writer"), argument)).toBe(100);
      expect(await countersOf(bed)).toMatchObject({ lane1: 100 * round });
    }
  });
});

describe("the control plane", () => {
  test("answers while a driver hammers the data plane, and the data plane goes on meanwhile", async () => {
    await using bed = await plugIn(registerBlock(), { quiesceLimitMs: 200 });
    const flag = new SharedArrayBuffer(8);
    const words = new Int32Array(flag);
    const hammering = bed.cpu(1).run<number>(driver("hammer"), flag);
    while (Atomics.load(words, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    let before = 0;
    for (let call = 0; call < 20; call++) {
      let doorbells = before;
      // The driver's thread may be held up by a busy machine, but not for a thousand calls.
      for (let tries = 0; tries < 1000 && doorbells === before; tries++) ({ doorbells = 0 } = await countersOf(bed));
      expect(doorbells).toBeGreaterThan(before);
      before = doorbells;
    }
    // Reads of this CPU get their turn as well.
    for (let round = 0; round < 100; round++) expect(bed.pci.bar(0).read32(BLOCK.MIXED.at())).toBe(0x5500_0000);
    Atomics.store(words, 0, 1);
    const posted = await hammering;
    await bed.quiesce();
    expect(await countersOf(bed)).toMatchObject({ doorbells: posted, disorder: 0 });
  });

  test("quiesce says after its limit that the traffic does not end, and close ends it all the same", async () => {
    // A frame that goes round for ever.
    const specs = [relayNic("bouncer", { bounces: true })];
    await using bed = await plugIn(specs, {
      quiesceLimitMs: 100,
      cables: [
        [
          [0, 1],
          [0, 1],
        ],
      ],
    });
    bed.wire.send(new Uint8Array(60));
    const startMs = performance.now();
    await expect(bed.quiesce()).rejects.toThrow(/did not come to rest within 100 ms: traffic still arrives/);
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect((await countersOf(bed)).frames).toBeGreaterThan(1);
  });
});
