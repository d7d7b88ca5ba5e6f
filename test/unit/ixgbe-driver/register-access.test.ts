import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";
import { RegisterAccess } from "../../../scenarios/drivers/ixgbe-access.ts";

const BUSY = 0x0000_0001;
/** Far beyond what a driver waits for a card. */
const HOUR_NS = 3_600e9;

/** A function whose card is busy for so many reads, and whose CPU is held up for an hour behind the first of them. */
function heldUp(busyReadCount: number): PciFunction {
  let [now, reads] = [0, 0];
  const bar = {
    read32: () => {
      now += reads === 0 ? HOUR_NS : 0;
      return reads++ < busyReadCount ? BUSY : 0;
    },
  };
  const cpu = { nowNs: () => now, relax: () => {} };
  return { name: "ixgbe", bar: () => bar, cpu } as unknown as PciFunction;
}

describe("a driver that is held up behind a read, for longer than it waits for a bit", () => {
  test("looks once more before it gives the card up", () => {
    new RegisterAccess(heldUp(1)).waitClear(0, BUSY, "CTRL.RST");
    expect(() => new RegisterAccess(heldUp(2)).waitClear(0, BUSY, "CTRL.RST")).toThrow(
      "ixgbe: CTRL.RST (bit 0 of register 0x00000) did not go within 100 ms; the register reads 0x00000000",
    );
  });

  test("and so does that of the edu", async () => {
    await using bed = await plugIn(edu({ factorialNs: 1000 }), { run: "folded" });
    const driver = new EduDriver(bed.pci, "poll");
    const { cpu } = bed.pci;
    const bar = bed.pci.bar(0);
    const read32 = bar.read32.bind(bar);
    let reads = 0;
    bar.read32 = (offset) => {
      const value = read32(offset);
      if (reads++ === 0) cpu.delay(HOUR_NS);
      return value;
    };
    expect(driver.factorial(5)).toBe(120);
  });
});
