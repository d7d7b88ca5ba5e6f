import { describe, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { BUFFER_BYTES, RING_SIZE, SmallIxgbe } from "../corpus/small-ixgbe.ts";

const TDH = 0x06010;
const TDWBAL = 0x06038;
const FRAME = new Uint8Array(60).fill(0xff);
const FIRST_SENT = RING_SIZE * BUFFER_BYTES;

const open = (): Promise<Testbed> => plugIn(ixgbe({ linkUpNs: 0 }), { run: "folded" });
const found = (bed: Testbed): string[] => [...bed.violations, ...bed.notes].map(({ rule }) => rule);

/** Vector 0 for the transmit queue, unless another or none (-1) is wanted, and 0 for the receive queue. */
function withVectors(driver: SmallIxgbe, transmit: number): void {
  driver.initMsix();
  const allocation = transmit < 0 ? 0 : (transmit | reg.IVAR_INT_ALLOC_VAL) << 8;
  driver.bar.write32(reg.IVAR(0), allocation | reg.IVAR_INT_ALLOC_VAL);
  driver.bar.write32(reg.EIMS, 3);
}

/** Goes by the word to which the card writes its head (TDWBAL, 7.2.3.5). */
class HeadWriteBack extends SmallIxgbe {
  head!: DmaBuffer;

  override enableTransmitPath(): void {
    this.head = this.pci.dma.alloc(64, { label: "head" });
    this.bar.write32(TDWBAL, this.head.iovaLow | 1);
    this.bar.write32(TDWBAL + 4, this.head.iovaHigh);
    super.enableTransmitPath();
  }

  override clean(): void {
    this.txOldest = this.head.readAcquire32(0);
  }

  override free(): void {
    super.free();
    this.head.free();
  }
}

class HeadRead extends SmallIxgbe {
  override clean(): void {
    this.txOldest = this.bar.read32(TDH);
  }
}

describe("a driver has seen that the card is done", () => {
  const looks: readonly (readonly [string, (driver: SmallIxgbe) => void])[] = [
    ["by DD", (driver) => void driver.isSent(0)],
    ["by a copy of the descriptor", (driver) => driver.txRing.copyTo(0, new Uint8Array(16), 0, 16)],
    ["by a byte of the descriptor", (driver) => void driver.txRing.read8(reg.TXD_STATUS)],
    ["by its cause", (driver) => void driver.bar.read32(reg.EICR)],
    ["by its vector", (driver) => void driver.interrupts[0]?.poll()],
    ["by the count of its vector", (driver) => void driver.interrupts[0]?.count],
    ["by switching the queue off", (driver) => driver.stopQueues()],
    ["by a function-level reset", (driver) => driver.pci.config.functionLevelReset()],
  ];
  test.for(looks)("%s", async ([name, look]) => {
    await using bed = await open();
    const driver = new SmallIxgbe(bed.pci).open();
    if (name === "by its cause") driver.bar.write32(reg.IVAR(0), reg.IVAR_INT_ALLOC_VAL << 8);
    if (name.endsWith("its vector")) withVectors(driver, 0);
    driver.transmit(FRAME);
    driver.pci.cpu.delay(1e6);
    look(driver);
    driver.buffers.write32(FIRST_SENT, 1);
    driver.txRing.write32(0, 1);
    expect(found(bed)).toEqual([]);
  });

  test("by the head that the card writes to memory", async () => {
    await using bed = await open();
    const driver = new HeadWriteBack(bed.pci).open();
    for (const frame of frames(3 * RING_SIZE)) driver.retry(() => driver.transmit(frame));
    driver.close();
    await bed.quiesce();
    expect(bed.wire.sent).toHaveLength(3 * RING_SIZE);
    expect(found(bed)).toEqual([]);
  });

  test("not for certain by a read of the head: a bridge may hold the writes back", async () => {
    await using bed = await open();
    const driver = new HeadRead(bed.pci).open();
    for (const frame of frames(3 * RING_SIZE)) driver.retry(() => driver.transmit(frame));
    expect(new Set(found(bed))).toEqual(new Set(["head-read-as-completion"]));
    // Whoever only looks at it, to see whether a queue hangs, goes by something else.
    const [before] = bed.notes;
    const looking = new SmallIxgbe(bed.pci).open();
    looking.transmit(FRAME);
    looking.bar.read32(TDH);
    looking.clean();
    looking.buffers.write32(FIRST_SENT, 1);
    expect(bed.notes[0]?.count).toBe(before?.count);
    expect(bed.violations).toEqual([]);
  });

  const vain: readonly (readonly [string, number, (driver: SmallIxgbe) => void])[] = [
    ["a poll in vain", 0, (driver) => void driver.interrupts[1]?.poll()],
    ["another vector", 0, (driver) => driver.bar.write32(reg.EICS, 1 << 1)],
    ["a vector that only receives", -1, (driver) => driver.bar.write32(reg.EICS, 1 << 0)],
  ];
  test.for(vain)("and not by %s", async ([, vector, raise]) => {
    await using bed = await open();
    const driver = new SmallIxgbe(bed.pci).open();
    withVectors(driver, vector);
    driver.bar.write32(reg.EIMC, 1);
    driver.transmit(FRAME);
    driver.pci.cpu.delay(1e6);
    driver.bar.write32(reg.EICR, 1);
    driver.bar.write32(reg.EIMS, 3);
    raise(driver);
    driver.pci.cpu.delay(1e6);
    for (const interrupt of driver.interrupts) interrupt.poll();
    driver.buffers.write32(FIRST_SENT, 1);
    expect(found(bed)).toEqual(["completion-not-checked"]);
  });

  test("and not by anything else", async () => {
    await using bed = await open();
    const driver = new SmallIxgbe(bed.pci).open();
    driver.transmit(FRAME);
    driver.bar.read32(reg.STATUS);
    driver.txRing.read32(reg.TXD_COMMAND);
    driver.pci.cpu.delay(1e6);
    driver.buffers.write32(FIRST_SENT, 1);
    expect(found(bed)).toEqual(["completion-not-checked"]);
    expect(bed.violations[0]).toMatchObject({ kind: "violation", place: "transmit queue 0", count: 1 });
    expect(bed.violations[0]?.message).toContain("Store of 4 bytes to packet buffers+0x4000 (IOVA 0x1_0000_8000)");
    expect(bed.violations[0]?.message).toContain("transmit descriptor 0 of transmit queue 0");
    expect(bed.violations[0]?.line).toMatch(/^test\/unit\/completion-seen\.test\.ts:\d+$/);
  });
});

test.for([
  [60, "as nothing comes behind it", []],
  [0, "as the rest may still come", ["buffer-read-in-flight"]],
] as const)(
  "the word at %i of a transfer without a descriptor may be polled for, or not: %s",
  async ([at, , rules]) => {
    await using bed = await plugIn(edu(), { run: "folded" });
    const bar = bed.pci.bar(0);
    bed.pci.config.setBusMaster(true);
    const buffer = bed.pci.dma.alloc(64, { label: "result" });
    for (let offset = 0; offset < 64; offset += 4) buffer.write32(offset, 0xffff_ffff);
    bar.write64(0x80, 0x40000n);
    bar.write64(0x88, BigInt(buffer.iova));
    bar.write64(0x90, 64n);
    bar.write64(0x98, 3n);
    while (buffer.readAcquire32(at) === 0xffff_ffff) bed.pci.cpu.relax();
    expect(buffer.read32(32)).toBe(0);
    expect(found(bed)).toEqual(rules);
  },
);
