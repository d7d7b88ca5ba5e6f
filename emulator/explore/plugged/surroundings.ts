import type { PciFunction } from "../../pcie/driver-view.ts";
import type { DeviceWrapper } from "../../run/machine.ts";

/**
 * What stands around the devices and the driver of an explored machine to look on: a tracer. It hands everything through as
 * it is, and makes no access of its own, as each would be a step that a schedule does not know.
 */
export interface Surroundings {
  /** Around each device and its port, in the order of the devices' numbers, once. */
  readonly wrap: DeviceWrapper;
  /** Around the functions in the driver's hands, whenever the machine has been set back to power-on. */
  functions(functions: readonly PciFunction[]): readonly PciFunction[];
}
