import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { FaultRule } from "./fault-rules.ts";
import type { FaultyOptions } from "./faulty.device.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const MODULE_URL = new URL(`./faulty.device${EXTENSION}`, import.meta.url).href;

/**
 * The same device with faults around it, for every way to run: `explore(faulty(ixgbe(), [{ kind: "interrupt-lost", nth: 2 }]), …)`.
 * Chance comes from `seed`. Faults of the kernel's side (`dma-alloc-failed`, `interrupts-fewer`) are not the device's: they
 * are {@link faultyFunction}'s. Wrappers of wrappers stack.
 */
export function faulty(device: DeviceSpec, rules: readonly FaultRule[] = [], seed = 1): DeviceSpec {
  return { name: device.name, moduleUrl: MODULE_URL, options: { rules, seed } satisfies FaultyOptions, around: device };
}
