import { describe, expect, test } from "vitest";
import { exanic } from "../../../devices/exanic/index.ts";
import type { FaultKind } from "../../../harness/faults/fault-kinds.ts";
import type { FaultRule } from "../../../harness/faults/fault-rules.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { ExanicDriver } from "../../../scenarios/drivers/exanic.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { countersOf, openFaulted as open, probe, through } from "./faulted-card.ts";

const MS = 1_000_000;

describe("a fault strikes at the n-th time, once, and the card's own counters see the same", () => {
  const FRAMES = frames(4, { maxByteLength: 64 });
  const without = (nth: number): Uint8Array[] => FRAMES.filter((_, index) => index !== nth - 1);

  test.for([1, 2, 3, 4])(
    "frame %i is lost on the wire, or arrives with a wrong FCS, as a runt or as a giant",
    async (nth) => {
      for (const [kind, register] of [
        ["frame-lost", undefined],
        ["frame-bad-fcs", "crcErrors"],
        ["frame-runt", "undersized"],
        ["frame-giant", "oversized"],
      ] as const) {
        await using bed = await open();
        const driver = probe(bed);
        await bed.faults.arm({ kind, nth });
        expect(through(bed, driver, FRAMES), kind).toEqual(without(nth));
        if (register !== undefined) expect(driver.statistics()[register], kind).toBe(1);
        expect((await bed.faults.report()).struck).toEqual([{ kind, nth, where: "a frame into port 0" }]);
        expect(bed.violations).toEqual([]);
      }
    },
  );

  test("a DMA read is answered with an error: no fault of the driver's, and the card says which", async () => {
    await using bed = await open([{ kind: "dma-read-error", nth: 2 }]);
    const driver = probe(bed);
    driver.transmit(FRAMES[0] as Uint8Array);
    bed.advance(MS);
    expect(bed.wire.sent).toEqual([]);
    expect((await countersOf(bed)).dmaReadErrors).toBe(1);
    expect((await bed.faults.report()).struck).toEqual([
      { kind: "dma-read-error", nth: 2, where: "descriptor 0 of transmit queue 0" },
    ]);
    expect(() => driver.check()).toThrow("a DMA of the card was refused (EICR.PCI_EXCEPTION)");
    expect(bed.violations).toEqual([]);
  });

  test("a DMA write is refused: the card counts it, and its driver misses the write-back", async () => {
    await using bed = await open([{ kind: "dma-write-error", nth: 4 }]);
    const driver = probe(bed);
    expect(through(bed, driver, FRAMES)).toEqual(FRAMES.slice(0, 1));
    expect((await countersOf(bed)).dmaWriteErrors).toBe(1);
    expect((await bed.faults.report()).struck[0]?.where).toBe("the write-back of descriptor 1 of receive queue 0");
    driver.check();
    expect(() => driver.check()).toThrow(
      "the card has filled descriptor 1 of receive queue 0, and its write-back never came",
    );
  });

  test("interrupts are lost, come late or twice: the bus has one less, as many, one more", async () => {
    const messages = async (rules: readonly FaultRule[]): Promise<{ count: number; lateNs: number }> => {
      await using bed = await open(rules);
      const driver = probe(bed, { interrupts: "msix", interruptIntervalUs: 0 });
      let lateNs = 0;
      // Long enough to be still on the wire when the driver goes to sleep.
      for (const frame of frames(4, { minByteLength: 1500 })) {
        const fromNs = bed.pci.cpu.nowNs();
        bed.wire.send(frame);
        expect(driver.waitForTraffic(10)).toBe(true);
        lateNs = Math.max(lateNs, bed.pci.cpu.nowNs() - fromNs);
        expect(driver.receive()).toEqual(frame);
        bed.advance(5 * MS);
      }
      return { count: (await countersOf(bed)).interrupts ?? 0, lateNs };
    };
    const plain = await messages([]);
    expect(plain.lateNs).toBeLessThan(0.1 * MS);
    const lost = await messages([{ kind: "interrupt-lost", nth: 2 }]);
    expect(lost.count).toBe(plain.count - 1);
    // The driver looks again at the end of its wait.
    expect(lost.lateNs).toBeGreaterThanOrEqual(10 * MS);
    const late = await messages([{ kind: "interrupt-late", nth: 2, durationNs: 3 * MS }]);
    expect(late.count).toBe(plain.count);
    expect(late.lateNs).toBeGreaterThanOrEqual(3 * MS);
    expect(late.lateNs).toBeLessThan(3.2 * MS);
    expect((await messages([{ kind: "interrupt-spurious", nth: 2 }])).count).toBe(plain.count + 1);
  });

  test("write-backs come late, in two parts, or in part", async () => {
    for (const [kind, outcome] of [
      ["write-back-late", "comes"],
      ["write-back-torn", "comes"],
      ["payload-late", "is old"],
      ["write-back-reordered", "throws"],
      ["write-back-partial", "throws"],
    ] as const) {
      await using bed = await open([{ kind, nth: 2, durationNs: MS }]);
      const driver = probe(bed);
      const [first, second] = FRAMES as [Uint8Array, Uint8Array];
      expect(through(bed, driver, [first]), kind).toEqual([first]);
      if (outcome === "throws") {
        expect(() => through(bed, driver, [second]), kind).toThrow("descriptor 1 holds 0 bytes");
        continue;
      }
      const seen = through(bed, driver, [second]);
      expect(seen, kind).toHaveLength(outcome === "comes" ? 0 : 1);
      if (outcome === "is old") expect(seen[0], kind).not.toEqual(second);
      bed.advance(MS);
      if (outcome === "comes") expect(driver.receive(), kind).toEqual(second);
    }
  });

  test("an engine stands still for a time, or until the card is reset", async () => {
    await using bed = await open();
    const driver = probe(bed);
    await bed.faults.arm([{ kind: "fetch-stall", nth: 1, durationNs: 2 * MS }]);
    driver.transmit(FRAMES[0] as Uint8Array);
    bed.advance(MS);
    expect(bed.wire.sent).toEqual([]);
    bed.advance(2 * MS);
    expect(bed.wire.sent).toEqual(FRAMES.slice(0, 1));
    await bed.faults.arm([{ kind: "fetch-stuck", nth: 1 }]);
    driver.transmit(FRAMES[1] as Uint8Array);
    for (let looks = 0; looks < 3; looks++) {
      driver.check();
      bed.advance(20 * MS);
    }
    expect(() => driver.check()).toThrow("descriptor 1 of transmit queue 0 has not been sent for 50 ms");
    await bed.quiesce();
    // The queue does not go off either, so the card is cut off.
    expect(() => driver.close()).toThrow("TXDCTL(0).ENABLE");
    const next = probe(bed);
    next.transmit(FRAMES[2] as Uint8Array);
    bed.advance(MS);
    expect(bed.wire.sent.at(-1)).toEqual(FRAMES[2]);
    expect(bed.violations).toEqual([]);
  });

  test("what takes its time takes longer, or never ends: a reset, the EEPROM, the link", async () => {
    for (const [where, limit] of [
      ["the end of the reset", "CTRL.RST"],
      ["the auto-read of the EEPROM", "EEC.AUTO_RD"],
      ["the link coming up", "LINKS.LINK_UP"],
      ["a receive queue going on or off", "RXDCTL(0).ENABLE"],
    ] as const) {
      await using stuck = await open([{ kind: "operation-stuck", probability: 1, where }]);
      expect(() => probe(stuck, { linkLimitMs: 100 }), where).toThrow(limit);
      expect(stuck.pci.dma.mappingCount).toBe(0);
      // The driver waits longer than the EEPROM takes anyhow, even when that is slow.
      if (where === "the auto-read of the EEPROM") continue;
      await using slow = await open([{ kind: "operation-slow", probability: 1, where }]);
      const fromNs = slow.pci.cpu.nowNs();
      probe(slow, { linkLimitMs: 1000 }).close();
      await using plain = await open();
      const plainFromNs = plain.pci.cpu.nowNs();
      probe(plain).close();
      expect(slow.pci.cpu.nowNs() - fromNs, where).toBeGreaterThan(plain.pci.cpu.nowNs() - plainFromNs);
    }
  });

  test("a register read times out: all ones, once", async () => {
    await using bed = await open();
    await bed.faults.arm({ kind: "read-error", nth: 2 });
    const seen = [0, 1, 2].map(() => bed.pci.bar(0).read32(reg.STATUS));
    expect(seen[1]).toBe(0xffff_ffff);
    expect(seen[2]).toBe(seen[0]);
    expect((await bed.faults.report()).struck[0]?.where).toBe("the read of STATUS");
    await bed.faults.arm({ kind: "config-read-error", nth: 1 });
    expect([0, 0].map((offset) => bed.pci.config.read16(offset))).toEqual([0xffff, 0x8086]);
  });

  test("a kernel has no memory, or fewer vectors: the driver polls", async () => {
    await using bed = await open([{ kind: "dma-alloc-failed", nth: 2 }]);
    expect(() => probe(bed)).toThrow("no DMA memory for rx ring 0 (256 bytes): fault dma-alloc-failed");
    expect(bed.pci.dma.mappingCount).toBe(0);
    await bed.faults.arm({ kind: "interrupts-fewer", probability: 1 });
    const driver = probe(bed, { interrupts: "msix" });
    expect(through(bed, driver, FRAMES)).toEqual(FRAMES);
    expect((await bed.faults.report()).counts["interrupts-fewer"]).toEqual({ met: 1, struck: 1 });
  });
});

describe("the n-th is the same one for every kind that meets it", () => {
  const FRAMES = frames(5, { maxByteLength: 64 });

  test("frames towards the card, whatever befalls those before", async () => {
    for (const first of ["frame-lost", "frame-runt", "frame-giant", "frame-bad-fcs", "link-flap"] as const) {
      await using bed = await open([
        { kind: first, nth: 1, durationNs: 10_000 },
        { kind: "frame-giant", nth: 3 },
        { kind: "frame-bad-fcs", nth: 4 },
      ]);
      const driver = probe(bed);
      expect(through(bed, driver, FRAMES.slice(0, 1)), first).toEqual([]);
      bed.advance(5 * MS);
      expect(through(bed, driver, FRAMES.slice(1)), first).toEqual([FRAMES[1], FRAMES[4]]);
    }
  });

  /** Kinds that meet the same things. */
  const TOGETHER: readonly (readonly FaultKind[])[] = [
    ["frame-lost", "frame-bad-fcs", "frame-runt", "frame-giant"],
    ["removal", "power-glitch"],
    ["fetch-stall", "fetch-stuck"],
    ["operation-slow", "operation-stuck"],
    ["interrupt-lost", "interrupt-late", "interrupt-spurious"],
    ["write-back-late", "write-back-torn", "write-back-reordered", "write-back-partial", "write-back-corrupt"],
  ];
  test.for(TOGETHER.flatMap((kinds) => kinds.map((kind) => [kind, kinds] as const)))(
    "%s shifts none of its like",
    async ([kind, kinds]) => {
      await using bed = await open([{ kind, probability: 1, limit: 1, durationNs: 10_000 }]);
      try {
        const driver = probe(bed, { interrupts: "msix", interruptIntervalUs: 0 });
        for (const frame of FRAMES) {
          driver.transmit(frame);
          bed.wire.send(frame);
          driver.waitForTraffic(1);
          driver.receive();
        }
      } catch {
        // What a driver has to say of it is told elsewhere.
      }
      const { counts } = await bed.faults.report();
      expect(counts[kind]?.struck).toBe(1);
      expect(kinds.map((each) => counts[each]?.met)).toEqual(kinds.map(() => counts[kind]?.met));
    },
  );

  test("of writes to memory a refused one, too", async () => {
    await using bed = await open([{ kind: "dma-write-error", probability: 1 }]);
    through(bed, probe(bed), FRAMES);
    const { counts } = await bed.faults.report();
    const [all, payloads, writeBacks] = (["dma-write-error", "payload-late", "write-back-late"] as const).map(
      (kind) => counts[kind]?.met ?? 0,
    );
    expect(all).toBeGreaterThan(0);
    expect((payloads as number) + (writeBacks as number)).toBe(all);
  });

  test("of accesses to the card that with which it is gone, too", async () => {
    await using bed = await open([{ kind: "removal", nth: 1, durationNs: 1 }]);
    bed.pci.bar(0).read32(reg.STATUS);
    bed.advance(MS);
    bed.pci.bar(0).read32(reg.STATUS);
    expect((await bed.faults.report()).counts).toMatchObject({
      removal: { met: 2, struck: 1 },
      "read-error": { met: 2, struck: 0 },
    });
  });
});

describe("the slot and the wire", () => {
  const FRAMES = frames(2, { maxByteLength: 64 });

  test("a card that is pulled out gives all ones and does nothing; put back, it is as after power-on", async () => {
    await using bed = await open();
    const driver = probe(bed);
    const sentBefore = (await countersOf(bed)).dmaWrites;
    await bed.faults.arm({ kind: "removal", nth: 1, durationNs: 5 * MS });
    const { config } = bed.pci;
    expect(bed.pci.bar(0).read32(reg.STATUS)).toBe(0xffff_ffff);
    expect([config.read8(0), config.read16(0), config.read32(0)]).toEqual([0xff, 0xffff, 0xffff_ffff]);
    bed.pci.bar(0).write32(reg.EIMC, 1);
    bed.wire.send(FRAMES[0] as Uint8Array);
    bed.advance(MS);
    expect(driver.receive()).toBeUndefined();
    expect((await countersOf(bed)).dmaWrites).toBe(sentBefore);
    expect((await countersOf(bed)).faultFramesLost).toBe(1);
    expect(() => driver.check()).toThrow("the card is gone from the bus");
    expect(() => driver.close()).toThrow("the card is gone from the bus");
    expect(bed.pci.dma.mappingCount).toBe(0);
    bed.advance(5 * MS);
    expect(config.read16(0)).toBe(0x8086);
    expect(bed.pci.bar(0).read32(reg.RXDCTL(0)) & reg.RXDCTL_ENABLE).toBe(0);
    expect(through(bed, probe(bed), FRAMES)).toEqual(FRAMES);
    expect(bed.violations).toEqual([]);
  });

  test("a power glitch is seen by whoever asks", async () => {
    await using bed = await open();
    const driver = probe(bed);
    await bed.faults.arm({ kind: "power-glitch", nth: 1 });
    expect(bed.pci.bar(0).read32(reg.STATUS)).toBe(0xffff_ffff);
    bed.advance(MS);
    expect(() => driver.check()).toThrow(
      "receive queue 0 is off although nobody has switched it off: the card was reset",
    );
  });

  test("a link goes down with the frame that passes, and comes up in its time: LINKS and LSC say so", async () => {
    await using bed = await open([{ kind: "link-flap", nth: 1, durationNs: 3 * MS }]);
    const driver = probe(bed, { interrupts: "msix" });
    driver.linkChanged();
    expect(through(bed, driver, FRAMES.slice(0, 1))).toEqual([]);
    expect(driver.linkUp).toBe(false);
    expect(driver.linkChanged()).toBe(true);
    bed.advance(3 * MS + 2 * MS);
    expect(driver.linkUp).toBe(true);
    expect(driver.linkChanged()).toBe(true);
    expect(driver.linkChanged()).toBe(false);
    expect(through(bed, driver, FRAMES)).toEqual(FRAMES);
  });

  test("an interrupt of the link that is lost is made good by the watchdog", async () => {
    await using bed = await open([
      { kind: "link-flap", nth: 1, durationNs: 3 * MS },
      { kind: "interrupt-lost", probability: 1, where: "vector 1" },
    ]);
    const driver = probe(bed, { interrupts: "msix" });
    through(bed, driver, FRAMES.slice(0, 1));
    expect(driver.linkChanged()).toBe(false);
    driver.check();
    expect(driver.linkChanged()).toBe(true);
  });

  test("an ExaNIC's port loses its link and gets it back", async () => {
    await using bed = await plugIn(exanic({ chunkCount: 64 }), {
      run: "folded",
      faults: [{ kind: "link-flap", nth: 1 }],
    });
    const driver = ExanicDriver.probe(bed.pci, { chunkCount: 64, promiscuous: true });
    bed.wire.send(FRAMES[0] as Uint8Array);
    bed.advance(0.1 * MS);
    expect(driver.check()).toBe(false);
    bed.advance(4 * MS);
    expect(driver.check()).toBe(true);
  });
});
