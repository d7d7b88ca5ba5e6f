import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { exanic } from "../../../devices/exanic/index.ts";
import { feedHandler } from "../../../devices/feed-handler/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import type { DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";
import { ExanicDriver } from "../../../scenarios/drivers/exanic.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";

const WATCHED = { run: "folded", races: true } as const;

describe("reference drivers have no data race", () => {
  test("ixgbe, with interrupts, more frames than its rings hold", async () => {
    await using bed = await plugIn(ixgbe({ linkUpNs: 0 }), WATCHED);
    const driver = IxgbeDriver.probe(bed.pci, { ringSize: 8, bufferCount: 24, promiscuous: true, interrupts: "msix" });
    const batch = frames(20, { seed: 3 });
    for (const frame of batch) {
      bed.wire.send(frame);
      while (!driver.transmit(frame)) bed.pci.cpu.relax();
      let got = driver.receive();
      for (; got === undefined; got = driver.receive()) bed.pci.cpu.relax();
      expect(got).toEqual(frame);
    }
    await bed.quiesce();
    expect(bed.wire.sent).toEqual(batch);
    expect(bed.violations).toEqual([]);
    driver.close();
  });

  test("edu, by polling, message and line", async () => {
    for (const waitBy of ["poll", "msi", "intx"] as const) {
      await using bed = await plugIn(edu(), WATCHED);
      const driver = new EduDriver(bed.pci, waitBy);
      const bytes = new Uint8Array(100).map((_, index) => index);
      driver.copyToCard(bytes, 0);
      const back = new Uint8Array(bytes.length);
      driver.copyFromCard(back, 0);
      expect(back).toEqual(bytes);
      expect(bed.violations).toEqual([]);
    }
  });

  test("exanic, which is not lapped", async () => {
    await using bed = await plugIn(exanic({ startupNs: 0, linkUpNs: 0 }), WATCHED);
    const driver = ExanicDriver.probe(bed.pci);
    const target = new Uint8Array(2048);
    for (const frame of frames(5, { seed: 4 })) {
      bed.wire.send(frame);
      let length = driver.reader.receive(target);
      for (; length === 0; length = driver.reader.receive(target)) bed.pci.cpu.relax();
      expect(target.subarray(0, frame.length)).toEqual(frame);
    }
    expect(bed.violations).toEqual([]);
  });
});

/** What is found of a body, as "rule: lines". */
async function found(device: DeviceSpec, body: (bed: Testbed) => void): Promise<string[]> {
  await using bed = await plugIn(device, WATCHED);
  body(bed);
  return bed.violations.map(({ rule, message }) => `${rule}: ${message}`);
}

function copyToCard(bed: Testbed, fill: (buffer: DmaBuffer) => void): void {
  const bar = bed.pci.bar(0);
  bed.pci.config.setBusMaster(true);
  const buffer = bed.pci.dma.alloc(64, { label: "copied" });
  bar.write64(0x80, BigInt(buffer.iova));
  bar.write64(0x88, 0x40000n);
  bar.write64(0x90, 16n);
  fill(buffer);
}

describe("what is missing is found in the one order that a folded run has, with both sites", () => {
  test("a wmb before a relaxed doorbell", async () => {
    const races = await found(edu(), (bed) =>
      copyToCard(bed, (buffer) => {
        buffer.write32(0, 7);
        bed.pci.bar(0).writeRelaxed32(0x98, 1);
        while ((bed.pci.bar(0).read32(0x98) & 1) !== 0) bed.pci.cpu.relax();
      }),
    );
    expect(races).toHaveLength(1);
    expect(races[0]).toMatch(
      /^data-race: data race on 4 bytes at copied\+0x0 \(IOVA 0x[\da-f_]+\): the write of driver/,
    );
    expect(races[0]).toMatch(/driver, write \d+, at folded-races\.test\.ts:\d+ \| edu, DMA read 1/);
  });

  test("and with the wmb nothing", async () => {
    const races = await found(edu(), (bed) =>
      copyToCard(bed, (buffer) => {
        buffer.write32(0, 7);
        bed.pci.cpu.wmb();
        bed.pci.bar(0).writeRelaxed32(0x98, 1);
        while ((bed.pci.bar(0).read32(0x98) & 1) !== 0) bed.pci.cpu.relax();
      }),
    );
    expect(races).toEqual([]);
  });

  test.each([
    ["without a barrier", true],
    ["with dmaRmb", false],
  ])("the length of a received frame behind a plain look at DD, %s", async (_how, isWrong) => {
    const races = await found(ixgbe({ linkUpNs: 0 }), (bed) => {
      IxgbeDriver.probe(bed.pci, { ringSize: 8, promiscuous: true });
      const bar = bed.pci.bar(0);
      const ring = bed.pci.dma.open(bar.read32(reg.RDBAH(0)) * 2 ** 32 + bar.read32(reg.RDBAL(0)));
      const [frame = new Uint8Array()] = frames(1);
      bed.wire.send(frame);
      while ((ring.read32(reg.RXD_STATUS) & reg.RXD_STAT_DD) === 0) bed.pci.cpu.relax();
      if (!isWrong) bed.pci.cpu.dmaRmb();
      expect(ring.read32(reg.RXD_LENGTH_VLAN) & 0xffff).toBe(frame.length);
    });
    expect(races.map((each) => each.split(":")[0])).toEqual(isWrong ? ["data-race"] : []);
  });

  test.each([
    ["plainly", true],
    ["by a driver that says why it may", false],
  ])("the length beside the flag in one load of eight bytes, %s", async (_how, isWrong) => {
    const races = await found(ixgbe({ linkUpNs: 0 }), (bed) => {
      IxgbeDriver.probe(bed.pci, { ringSize: 8, promiscuous: true });
      const { pci } = bed;
      const bar = pci.bar(0);
      const ring = pci.dma.open(bar.read32(reg.RDBAH(0)) * 2 ** 32 + bar.read32(reg.RDBAL(0)));
      bed.wire.send(new Uint8Array(60));
      pci.cpu.delay(1e6);
      if (!isWrong) pci.cpu.beginRacy("as a test does");
      ring.copyTo(reg.RXD_STATUS, new Uint8Array(8), 0, 8);
      pci.cpu.endRacy(false);
    });
    expect(races.map((each) => each.split(":")[0])).toEqual(isWrong ? ["data-race"] : []);
  });

  test.each([
    ["without an interrupt", true],
    ["with the one that is behind them", false],
  ])("bytes that are read by time alone, %s", async (_how, isWrong) => {
    const races = await found(edu(), (bed) => {
      const { pci } = bed;
      const bar = pci.bar(0);
      pci.config.setBusMaster(true);
      const [interrupt] = pci.interrupts("msi", 1);
      const buffer = pci.dma.alloc(64, { label: "copied" });
      bar.write64(0x80, 0x40000n);
      bar.write64(0x88, BigInt(buffer.iova));
      bar.write64(0x90, 16n);
      bar.write32(0x98, 1 | 2 | 4);
      if (isWrong) pci.cpu.delay(1e6);
      else expect(interrupt?.wait()).toBe(true);
      buffer.copyTo(0, new Uint8Array(16), 0, 16);
    });
    expect(races.some((each) => each.startsWith("data-race"))).toBe(isWrong);
  });

  test("a counter that a handler and its task share", async () => {
    const races = await found(edu(), (bed) => {
      const { pci } = bed;
      const bar = pci.bar(0);
      pci.config.setBusMaster(true);
      const counter = pci.dma.alloc(64, { label: "counter" });
      pci.interrupts("msi", 1)[0]?.handle(() => {
        bar.write32(0x64, bar.read32(0x24));
        counter.write32(0, counter.read32(0) + 1);
      });
      bar.write32(0x60, 1);
      pci.cpu.relax();
      counter.write32(0, counter.read32(0) + 1);
    });
    expect(races.join()).toContain("hold it off with irqSave");
  });
});

test("a feed handler is watched too", async () => {
  await using bed = await plugIn(feedHandler(), WATCHED);
  expect(bed.pci.bar(0).read32(0)).not.toBe(0xffff_ffff);
  expect(bed.violations).toEqual([]);
});
