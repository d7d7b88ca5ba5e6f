import { describe, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
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
/** A transfer of the edu takes 100 µs; ten times as long is enough but for a machine that holds its thread up. */
const LONG_NS = 1_000_000;
const ROUNDS = 500;

/** Small tables: most of a short run is making them. */
const SMALL = { hostMemoryBytes: 1 << 24, iommu: { windowBytes: 1 << 25, mappingCount: 256 } } as const;

function transfer(bed: Testbed, source: bigint, destination: bigint, command: number): void {
  const bar = bed.pci.bar(0);
  bar.write64(DMA_SOURCE, source);
  bar.write64(DMA_DESTINATION, destination);
  bar.write64(DMA_COUNT, BigInt(BYTES));
  bar.write32(DMA_COMMAND, command);
}

function awaitCard({ pci }: Testbed): void {
  while ((pci.bar(0).read32(DMA_COMMAND) & START) !== 0) pci.cpu.relax();
}

/** Memory to copy into, and a card whose buffer is full of these bytes. */
function cardFullOf(bed: Testbed, source: DmaBuffer, value: number): void {
  source.copyFrom(0, new Uint8Array(BYTES).fill(value), 0, BYTES);
  transfer(bed, BigInt(source.iova), CARD_BUFFER, START);
  awaitCard(bed);
}

function violations(bed: Testbed): string[] {
  return bed.violations.map(({ rule, line, message }) => `${rule} at ${line}: ${message}`);
}

/** The line in this file of a marked place, for what findings say. */
const HERE = String.raw`test/threads/sampled-races\.test\.ts:\d+`;

describe("an edu that nobody reads back", () => {
  /** The last word is a flag as good as any: what comes without one lands in order. */
  function copy(bed: Testbed, copied: DmaBuffer, value: number, barrier: () => void): void {
    transfer(bed, CARD_BUFFER, BigInt(copied.iova), START | TO_HOST);
    while (copied.read8(LAST_WORD) !== value) bed.pci.cpu.relax();
    barrier();
    copied.copyTo(0, new Uint8Array(LAST_WORD), 0, LAST_WORD);
  }

  test("bytes behind a plain look need a barrier; without one both are found, at their lines", async () => {
    await using bed = await plugIn(edu(), SMALL);
    const { pci } = bed;
    pci.config.setBusMaster(true);
    const source = pci.dma.alloc(BYTES, { label: "source" });
    const copied = pci.dma.alloc(BYTES, { label: "copied" });
    cardFullOf(bed, source, 1);
    copy(bed, copied, 1, () => pci.cpu.dmaRmb());
    expect(violations(bed)).toEqual([]);
    cardFullOf(bed, source, 2);
    copy(bed, copied, 2, () => {});
    const [look = "", bytes = "", ...more] = violations(bed);
    expect(more).toEqual([]);
    expect(look).toContain("data race on 1 byte at copied+0x3c");
    expect(bytes).toMatch(
      new RegExp(
        `^data-race at ${HERE}: data race on 60 bytes at copied\\+0x0 \\(IOVA 0x[0-9a-f_]+\\): the DMA write of edu \\(transfer 4 of those looked at: 64 bytes at copied\\+0x0\\) and the load of CPU 0 at ${HERE}, and nothing puts the two in an order\\. By this load or one before it .* no read barrier is behind the look: .*x86 does not\\. Put dmaRmb behind the look`,
      ),
    );
  });

  test("memory that the card reads or writes is touched before anybody can know that it is done", async () => {
    await using bed = await plugIn(edu(), SMALL);
    const { pci } = bed;
    pci.config.setBusMaster(true);
    const source = pci.dma.alloc(BYTES, { label: "source" });
    const copied = pci.dma.alloc(BYTES, { label: "copied" });
    const bytes = new Uint8Array(BYTES);
    const round = (wait: () => void): void => {
      source.write32(0, 1);
      transfer(bed, BigInt(source.iova), CARD_BUFFER, START);
      wait();
      source.write32(4, 2);
      awaitCard(bed);
      transfer(bed, CARD_BUFFER, BigInt(copied.iova), START | TO_HOST);
      wait();
      copied.copyTo(0, bytes, 0, BYTES);
      awaitCard(bed);
    };
    for (let rounds = 0; rounds < 3; rounds++) round(() => awaitCard(bed));
    expect(violations(bed)).toEqual([]);
    // Time orders nothing. Each round both are found, unless the card's thread is held up for a millisecond.
    for (let rounds = 0; rounds < ROUNDS && bed.violations.length < 2; rounds++) round(() => pci.cpu.delay(LONG_NS));
    const [stored = "", loaded = "", ...more] = violations(bed).sort();
    expect(more).toEqual([]);
    expect(stored).toContain("the card was done reading");
    expect(stored).toMatch(/data race on 4 bytes at source\+0x4 .*the DMA read of edu .* and the store of CPU 0/);
    expect(loaded).toContain("luck, on every machine");
    expect(loaded).toMatch(/data race on 64 bytes at copied\+0x0 .*the DMA write of edu/);
  });

  test("it is not looked for where the rule or all sanitizers are off, nor past a mapped BAR", async () => {
    for (const sanitize of [false, { "data-race": false }, true]) {
      await using bed = await plugIn(edu(), { ...SMALL, sanitize });
      const { pci } = bed;
      pci.config.setBusMaster(true);
      const copied = pci.dma.alloc(BYTES, { label: "copied" });
      cardFullOf(bed, pci.dma.alloc(BYTES), 1);
      if (sanitize === true) pci.bar(0).map();
      copy(bed, copied, 1, () => {});
      expect(violations(bed)).toEqual([]);
    }
  });
});

test("the length of a received frame behind a plain look at DD, with a barrier and without", async () => {
  await using bed = await plugIn(ixgbe({ linkUpNs: 0 }), SMALL);
  IxgbeDriver.probe(bed.pci, { ringSize: 8, bufferCount: 24, promiscuous: true });
  const bar = bed.pci.bar(0);
  const ring = bed.pci.dma.open(bar.read32(reg.RDBAH(0)) * 2 ** 32 + bar.read32(reg.RDBAL(0)));
  const receive = (slot: number, frame: Uint8Array, barrier: () => void): void => {
    bed.wire.send(frame);
    while ((ring.read32(16 * slot + reg.RXD_STATUS) & reg.RXD_STAT_DD) === 0) bed.pci.cpu.relax();
    barrier();
    expect(ring.read32(16 * slot + reg.RXD_LENGTH_VLAN) & 0xffff).toBe(frame.length);
  };
  const [first = new Uint8Array(), second = first] = frames(2);
  receive(0, first, () => bed.pci.cpu.dmaRmb());
  expect(violations(bed)).toEqual([]);
  receive(1, second, () => {});
  expect(violations(bed)).toEqual([
    expect.stringMatching(
      new RegExp(
        `^data-race at ${HERE}: data race on 4 bytes at .*\\+0x1c \\(IOVA .*: the DMA write of ixgbe \\(transfer \\d+ of those looked at: 16 bytes at .*\\+0x10, its entry 1 if all are as long, written back with a flag\\)`,
      ),
    ),
  ]);
});
