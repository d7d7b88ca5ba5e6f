import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { failureOf } from "./failure-of.ts";
import { FLAG_OFFSET, GO, RELAXED_FLAG, twoWrites } from "./fixtures/two-writes-device.ts";

const LIVENESS = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const INTERRUPT_STATUS = 0x24;
const INTERRUPT_ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const CARD_BUFFER = 0x4_0000;
const COMMAND_TO_HOST_WITH_INTERRUPT = 7;
const INTERRUPT_WHEN_COMPUTED = 0x80;

test("a write-combined store may come behind a later ordinary write; wmb drives it out", async () => {
  const body = (hasBarrier: boolean) => (bed: ExploredBed) => {
    const { cpu } = bed.pci;
    const bar = bed.pci.bar(0);
    bar.writeCombining32(LIVENESS, 5);
    if (hasBarrier) cpu.wmb();
    bar.write32(STATUS, 0);
    if (bar.read32(STATUS) !== 0 || bar.read32(LIVENESS) !== ~5 >>> 0)
      throw new Error("what was written first is not there");
  };
  const failure = await failureOf(explore(edu(), { runs: 300 }, body(false)));
  expect(failure.message).toContain("is not there");
  expect(failure.deviationCount).toBeLessThanOrEqual(2);
  expect(failure.message).toContain("write-combining write");
  expect(await explore(edu(), { runs: 300 }, body(true))).toEqual({ runs: 900, unknown: 0 });
  // A processor whose ordinary writes drive the buffer out needs none.
  const latitude = { uncachedFlushesCombining: true };
  expect(await explore(edu(), { runs: 300, latitude }, body(false))).toEqual({ runs: 900, unknown: 0 });
});

/** Lets the card copy into memory, and looks at the data as soon as INTx says that it is there. */
function copied(bed: ExploredBed, flushes: boolean): void {
  const { pci } = bed;
  const bar = pci.bar(0);
  pci.config.setBusMaster(true);
  const buffer = pci.dma.alloc(64);
  buffer.write32(0, 0x55);
  const [interrupt] = pci.interrupts("intx", 1);
  bar.write32(DMA_SOURCE, CARD_BUFFER);
  bar.write32(DMA_DESTINATION, buffer.iovaLow);
  bar.write32(DMA_DESTINATION + 4, buffer.iovaHigh);
  bar.write32(DMA_COUNT, 4);
  bar.write32(DMA_COMMAND, COMMAND_TO_HOST_WITH_INTERRUPT);
  if (interrupt?.wait(1000) !== true) throw new Error("no interrupt");
  if (flushes) bar.read32(INTERRUPT_STATUS);
  const word = buffer.readAcquire32(0);
  bar.write32(INTERRUPT_ACKNOWLEDGE, 0x100);
  bed.quiesce();
  if (word !== 0) throw new Error("the interrupt overtook the data");
}

test("INTx overtakes DMA unless the link is told to keep it in order", async () => {
  const failure = await failureOf(explore(edu(), { runs: 300 }, (bed) => copied(bed, false)));
  expect(failure.message).toContain("the interrupt overtook the data");
  expect(failure.model).toBe("sc");
  expect((await explore(edu(), { runs: 200 }, (bed) => copied(bed, true))).unknown).toBe(0);
  const latitude = { intxOvertakesDma: false };
  expect((await explore(edu(), { runs: 200, latitude }, (bed) => copied(bed, false))).unknown).toBe(0);
});

test("a wait may end by its limit although the card would still have come, where that is allowed", async () => {
  const body = (bed: ExploredBed): void => {
    const { pci } = bed;
    pci.config.setBusMaster(true);
    const [interrupt] = pci.interrupts("msi", 1);
    const bar = pci.bar(0);
    bar.write32(STATUS, INTERRUPT_WHEN_COMPUTED);
    bar.write32(FACTORIAL, 3);
    if (interrupt?.wait(10_000) !== true) throw new Error("gave up too early");
    bar.write32(INTERRUPT_ACKNOWLEDGE, 1);
    bed.quiesce();
  };
  expect((await explore(edu(), { runs: 200 }, body)).unknown).toBe(0);
  const failure = await failureOf(explore(edu(), { runs: 500, latitude: { earlyTimeoutsMax: 1 } }, body));
  expect(failure.message).toContain("gave up too early");
});

const DEVICE_CONTROL = 8;
const ENABLE_RELAXED_ORDERING = 0x10;
const CAPABILITY_PCI_EXPRESS = 0x10;

/** Lets the device write data and then a flag, and reads them in the other order. */
function dataBehindFlag(bed: ExploredBed, go: number, isEnabled: boolean): void {
  const { pci } = bed;
  pci.config.setBusMaster(true);
  const control = pci.config.findCapability(CAPABILITY_PCI_EXPRESS) + DEVICE_CONTROL;
  if (!isEnabled) pci.config.write16(control, pci.config.read16(control) & ~ENABLE_RELAXED_ORDERING);
  const memory = pci.dma.alloc(128);
  const bar = pci.bar(0);
  bar.write32(4, memory.iovaLow);
  bar.write32(8, memory.iovaHigh);
  bar.write32(GO, go);
  while (memory.readAcquire32(FLAG_OFFSET) === 0) pci.cpu.relax();
  if (memory.readAcquire32(0) !== 1) throw new Error("the flag overtook the data");
}

test("a relaxed-ordering DMA write passes what was posted before it, unless it is not enabled or the link does not", async () => {
  const relaxed = (bed: ExploredBed): void => dataBehindFlag(bed, 1 | RELAXED_FLAG, true);
  const failure = await failureOf(explore(twoWrites(), { runs: 200 }, relaxed));
  expect(failure.message).toContain("the flag overtook the data");
  expect(failure.model).toBe("sc");
  expect(failure.deviationCount).toBe(1);
  const clean = { runs: 600, unknown: 0 };
  // Data with the attribute behind which a flag without it comes is the right use of it.
  expect(await explore(twoWrites(), { runs: 200 }, (bed) => dataBehindFlag(bed, 1, true))).toEqual(clean);
  expect(await explore(twoWrites(), { runs: 200 }, (bed) => dataBehindFlag(bed, 1 | RELAXED_FLAG, false))).toEqual(
    clean,
  );
  const latitude = { relaxedOrderingProbability: 0 };
  expect(await explore(twoWrites(), { runs: 200, latitude }, relaxed)).toEqual(clean);
});

test("what a device does after a while comes between any two accesses of a driver, unless that is switched off", async () => {
  const run = async (promptEventProbability?: number): Promise<string[]> => {
    const seen = new Set<string>();
    const latitude = promptEventProbability === undefined ? {} : { promptEventProbability };
    await explore(edu(), { runs: 300, latitude }, (bed) => {
      const bar = bed.pci.bar(0);
      bar.write32(FACTORIAL, 3);
      seen.add([1, 2, 3].map(() => bar.read32(STATUS) & 1).join(""));
    });
    return [...seen].sort();
  };
  // Three looks while it computes, and the end of it between any two of them: it takes 10 µs in the ordinary order.
  expect(await run()).toEqual(["000", "100", "110", "111"]);
  expect(await run(0)).toEqual(["111"]);
  await expect(run(2)).rejects.toThrow("promptEventProbability is from 0 to 1, not 2");
});
