import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { MachineOptions } from "../../emulator/run/machine.ts";
import type { Exploration } from "./plugged-session.ts";

/** A driver and its devices, to be searched from the command line. */
export interface ExplorationModule<Context = unknown> extends Exploration<Context> {
  /** What is plugged in. */
  readonly devices: readonly DeviceSpec[];
  /** Of the machine: size of its memory, cables. */
  readonly machine?: MachineOptions;
}

/**
 * The default export of a module that `softbar explore my-race.ts` searches:
 *
 * ```ts
 * export default exploration({
 *   devices: [ixgbe()],
 *   setup: (bed) => MyDriver.probe(bed.pci, { ringSize: 8 }), // runs before each schedule, unexplored
 *   body(bed, driver) { // every access in it is a scheduling point
 *     driver.transmit(frame);
 *     bed.quiesce();
 *     if (bed.wire.sent.length !== 1) throw new Error("the frame was lost");
 *   },
 * });
 * ```
 *
 * Either may be declared `async`, for a driver that awaits; see {@link explore} for what it may wait for. A plain function
 * that returns a promise is refused.
 */
export function exploration<Context>(module: ExplorationModule<Context>): ExplorationModule<Context> {
  return module;
}

/** True for what {@link exploration} returns. */
export function isExploration(value: unknown): value is ExplorationModule {
  if (typeof value !== "object" || value === null) return false;
  const { devices, setup, body } = value as Partial<ExplorationModule>;
  return Array.isArray(devices) && devices.length > 0 && typeof setup === "function" && typeof body === "function";
}
