import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import type { Testbed } from "../testbed.ts";
import type { DeviceUnderTest } from "./device-under-test.ts";

/** Checks of one side of a device. */
export interface CheckGroup {
  readonly name: string;
  readonly checks: readonly DeviceCheck[];
}

/** One thing that every device owes its driver. Rejects with an AssertionError where the device does not keep it. */
interface DeviceCheck {
  readonly name: string;
  readonly check: (device: DeviceUnderTest, open: () => Promise<Testbed>) => Promise<void>;
}

/** Lets a card come to rest after a reset. */
export async function settle(bed: Testbed, device: DeviceUnderTest): Promise<void> {
  bed.pci.cpu.delay(device.settleNs);
  await bed.quiesce();
}

/** Memory that the device is about to change, and everything for it but the doorbell. */
export function prepareDma(bed: Testbed, device: DeviceUnderTest): DmaBuffer {
  const buffer = bed.pci.dma.alloc(8192, { label: "conformance buffer" });
  buffer.bytes.fill(0x5a);
  device.dma.prepare(bed.pci, buffer);
  return buffer;
}
