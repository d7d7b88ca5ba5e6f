import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { relayNic } from "../../fixtures/relay-nic.ts";
import { BLOCK, registerBlock } from "../../threads/fixtures/register-block.ts";

describe("quiesce", () => {
  test("follows what is planned to its end", async () => {
    await using bed = await plugIn(edu({ factorialNs: 3_600e9 }), { run: "folded" });
    const bar = bed.pci.bar(0);
    bar.write32(0x08, 10);
    await bed.quiesce();
    expect(bed.pci.cpu.nowNs()).toBeGreaterThanOrEqual(3_600e9);
    expect(bar.read32(0x08)).toBe(3_628_800);
  });

  test("says so when a timer starts itself anew for ever", async () => {
    await using bed = await plugIn(registerBlock(), { run: "folded" });
    bed.pci.bar(0).write32(BLOCK.TICK_NS.at(), 1000);
    await expect(bed.quiesce()).rejects.toThrow(
      /did not come to rest within 100000 events: a timer starts itself anew/,
    );
  });

  test("says so when a frame goes round for ever", async () => {
    const cables = [[[0, 1] as const, [0, 1] as const]] as const;
    await using bed = await plugIn(relayNic("bouncer", { bounces: true }), { run: "folded", cables });
    bed.wire.send(new Uint8Array(60));
    await expect(bed.quiesce()).rejects.toThrow(/did not come to rest/);
  });
});

describe("time", () => {
  test("advance lets exactly that much pass, event by event", async () => {
    await using bed = await plugIn(registerBlock(), { run: "folded" });
    const bar = bed.pci.bar(0);
    bar.write32(BLOCK.TICK_NS.at(), 1000);
    const start = bed.pci.cpu.nowNs();
    bed.advance(10_500);
    expect(bed.pci.cpu.nowNs()).toBe(start + 10_500);
    expect((await bed.statistics())[0]?.counters).toMatchObject({ ticks: 10 });
  });

  test("a read costs time, in which what is planned happens when it is planned", async () => {
    await using bed = await plugIn([registerBlock(), relayNic("nic")], { run: "folded" });
    for (let sent = 0; sent < 7; sent++) bed.wire.send(new Uint8Array(60));
    bed.pci.bar(0).read32(BLOCK.MIXED.at());
    const { frames, lastArrivalNs } = (await bed.statistics())[1]?.counters ?? {};
    expect(frames).toBe(7);
    expect(lastArrivalNs).toBeCloseTo(7 * 67.2, 6);
  });

  test("on the wall clock, delays and waits take as long as they say, and timers run in them", async () => {
    await using bed = await plugIn(edu({ factorialNs: 3e6 }), { run: "folded", clock: "wall" });
    bed.pci.config.setBusMaster(true);
    const [interrupt] = bed.pci.interrupts("msi", 1);
    const bar = bed.pci.bar(0);
    bar.write32(0x20, 0x80);
    const start = bed.pci.cpu.nowNs();
    bar.write32(0x08, 5);
    expect(interrupt?.wait(5000)).toBe(true);
    expect(bed.pci.cpu.nowNs() - start).toBeGreaterThanOrEqual(3e6);
    expect(bar.read32(0x08)).toBe(120);
    expect(interrupt?.wait(2)).toBe(false);
    const before = bed.pci.cpu.nowNs();
    bed.pci.cpu.delay(4e6);
    expect(bed.pci.cpu.nowNs() - before).toBeGreaterThanOrEqual(4e6);
    expect(() => bed.advance(1)).toThrow(/the wall clock passes by itself/);
  });
});

describe("what a folded testbed has not", () => {
  test("is said with what has it", async () => {
    await using bed = await plugIn(registerBlock(), { run: "folded" });
    expect(() => bed.cpu(1)).toThrow(/has one CPU.*run: "threaded"/);
    expect(() => bed.wire).toThrow(/no device of this testbed has a wire/);
    await using none = await plugIn([], { run: "folded" });
    expect(() => none.pci).toThrow("no device is plugged in");
    await expect(plugIn(Array.from({ length: 17 }, registerBlock), { run: "folded" })).rejects.toThrow(/takes 16/);
  });

  test("sixteen devices do not share an interrupt line, an address or a mapping", async () => {
    await using bed = await plugIn(
      Array.from({ length: 16 }, () => edu()),
      { run: "folded" },
    );
    const lines = bed.functions.map((pci) => pci.interrupts("intx", 1)[0]);
    bed.functions[15]?.bar(0).write32(0x60, 1);
    bed.functions[7]?.bar(0).write32(0x60, 1);
    expect(lines.flatMap((line, index) => (line?.poll() === true ? [index] : []))).toEqual([7, 15]);
    bed.functions[3]?.dma.alloc(64);
    expect(bed.functions.map(({ dma }) => dma.mappingCount).reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(new Set(bed.functions.map(({ config }) => config.read32(0x10))).size).toBe(16);
  });
});
