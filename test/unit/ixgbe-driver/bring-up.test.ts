import fc from "fast-check";
import { expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import type { IxgbeOptions } from "../../../scenarios/drivers/ixgbe-options.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { type Access, openCard, openDriver, takeAll, tapped } from "./driver-bed.ts";

test("a card comes up: link, address, nothing counted, no rule broken", async () => {
  const { bed, driver } = await openDriver();
  expect(driver.linkUp).toBe(true);
  expect(driver.macAddress).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  expect(driver.macAddress).not.toBe("00:00:00:00:00:00");
  expect(Object.values(driver.statistics()).every((count) => count === 0)).toBe(true);
  expect(bed.violations).toEqual([]);
  expect(bed.notes).toEqual([]);
  driver.close();
});

test("every combination of options comes up and goes away cleanly", async () => {
  const options = fc.record({
    rxQueueCount: fc.integer({ min: 1, max: 16 }),
    txQueueCount: fc.integer({ min: 1, max: 16 }),
    ringSize: fc.integer({ min: 1, max: 20 }).map((n) => 8 * n),
    bufferBytes: fc.integer({ min: 1, max: 16 }).map((n) => 1024 * n),
    maxFrameBytes: fc.integer({ min: 1514, max: 7000 }),
    promiscuous: fc.boolean(),
    vlanStrip: fc.boolean(),
    interrupts: fc.constantFrom("msix" as const, "none" as const),
  });
  const fits = options.filter(({ rxQueueCount, txQueueCount, ringSize, bufferBytes }) => {
    return ((rxQueueCount + txQueueCount) * ringSize + 300) * bufferBytes < 60 << 20;
  });
  await fc.assert(
    fc.asyncProperty(fits, async (chosen) => {
      const { bed, driver } = await openDriver(chosen);
      expect(driver.linkUp).toBe(true);
      driver.close();
      expect(bed.pci.dma.mappingCount).toBe(0);
      expect(bed.violations).toEqual([]);
      expect(bed.notes).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("the steps come in the order of the data sheet", async () => {
  const bed = await openCard();
  const log: Access[] = [];
  const driver = IxgbeDriver.probe(tapped(bed.pci, { onAccess: (access) => log.push(access) }), { txQueueCount: 2 });
  const write = (offset: number, bits = 0): number =>
    log.findIndex((access) => access.isWrite && access.offset === offset && (access.value & bits) === bits);
  const read = (offset: number, bits: number): number =>
    log.findIndex((access) => !access.isWrite && access.offset === offset && (access.value & bits) === bits);
  const steps = {
    "interrupts off": write(reg.EIMC),
    "master disabled": write(reg.CTRL, reg.CTRL_PCIE_MASTER_DISABLE),
    reset: write(reg.CTRL, reg.CTRL_RST),
    "EEPROM read": read(reg.EEC, reg.EEC_AUTO_RD),
    "firmware ready": read(reg.EEMNGCTL, reg.EEMNGCTL_CFG_DONE0),
    "DMA ready": read(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE),
    "link started": write(reg.AUTOC, reg.AUTOC_RESTART_AN),
    "rx ring": write(reg.RDLEN(0)),
    "rx queue on": write(reg.RXDCTL(0), reg.RXDCTL_ENABLE),
    "rx queue is on": read(reg.RXDCTL(0), reg.RXDCTL_ENABLE),
    "rx doorbell": write(reg.RDT(0)),
    "receiver on": write(reg.RXCTRL, reg.RXCTRL_RXEN),
    "tx rings": write(reg.TDLEN(1)),
    "transmitter on": write(reg.DMATXCTL, reg.DMATXCTL_TE),
    "tx queue on": write(reg.TXDCTL(1), reg.TXDCTL_ENABLE),
    "tx queue is on": read(reg.TXDCTL(1), reg.TXDCTL_ENABLE),
    "link is up": read(reg.LINKS, reg.LINKS_LINK_UP),
  };
  expect(Object.entries(steps).filter(([, at]) => at < 0)).toEqual([]);
  const order = Object.entries(steps).sort(([, left], [, right]) => left - right);
  expect(order.map(([name]) => name)).toEqual(Object.keys(steps));
  driver.close();
});

/** Registers whose bits only the card sets or clears: what happens when it never does. */
const stuckBits = [
  {
    name: "STATUS.PCIE_MASTER_ENABLE_STATUS (bit 19 of register 0x00008) did not go",
    offset: reg.STATUS,
    set: reg.STATUS_PCIE_MASTER_ENABLE,
    clear: 0,
  },
  { name: "CTRL.RST (bit 26 of register 0x00000) did not go", offset: reg.CTRL, set: reg.CTRL_RST, clear: 0 },
  { name: "EEC.AUTO_RD (bit 9 of register 0x10010) did not come", offset: reg.EEC, set: 0, clear: reg.EEC_AUTO_RD },
  {
    name: "EEMNGCTL.CFG_DONE0 (bit 18 of register 0x10110) did not come",
    offset: reg.EEMNGCTL,
    set: 0,
    clear: reg.EEMNGCTL_CFG_DONE0,
  },
  {
    name: "RDRXCTL.DMAIDONE (bit 3 of register 0x02f00) did not come",
    offset: reg.RDRXCTL,
    set: 0,
    clear: reg.RDRXCTL_DMAIDONE,
  },
  {
    name: "RXDCTL(0).ENABLE (bit 25 of register 0x01028) did not come",
    offset: reg.RXDCTL(0),
    set: 0,
    clear: reg.RXDCTL_ENABLE,
  },
  {
    name: "TXDCTL(0).ENABLE (bit 25 of register 0x06028) did not come",
    offset: reg.TXDCTL(0),
    set: 0,
    clear: reg.TXDCTL_ENABLE,
  },
  {
    name: "SECRXSTAT.SECRX_RDY (bit 0 of register 0x08d04) did not come",
    offset: reg.SECRXSTAT,
    set: 0,
    clear: reg.SECRXSTAT_SECRX_RDY,
  },
  {
    name: "LINKS.LINK_UP (bit 30 of register 0x042a4) did not come",
    offset: reg.LINKS,
    set: 0,
    clear: reg.LINKS_LINK_UP,
  },
];

test.for(stuckBits)("a card that is stuck is told by name: $name", async ({ name, offset, set, clear }) => {
  const bed = await openCard();
  let wasReset = false;
  const stuck = tapped(bed.pci, {
    onAccess: (access) => {
      if (access.isWrite && access.offset === reg.CTRL && (access.value & reg.CTRL_RST) !== 0) wasReset = true;
    },
    changeRead(at, value) {
      const isStuck = at === offset && (wasReset || at !== reg.CTRL);
      return isStuck ? ((value | set) & ~clear) >>> 0 : value;
    },
  });
  expect(() => IxgbeDriver.probe(stuck, { linkLimitMs: 50 })).toThrow(name);
  expect(bed.pci.dma.mappingCount).toBe(0);
});

test("a card whose driver has died is taken over: it comes to rest before its memory is somebody else's", async () => {
  const { bed, driver } = await openDriver({ ringSize: 8 });
  for (const frame of frames(20)) bed.wire.send(frame);
  for (const frame of frames(7)) driver.transmit(frame);
  const next = IxgbeDriver.probe(bed.pci, { promiscuous: true });
  // What the dead driver had mapped goes when its process does; nothing may be written there any more.
  driver.pool.free();
  const traffic = frames(30, { seed: 3 });
  for (const frame of traffic) bed.wire.send(frame);
  expect(takeAll(bed, next)).toEqual(traffic);
  expect(bed.violations).toEqual([]);
  next.close();
});

test("a card that is gone is told from a card that is slow", async () => {
  const bed = await openCard();
  const gone = tapped(bed.pci, { changeRead: () => 0xffff_ffff });
  expect(() => IxgbeDriver.probe(gone)).toThrow("reads all ones: the card is gone from the bus");
  expect(bed.pci.dma.mappingCount).toBe(0);
});

test("without waiting for the link, the driver comes up on a card that has none", async () => {
  const bed = await openCard();
  const dark = tapped(bed.pci, {
    changeRead: (offset, value) => (offset === reg.LINKS ? (value & ~reg.LINKS_LINK_UP) >>> 0 : value),
  });
  const driver = IxgbeDriver.probe(dark, { linkLimitMs: 0 });
  expect(driver.linkUp).toBe(false);
  driver.close();
  expect(bed.pci.dma.mappingCount).toBe(0);
});

const impossible: { options: IxgbeOptions; message: string }[] = [
  { options: { rxQueueCount: 17 }, message: "rxQueueCount is 17; want an integer from 1 to 16" },
  { options: { txQueueCount: 0 }, message: "txQueueCount is 0" },
  { options: { ringSize: 12 }, message: "ringSize is 12; want a multiple of 8" },
  { options: { ringSize: 8192 }, message: "ringSize is 8192" },
  { options: { bufferBytes: 1500 }, message: "bufferBytes is 1500; want a multiple of 1024" },
  { options: { bufferCount: 512 }, message: "bufferCount is 512" },
  { options: { maxFrameBytes: 1500 }, message: "maxFrameBytes is 1500" },
  { options: { maxFrameBytes: 9000, bufferBytes: 1024, ringSize: 8 }, message: "fills 9 buffers" },
];

test.for(impossible)("options that cannot be are refused: $message", async ({ options, message }) => {
  const bed = await openCard();
  expect(() => IxgbeDriver.probe(bed.pci, options)).toThrow(message);
  expect(() => IxgbeDriver.probe(bed.pci, options)).toThrow(RangeError);
  expect(bed.pci.dma.mappingCount).toBe(0);
});
