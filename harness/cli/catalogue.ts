import type { DeviceDeclaration, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import type { ReplayTarget } from "../replay/replay-target.ts";
import { UsageError } from "./exit-codes.ts";
import { suggestion } from "./suggest.ts";
import { listText } from "./terminal.ts";

/** A device that the command line knows by name. Whoever starts it hands them in: drivers are above this layer. */
export interface CatalogueEntry {
  readonly name: string;
  readonly spec: () => DeviceSpec;
  /** How to replay into it; absent for a device without a network or without a driver here. */
  readonly target?: (options: TargetOptions) => ReplayTarget;
  /** How a stock Linux kernel drives it; absent where Linux has no driver for it. */
  readonly linux?: LinuxEntry;
}

/** A device as Linux knows it. */
export interface LinuxEntry {
  /** The device, in the variant that the kernel's driver needs least for. */
  readonly spec: () => DeviceSpec;
  /** Modules of the kernel that drive it. */
  readonly modules: readonly string[];
}

/** What the command line asks of a target. */
export interface TargetOptions {
  /** URL of a driver module instead of the target's own. */
  readonly driverUrl?: string;
  /** What the driver module gets as `argument.options`. */
  readonly driverOptions?: unknown;
}

/** The entry of that name. Throws UsageError with a suggestion for a name that is not there. */
export function deviceNamed(catalogue: readonly CatalogueEntry[], name: string): CatalogueEntry {
  const entry = catalogue.find((known) => known.name === name || known.name === name.toLowerCase());
  if (entry !== undefined) return entry;
  const names = catalogue.map((known) => known.name);
  const hint = suggestion(name, names) || `; there ${names.length === 1 ? "is" : "are"} ${listText(names)}.`;
  throw new UsageError(`There is no device "${name}"${hint}`);
}

/** Loads the device's module for what it declares. */
export async function declarationOfEntry(entry: CatalogueEntry): Promise<DeviceDeclaration> {
  return declarationOf(await loadDevice(entry.spec()));
}
