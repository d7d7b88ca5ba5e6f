import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { MachineOptions } from "../../emulator/run/machine.ts";
import type { FaultScenario } from "./scenario-run.ts";

/** A driver and its devices, to be put through every fault from the command line. */
export interface FaultModule<Context = unknown> extends FaultScenario<Context> {
  /** What is plugged in. */
  readonly devices: readonly DeviceSpec[];
  readonly machine?: MachineOptions;
}

/**
 * The default export of a module that `softbar faults my-faults.ts` goes through:
 *
 * ```ts
 * export default faultScenario({
 *   devices: [ixgbe()],
 *   setup: (bed) => MyDriver.probe(bed.pci, { ringSize: 8 }),
 *   body: (bed, driver) => exchangeFrames(bed, driver), // returns when all is well again, throws what the driver gives up with
 *   account: (driver) => (driver.lentCount === 0 ? undefined : `${driver.lentCount} buffers are lost`),
 *   teardown: (driver) => driver.close(),
 * });
 * ```
 *
 * All of them may await: virtual time moves meanwhile. Declared `async`, set-up, body or teardown have their timers and clocks
 * in it, too; a function that yields is refused.
 */
export function faultScenario<Context>(module: FaultModule<Context>): FaultModule<Context> {
  return module;
}

/** True for what {@link faultScenario} returns; what `exploration` returns has as much. */
export function isFaultModule(value: unknown): value is FaultModule {
  if (typeof value !== "object" || value === null) return false;
  const { devices, body } = value as Partial<FaultModule>;
  return Array.isArray(devices) && devices.length > 0 && typeof body === "function";
}
