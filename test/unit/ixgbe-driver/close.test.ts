import fc from "fast-check";
import { expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { PacketBatch } from "../../../scenarios/drivers/packet-pool.ts";
import { letPass, openCard, openDriver, type Tap, takeAll, tapped } from "./driver-bed.ts";

const MS = 1_000_000;

test("a driver can be closed at any moment: nothing stays mapped, nothing is written afterwards, the next one works", async () => {
  const moment = fc.record({
    incoming: fc.nat(40),
    outgoing: fc.nat(30),
    held: fc.nat(10),
    passNs: fc.nat(20_000),
    interrupts: fc.constantFrom("msix" as const, "none" as const),
  });
  await fc.assert(
    fc.asyncProperty(moment, async ({ incoming, outgoing, held, passNs, interrupts }) => {
      const { bed, driver } = await openDriver({ ringSize: 16, interrupts });
      for (const frame of frames(incoming)) bed.wire.send(frame);
      const outbound = frames(outgoing);
      const sent = outbound.filter((frame) => driver.transmit(frame));
      bed.advance(passNs);
      driver.rxBatch(0, new PacketBatch(10), held);
      driver.close();
      driver.close();
      expect(bed.pci.dma.mappingCount).toBe(0);
      expect(bed.wire.takeSent()).toEqual(sent);
      for (const frame of frames(20)) bed.wire.send(frame);
      letPass(bed);
      expect(bed.violations).toEqual([]);

      const next = IxgbeDriver.probe(bed.pci, { promiscuous: true });
      const traffic = frames(30, { seed: 5 });
      for (const frame of traffic) bed.wire.send(frame);
      expect(takeAll(bed, next)).toEqual(traffic);
      expect(next.transmit(traffic[0] as Uint8Array)).toBe(true);
      letPass(bed);
      expect(bed.wire.takeSent()).toEqual([traffic[0]]);
      next.close();
      expect(bed.pci.dma.mappingCount).toBe(0);
      expect(bed.violations).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test.for([{ sentAfterMs: 1 }, { sentAfterMs: Number.POSITIVE_INFINITY }])(
  "close waits for frames that are sent after $sentAfterMs ms, but not for ever",
  async ({ sentAfterMs }) => {
    let doneNs = Number.POSITIVE_INFINITY;
    let [disabledNs, now] = [0, (): number => 0];
    const tap: Tap = {
      changeLoad: (label, _offset, value) =>
        label === "tx ring 0" && now() < doneNs ? value & ~reg.TXD_STA_DD : value,
      onAccess: ({ isWrite, offset, value }) => {
        if (isWrite && offset === reg.TXDCTL(0) && (value & reg.TXDCTL_ENABLE) === 0) disabledNs = now();
      },
    };
    const { bed, driver } = await openDriver({}, tap);
    now = () => bed.pci.cpu.nowNs();
    const startNs = now();
    doneNs = startNs + sentAfterMs * MS;
    expect(driver.transmit(frames(1)[0] as Uint8Array)).toBe(true);
    driver.close();
    expect(disabledNs - startNs).toBeGreaterThan(Math.min(sentAfterMs, 10) * MS);
    expect(disabledNs - startNs).toBeLessThan(20 * MS);
    expect(bed.pci.dma.mappingCount).toBe(0);
    expect(bed.violations).toEqual([]);
  },
);

const stuckBits = [
  { name: "RXDCTL(0).ENABLE (bit 25 of register 0x01028) did not go", offset: reg.RXDCTL(0), bit: reg.RXDCTL_ENABLE },
  { name: "TXDCTL(0).ENABLE (bit 25 of register 0x06028) did not go", offset: reg.TXDCTL(0), bit: reg.TXDCTL_ENABLE },
  {
    name: "STATUS.PCIE_MASTER_ENABLE_STATUS (bit 19 of register 0x00008) did not go",
    offset: reg.STATUS,
    bit: reg.STATUS_PCIE_MASTER_ENABLE,
  },
];

test.for(stuckBits)("a card that does not stop is cut off: $name", async ({ name, offset, bit }) => {
  const bed = await openCard();
  let isClosing = false;
  const stuck = tapped(bed.pci, {
    changeRead: (at, value) => (isClosing && at === offset ? (value | bit) >>> 0 : value),
  });
  const driver = IxgbeDriver.probe(stuck, { promiscuous: true });
  for (const frame of frames(20)) bed.wire.send(frame);
  isClosing = true;
  expect(() => driver.close()).toThrow(name);
  expect(bed.pci.dma.mappingCount).toBe(0);
  expect(bed.pci.config.read16(0x0004) & 0x0004).toBe(0);
  letPass(bed);
  expect(bed.violations).toEqual([]);
});
