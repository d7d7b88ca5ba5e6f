import { checkOptionNames, type OptionNames } from "../emulator/option-names.ts";
import type { DeviceSpec } from "../emulator/pcie/device-model.ts";
import { createTables, type LoadedDevice, loadDevice, MACHINE_OPTION_NAMES } from "../emulator/run/machine.ts";
import { raceSampling } from "../emulator/sanitize/rule.ts";
import { kernelSide, rulesByDevice } from "./faults/bed-faults.ts";
import type { FaultRule } from "./faults/fault-rules.ts";
import { faulty } from "./faults/faulty.ts";
import { FoldedTestbed } from "./folded-testbed.ts";
import { callerLine } from "./open-testbeds.ts";
import type { PlugInOptions, Testbed } from "./testbed.ts";
import { ThreadedTestbed } from "./threaded-testbed.ts";
import { TestbedTracing } from "./trace/testbed-tracing.ts";

const OPTION_NAMES: OptionNames<PlugInOptions> = {
  ...MACHINE_OPTION_NAMES,
  run: true,
  races: true,
  quiesceLimitMs: true,
  answerLimitMs: true,
  trace: true,
  faults: true,
  faultSeed: true,
};

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
  checkOptionNames("plugIn", options, OPTION_NAMES);
  checkWay(options.run);
  const given = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  // MachineOptions travel to the device thread, rules with the device that they are about.
  const { faults, faultSeed, ...machine } = options;
  const rules = faults === undefined ? undefined : rulesByDevice(faults, given.length);
  const specs = given.map((spec, index) => {
    const own = rules?.[index]?.ofCard;
    return own === undefined ? spec : faulty(spec, own.map(atDeviceItself), faultSeed);
  });
  const kernel = rules === undefined ? undefined : kernelSide(rules, faultSeed);
  const loaded = await Promise.all(specs.map(loadDevice));
  return started(specs, loaded, machine, openedAt, kernel);
}

/** A rule for a wrapper, which has one device. */
function atDeviceItself({ device: _, ...rule }: FaultRule): FaultRule {
  return rule;
}

function checkWay(run: string | undefined): void {
  if (run === undefined || run === "threaded" || run === "folded") return;
  throw new RangeError(`plugIn: run is "${run}"; want "threaded" or "folded"`);
}

function started(
  specs: readonly DeviceSpec[],
  loaded: readonly LoadedDevice[],
  options: PlugInOptions,
  openedAt: string,
  kernel: ReturnType<typeof kernelSide> | undefined,
): Promise<Testbed> | Testbed {
  if (options.run === "folded") return new FoldedTestbed(loaded, options, { kernel });
  const { trace = false, ...machine } = options;
  // A card with faults may break its own order: a driver is not to blame for what it read then.
  const sampling = kernel === undefined ? raceSampling(machine.sanitize) : undefined;
  const tables = createTables(loaded, machine, sampling);
  const traceOptions = trace === true ? {} : trace;
  const tracing = traceOptions === false ? undefined : new TestbedTracing(loaded, tables, "threaded", traceOptions);
  return ThreadedTestbed.start(specs, tables, options, {
    openedAt,
    notice: (lines) => console.warn(lines.join("\n")),
    kernel,
    ...(tracing === undefined ? {} : { tracing }),
  });
}
