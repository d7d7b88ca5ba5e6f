import type { DeviceSpec } from "../emulator/pcie/device-model.ts";
import { createTables, loadDevice } from "../emulator/run/machine.ts";
import { kernelSide } from "./faults/bed-faults.ts";
import { faulty } from "./faults/faulty.ts";
import { FoldedTestbed } from "./folded-testbed.ts";
import { callerLine } from "./open-testbeds.ts";
import type { PlugInOptions, Testbed } from "./testbed.ts";
import { ThreadedTestbed } from "./threaded-testbed.ts";

/**
 * Plugs devices in and hands back the testbed around them, powered on and decoded, as a kernel finds them at probe time.
 *
 * ```ts
 * await using bed = await plugIn(ixgbe());
 * const driver = MyDriver.probe(bed.pci);
 * ```
 *
 * Rejects with the device's own error when it refuses its options, RangeError for options that make no sense.
 */
export async function plugIn(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: PlugInOptions = {},
): Promise<Testbed> {
  const openedAt = callerLine();
  const given = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  // MachineOptions travel to the device thread; rules go over the control plane.
  const { faults: rules, faultSeed, ...machine } = options;
  const specs = rules === undefined ? given : given.map((spec) => faulty(spec));
  const kernel = rules === undefined ? undefined : kernelSide(specs.length);
  const loaded = await Promise.all(specs.map(loadDevice));
  const bed =
    options.run === "folded"
      ? new FoldedTestbed(loaded, machine, { kernel })
      : await ThreadedTestbed.start(specs, createTables(loaded, machine), machine, {
          openedAt,
          notice: (lines) => console.warn(lines.join("\n")),
          kernel,
        });
  try {
    if (rules !== undefined) await bed.faults.arm(rules, faultSeed);
  } catch (error) {
    await bed.close();
    throw error;
  }
  return bed;
}
