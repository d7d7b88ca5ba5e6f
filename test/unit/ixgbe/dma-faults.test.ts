import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import type { VirtualClock } from "../../../emulator/clock/clock.ts";
import { DriverPciFunction } from "../../../emulator/driver/pci-function.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { FoldedLink } from "../../../emulator/run/folded-link.ts";
import { createTables, loadDevice, Machine } from "../../../emulator/run/machine.ts";
import { dataCommand, srrctl } from "./card.ts";

const COMMAND = 0x04;
const MEMORY_SPACE = 0x2;
const BUS_MASTER = 0x4;
const RING_BYTES = 8192;

/** A card in this thread, link up, and with it everything that a test wants to stop and step. */
async function openCard() {
  const device = await loadDevice(ixgbe());
  const machine = new Machine([device], createTables([device], { clock: "virtual", busMaster: true }));
  const { host } = machine;
  const [endpoint] = machine.endpoints;
  const [tables] = machine.tables.functions;
  if (endpoint === undefined || tables === undefined) return expect.fail("no card");
  (host.clock as VirtualClock).advanceTo(20_000_000);
  host.settle();
  const pci = new DriverPciFunction(new FoldedLink(host, endpoint), machine.tables, tables, machine.memory, 0);
  const set = (register: Register, value: number): void => pci.bar(0).write32(register.at(0), value);
  set(reg.DMATXCTL, pci.bar(0).read32(reg.DMATXCTL.at()) | reg.DMATXCTL.fields.TE.mask);
  set(reg.RXCTRL, reg.RXCTRL.fields.RXEN.mask);
  set(reg.FCTRL, reg.FCTRL.fields.UPE.mask | reg.FCTRL.fields.BAM.mask);
  return { endpoint, host, machine, pci, set };
}

type Card = Awaited<ReturnType<typeof openCard>>;

/** Lays out queue 0 of one direction and waits until it is up. */
function startRing({ pci, set }: Card, direction: "tx" | "rx", high: number): ReturnType<typeof pci.dma.alloc> {
  const ring = pci.dma.alloc(RING_BYTES, { label: `${direction} ring 0`, iova: 0x1_0001_0000 });
  const [low, upper, length, control] =
    direction === "tx" ? [reg.TDBAL, reg.TDBAH, reg.TDLEN, reg.TXDCTL] : [reg.RDBAL, reg.RDBAH, reg.RDLEN, reg.RXDCTL];
  set(low, ring.iovaLow);
  set(upper, high);
  set(length, RING_BYTES);
  if (direction === "rx") set(reg.SRRCTL, srrctl(2));
  set(control, reg.TXDCTL.fields.ENABLE.mask);
  pci.cpu.delay(20_000);
  return ring;
}

function putFrame(ring: ReturnType<typeof startRing>, slot: number, iova: number): void {
  ring.write32(slot * 16, iova % 2 ** 32);
  ring.write32(slot * 16 + 4, Math.floor(iova / 2 ** 32));
  ring.write32(slot * 16 + 8, dataCommand(60, bits.TX_EOP | bits.TX_IFCS | bits.TX_RS) >>> 0);
  ring.write32(slot * 16 + 12, 60 << bits.TX_PAYLEN_SHIFT);
}

const messages = ({ endpoint }: Card): string[] => endpoint.findings.findings.map(({ message }) => message);

describe("a failed DMA says what it was for and what comes of it", () => {
  test("a descriptor fetch, in the words that the README shows", async () => {
    const card = await openCard();
    startRing(card, "tx", 0);
    card.set(reg.TDT, 4);
    const readme = readFileSync(resolve(import.meta.dirname, "../../../README.md"), "utf8");
    const [, shown = ""] = /```\n(DMA read [\s\S]*?)```/.exec(readme) ?? [];
    expect(messages(card)).toEqual([shown.trim().replaceAll("\n", " ")]);
  });

  test("the data of a frame", async () => {
    const card = await openCard();
    const ring = startRing(card, "tx", 1);
    putFrame(ring, 0, 0x2_0000_0000);
    card.set(reg.TDT, 1);
    expect(messages(card)).toHaveLength(1);
    expect(messages(card)[0]).toMatch(
      /^DMA read of 60 bytes at IOVA 0x2_0000_0000 by ixgbe, for the data of the frame that ends in descriptor 0 of transmit queue 0, hits no mapping .*; transmit queue 0 is halted until it is disabled and enabled again, and EICR.PCI_EXCEPTION is set\. /,
    );
    card.set(reg.TDT, 2);
    expect(card.endpoint.findings.findings.map(({ rule }) => rule)).toEqual([
      "dma-outside-map",
      "doorbell-on-halted-queue",
    ]);
  });

  test("a received frame, and the write-back of its descriptor", async () => {
    const card = await openCard();
    const ring = startRing(card, "rx", 1);
    ring.write32(0, 0x5000);
    ring.write32(4, 2);
    card.set(reg.RDT, 1);
    ring.free();
    const { memory } = card.machine;
    const frame = memory.segment(0);
    if (frame === undefined) return expect.fail("no memory");
    frame.bytes.fill(0xff, 0, 60);
    card.endpoint.device.onFrame(0, frame, 0, 60, 0);
    const [first, second] = messages(card);
    expect(first).toMatch(
      /^DMA write of 60 bytes at .*, for a received frame, to the buffer of descriptor 0 of receive queue 0, hits/,
    );
    expect(second).toMatch(
      /^DMA write of 16 bytes at .*, for the write-back of descriptor 0 of receive queue 0, hits .*which was unmapped\. The card wrote nothing; it does not learn of it and goes on\./,
    );
  });
});

describe("Bus Master Enable off and on again", () => {
  test("while descriptors and data are on their way: nothing is lost, nothing is a fault, and the queue goes on", async () => {
    for (let stepsBefore = 0; stepsBefore < 8; stepsBefore++) {
      const card = await openCard();
      const { endpoint, host, pci } = card;
      const ring = startRing(card, "tx", 1);
      const buffer = pci.dma.alloc(4096);
      for (let slot = 0; slot < 10; slot++) putFrame(ring, slot, buffer.iova);
      const isDone = (slot: number): boolean => (ring.read32(slot * 16 + 12) & bits.TX_DD) !== 0;
      // The doorbell without what follows it: the card has asked for its descriptors and nothing more.
      endpoint.write(0, reg.TDT.at(), 4, 5, 0);
      for (let step = 0; step < stepsBefore; step++) endpoint.step();
      endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
      const doneBefore = [0, 1, 2, 3, 4].filter(isDone).length;
      host.settle();
      // What was asked for has come. Nothing goes out: no DD, no new request.
      expect(endpoint.outstandingReads).toBe(0);
      expect([0, 1, 2, 3, 4].filter(isDone)).toHaveLength(doneBefore);
      expect(host.isIdle()).toBe(true);
      pci.config.setBusMaster(true);
      host.settle();
      expect([0, 1, 2, 3, 4].filter(isDone)).toHaveLength(5);
      pci.bar(0).write32(reg.TDT.at(), 10);
      expect([5, 6, 7, 8, 9].filter(isDone)).toHaveLength(5);
      expect(endpoint.device.statistics()).toMatchObject({ txFrames: 10, dmaReadErrors: 0, dmaWriteErrors: 0 });
      expect(messages(card)).toEqual([]);
    }
  });

  test("a doorbell meanwhile waits, and is said", async () => {
    const card = await openCard();
    const { endpoint, pci } = card;
    const ring = startRing(card, "tx", 1);
    putFrame(ring, 0, pci.dma.alloc(4096).iova);
    endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
    card.set(reg.TDT, 1);
    expect(endpoint.findings.findings.map(({ rule }) => rule)).toEqual(["bus-master-off-at-doorbell"]);
    endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
    card.host.settle();
    expect(ring.read32(12) & bits.TX_DD).not.toBe(0);
  });
});
