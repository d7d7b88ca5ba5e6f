import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { describeFault } from "./fault-kinds.ts";
import { checkRule, type FaultRule } from "./fault-rules.ts";
import type { FaultyOptions } from "./faulty.device.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const MODULE_URL = new URL(`./faulty.device${EXTENSION}`, import.meta.url).href;

/**
 * The same device with faults around it, for every way to run: `explore(faulty(ixgbe(), [{ kind: "interrupt-lost", nth: 2 }]), …)`.
 * Chance comes from `seed`. Wrappers of wrappers stack. Throws RangeError for a rule that makes no sense or cannot strike here: one
 * for another device, or for the kernel's side (`dma-alloc-failed`, `interrupts-fewer`), which `plugIn(…, { faults })` has.
 */
export function faulty(device: DeviceSpec, rules: readonly FaultRule[] = [], seed = 1): DeviceSpec {
  for (const rule of rules) {
    checkRule(rule);
    if ((rule.device ?? 0) !== 0)
      throw new RangeError(`fault ${rule.kind}: these are faults of one device, and there is no device ${rule.device}`);
    if (describeFault(rule.kind).nature === "driver")
      throw new RangeError(
        `fault ${rule.kind}: it is the kernel's, which refuses its driver, and no fault of a card: plugIn(device, { faults }) and softbar faults have it`,
      );
  }
  return { name: device.name, moduleUrl: MODULE_URL, options: { rules, seed } satisfies FaultyOptions, around: device };
}
