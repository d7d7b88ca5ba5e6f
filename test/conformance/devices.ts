import { edu } from "../../devices/edu/index.ts";
import type { DeviceUnderTest } from "../../harness/conformance/device-under-test.ts";
import { faulty } from "../../harness/faults/faulty.ts";
import { EduDriver } from "../../scenarios/drivers/edu.ts";
import { exanicUnderTest } from "./exanic-under-test.ts";
import { feedHandlerUnderTest } from "./feed-handler-under-test.ts";
import { ixgbeUnderTest } from "./ixgbe-under-test.ts";

const eduUnderTest: DeviceUnderTest = {
  spec: () => edu(),
  identity: { vendorId: 0x1234, deviceId: 0x11e8, revisionId: 0x10, classCode: 0xff0000 },
  bars: [{ index: 0, kind: "memory32", byteLength: 0x10_0000 }],
  msixVectorCount: 0,
  settleNs: 200_000,
  afterReset: {
    // A read where none is defined gives all ones, and so does one of a write-only register.
    INTERRUPT_RAISE: 0xffff_ffff,
    INTERRUPT_ACKNOWLEDGE: 0xffff_ffff,
  },
  hole: { offset: 0x00100, value: 0xffff_ffff },
  wrongWidths: [
    { offset: 0x0004, byteLength: 1 },
    { offset: 0x0004, byteLength: 2 },
    { offset: 0x0020, byteLength: 8 },
    { offset: 0x0080, byteLength: 2 },
  ],
  dma: {
    prepare(pci, buffer) {
      const bar = pci.bar(0);
      // Out of the card's empty buffer into memory.
      bar.write64(0x80, 0x40000n);
      bar.write64(0x88, BigInt(buffer.iova));
      bar.write64(0x90, 4096n);
    },
    ring: (pci) => pci.bar(0).write32(0x98, 3),
    durationNs: 200_000,
  },
  driverLife(pci) {
    for (const waitBy of ["poll", "intx", "msi"] as const) {
      const driver = new EduDriver(pci, waitBy);
      if (!driver.isAlive(0xfeed_f00d) || driver.factorial(12) !== 479_001_600) throw new Error("the edu is wrong");
      const bytes = Uint8Array.from({ length: 4000 }, (_, index) => index * 11);
      driver.copyToCard(bytes, 50);
      const back = new Uint8Array(4000);
      driver.copyFromCard(back, 50);
      if (Buffer.compare(bytes, back) !== 0) throw new Error("the edu's DMA is wrong");
      driver.close();
    }
  },
};

/** The same card with the wrappers of all faults around it, none of which is armed. */
const wrappedEduUnderTest: DeviceUnderTest = {
  ...eduUnderTest,
  spec: () => ({ ...faulty(edu()), name: "edu with faults around it" }),
};

/** Every device there is. A new one joins by a line here. */
export const DEVICES_UNDER_TEST: readonly DeviceUnderTest[] = [
  eduUnderTest,
  wrappedEduUnderTest,
  ixgbeUnderTest,
  exanicUnderTest,
  feedHandlerUnderTest,
];
