import type { DeviceSpec } from "../emulator/pcie/device-model.ts";
import { createTables, loadDevice } from "../emulator/run/machine.ts";
import { FoldedTestbed } from "./folded-testbed.ts";
import { callerLine } from "./open-testbeds.ts";
import type { PlugInOptions, Testbed } from "./testbed.ts";
import { ThreadedTestbed } from "./threaded-testbed.ts";
import { TestbedTracing } from "./trace/testbed-tracing.ts";

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
  const specs = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  const loaded = await Promise.all(specs.map(loadDevice));
  if (options.run === "folded") return new FoldedTestbed(loaded, options);
  const { trace = false, ...rest } = options;
  const tables = createTables(loaded, rest);
  const traceOptions = trace === true ? {} : trace;
  const tracing = traceOptions === false ? undefined : new TestbedTracing(loaded, tables, "threaded", traceOptions);
  return ThreadedTestbed.start(specs, tables, options, {
    openedAt,
    notice: (lines) => console.warn(lines.join("\n")),
    ...(tracing === undefined ? {} : { tracing }),
  });
}
