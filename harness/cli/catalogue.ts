import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DeviceDeclaration, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import { type IxgbeTargetOptions, ixgbeTarget } from "../replay/ixgbe-target.ts";
import type { ReplayTarget } from "../replay/replay-target.ts";
import { UsageError } from "./exit-codes.ts";
import { suggestion } from "./suggest.ts";

/** A device that the command line knows by name. */
export interface CatalogueEntry {
  readonly name: string;
  readonly spec: () => DeviceSpec;
  /** How to replay into it; absent for a device without a network or without a driver here. */
  readonly target?: (options: Pick<IxgbeTargetOptions, "driverUrl" | "driverOptions">) => ReplayTarget;
}

/** All of them, in the order of lists. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  { name: "ixgbe", spec: () => ixgbe(), target: (options) => ixgbeTarget(options) },
  { name: "edu", spec: () => edu() },
];

/** The entry of that name. Throws UsageError with a suggestion for a name that is not there. */
export function deviceNamed(name: string): CatalogueEntry {
  const entry = CATALOGUE.find((known) => known.name === name.toLowerCase());
  if (entry !== undefined) return entry;
  const names = CATALOGUE.map((known) => known.name);
  const hint = suggestion(name, names) || `; there are ${names.join(" and ")}.`;
  throw new UsageError(`There is no device "${name}"${hint}`);
}

/** Loads the device's module for what it declares. */
export async function declarationOfEntry(entry: CatalogueEntry): Promise<DeviceDeclaration> {
  return declarationOf(await loadDevice(entry.spec()));
}
