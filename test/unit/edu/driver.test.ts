import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";

const plugInEdu = (options = {}) => plugIn(edu(options), { run: "folded" });

describe.each(["poll", "intx", "msi"] as const)("the tutorial driver, waiting by %s", (waitBy) => {
  test("identifies the card, finds it alive and computes", async () => {
    await using bed = await plugInEdu();
    const driver = new EduDriver(bed.pci, waitBy);
    expect(driver.identification).toBe(0x0100_00ed);
    fc.assert(fc.property(fc.integer(), (word) => driver.isAlive(word)));
    expect([0, 1, 5, 12, 13, 34].map((n) => driver.factorial(n))).toEqual([1, 1, 120, 479_001_600, 1_932_053_504, 0]);
    driver.close();
    expect([bed.violations, bed.notes]).toEqual([[], []]);
  });

  test("gets back from the card what it copied there", async () => {
    await using bed = await plugInEdu({ dmaAddressBits: waitBy === "poll" ? 28 : 44 });
    const driver = new EduDriver(bed.pci, waitBy);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), fc.nat(), (data, slack) => {
        const cardOffset = slack % (4096 - data.length + 1);
        const back = new Uint8Array(data.length);
        driver.copyToCard(data, cardOffset);
        driver.copyFromCard(back, cardOffset);
        expect(back).toEqual(data);
      }),
    );
    expect(driver.factorial(4)).toBe(24);
    driver.close();
    expect([bed.violations, bed.pci.dma.mappingCount]).toEqual([[], 0]);
  });
});

test("DMA memory for a card of 28 address bits lies below 256 MiB", async () => {
  await using bed = await plugInEdu();
  const buffer = bed.pci.dma.alloc(4096);
  expect(buffer.iova + 4096).toBeLessThanOrEqual(2 ** 28);
  buffer.free();
});

test("the driver says so when the function is no edu", async () => {
  await using bed = await plugInEdu();
  const other: PciFunction = Object.create(bed.pci, {
    bar: { value: () => ({ read32: () => 0xffff_ffff }) },
    name: { value: "other" },
  });
  expect(() => new EduDriver(other)).toThrow("other is no edu");
});

test("without Bus Master the transfer completes without data, and the testbed says why", async () => {
  await using bed = await plugInEdu();
  const driver = new EduDriver(bed.pci, "poll");
  bed.pci.config.setBusMaster(false);
  const back = new Uint8Array([1, 2, 3]);
  driver.copyToCard(new Uint8Array([7, 8, 9]), 0);
  driver.copyFromCard(back, 0);
  // What comes back is what the driver left in its own buffer: the card has neither read nor written it.
  expect(back).toEqual(new Uint8Array([7, 8, 9]));
  expect(bed.violations.map((finding) => finding.rule)).toEqual(["bus-master-off"]);
});

test("a card that does not interrupt does not hang its driver", async () => {
  await using bed = await plugInEdu();
  const driver = new EduDriver(bed.pci, "msi");
  bed.pci.config.setBusMaster(false);
  expect(() => driver.factorial(3)).toThrow("does not interrupt");
});

test("after a function-level reset in the middle of a transfer nothing lands, and a new driver finds a fresh card", async () => {
  await using bed = await plugInEdu();
  const bar = bed.pci.bar(0);
  bed.pci.config.setBusMaster(true);
  const buffer = bed.pci.dma.alloc(4096);
  bar.write64(0x0080, 0x4_0000n);
  bar.write64(0x0088, BigInt(buffer.iova));
  bar.write64(0x0090, 4096n);
  buffer.bytes.fill(0xa5);
  bar.write32(0x0098, 3);
  expect(bar.read32(0x0098)).toBe(3);
  bed.pci.config.functionLevelReset();
  bed.pci.config.setBusMaster(true);
  bed.advance(1e9);
  expect(bar.read32(0x0098)).toBe(0);
  expect(buffer.bytes.every((byte) => byte === 0xa5)).toBe(true);
  buffer.free();
  expect(new EduDriver(bed.pci).factorial(6)).toBe(720);
  expect(bed.violations).toEqual([]);
});

test("options that no card can have are refused", async () => {
  await expect(plugInEdu({ dmaAddressBits: 64 })).rejects.toThrow(RangeError);
});
