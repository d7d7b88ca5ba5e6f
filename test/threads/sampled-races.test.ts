import { describe, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { PlugInOptions, Testbed } from "../../harness/testbed.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";

// Data sheet of the edu, "DMA".
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const START = 1;
const TO_HOST = 2;
const CARD_BUFFER = 0x4_0000n;
const BYTES = 64;
const LAST_WORD = BYTES - 4;

/** Small tables: most of a short run is making them. */
const SMALL = { hostMemoryBytes: 1 << 24, iommu: { windowBytes: 1 << 25, mappingCount: 256 } } as const;

/** A card whose buffer is full of ones, and memory to copy it into. */
function eduWithOnes(bed: Testbed): DmaBuffer {
  const { pci } = bed;
  pci.config.setBusMaster(true);
  const ones = pci.dma.alloc(BYTES, { label: "ones" });
  ones.copyFrom(0, new Uint8Array(BYTES).fill(1), 0, BYTES);
  startTransfer(bed, BigInt(ones.iova), CARD_BUFFER, START);
  while ((pci.bar(0).read32(DMA_COMMAND) & START) !== 0) pci.cpu.relax();
  return pci.dma.alloc(BYTES, { label: "copied" });
}

function startTransfer(bed: Testbed, source: bigint, destination: bigint, command: number): void {
  const bar = bed.pci.bar(0);
  bar.write64(DMA_SOURCE, source);
  bar.write64(DMA_DESTINATION, destination);
  bar.write64(DMA_COUNT, BigInt(BYTES));
  bar.write32(DMA_COMMAND, command);
}

/** What is found of a body, one text for each. */
async function found(
  body: (bed: Testbed, copied: DmaBuffer) => void,
  options: PlugInOptions = {},
): Promise<readonly string[]> {
  await using bed = await plugIn(edu(), { ...SMALL, ...options });
  body(bed, eduWithOnes(bed));
  await bed.quiesce();
  return bed.violations.map(({ rule, line, message }) => `${rule} at ${line}: ${message}`);
}

describe("what is read behind a look at it", () => {
  /** The last word is a flag as good as any: what comes without one lands in order. */
  const copy = (bed: Testbed, copied: DmaBuffer, barrier: () => void): void => {
    startTransfer(bed, CARD_BUFFER, BigInt(copied.iova), START | TO_HOST);
    while (copied.read32(LAST_WORD) === 0) bed.pci.cpu.relax();
    barrier();
    copied.copyTo(0, new Uint8Array(BYTES), 0, BYTES);
  };

  test("without a barrier", async () => {
    const races = await found((bed, copied) => copy(bed, copied, () => {}));
    console.log(races);
    expect(races).toHaveLength(1);
  });
  test("with one", async () => {
    expect(await found((bed, copied) => copy(bed, copied, () => bed.pci.cpu.dmaRmb()))).toEqual([]);
  });
});
