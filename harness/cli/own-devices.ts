import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import { listedDevices } from "../new-device/project.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { UsageError } from "./exit-codes.ts";
import { checkRunsHere } from "./runs-here.ts";
import type { Arguments } from "./verb.ts";

/** Where a verb's words name devices; a word with a slash in it, or the folder itself, is a path. */
const DEVICE_WORDS: Readonly<Record<string, (given: Arguments) => readonly (string | undefined)[]>> = {
  devices: (given) => (given.positionals.length > 0 ? given.positionals : listed()),
  regs: (given) => given.positionals.slice(0, 1),
  replay: (given) => [given.value("device")],
  trace: (given) => [given.value("device")],
  run: (given) => [given.value("device")],
  serve: (given) => given.positionals.slice(0, 1),
  vm: (given) => [given.value("device")],
};

/** The catalogue, and the devices of one's own that the words of a verb name by their paths. */
export async function withOwnDevices(
  verb: string,
  given: Arguments,
  catalogue: readonly CatalogueEntry[],
): Promise<readonly CatalogueEntry[]> {
  const paths = (DEVICE_WORDS[verb]?.(given) ?? []).filter((word) => word !== undefined && isPath(word));
  const own = await Promise.all(paths.map((path) => ownDevice(path as string)));
  const wireless = own.find((entry) => entry.target === undefined);
  if (verb === "replay" && wireless !== undefined) {
    throw new UsageError(
      `${wireless.name} cannot be replayed into: that takes a wire (wirePortCount in its declaration) and an export \`target\` of its index, (options: TargetOptions) => ReplayTarget, which names the driver and the counters of what the card drops.`,
    );
  }
  return [...catalogue, ...own];
}

/** Whether a word that names a device is the path of one of its user's own. */
export function isPath(word: string): boolean {
  return /[/\\]/.test(word) || word === "." || word === "..";
}

function listed(): readonly string[] {
  try {
    return listedDevices(process.cwd()).map((path) => (isPath(path) ? path : `./${path}`));
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

interface DeviceIndex {
  readonly default?: unknown;
  readonly declaration?: unknown;
  readonly create?: unknown;
  readonly target?: unknown;
}

/** A folder with an index, or a module: its default export makes the device's spec, or it is the device module itself. */
async function ownDevice(path: string): Promise<CatalogueEntry> {
  const file = moduleOf(path);
  checkRunsHere(file);
  const moduleUrl = pathToFileURL(resolve(file)).href;
  const { module, spec } = await loaded(path, moduleUrl);
  if (spec === undefined) {
    throw new UsageError(
      `${path} is no device: its default export must be a function that returns a DeviceSpec, or it exports \`declaration\` and \`create\`.`,
    );
  }
  return {
    name: path,
    spec: () => spec,
    ...(typeof module.target === "function" ? { target: module.target as NonNullable<CatalogueEntry["target"]> } : {}),
  };
}

function moduleOf(path: string): string {
  if (!existsSync(path)) throw new UsageError(`${path}: there is no such device.`);
  if (!statSync(path).isDirectory()) return path;
  const indexes = ["index.ts", "index.js"].map((name) => join(path, name));
  // What was compiled lies beside it where TypeScript does not run.
  const index = (process.features.typescript ? indexes : indexes.reverse()).find((each) => existsSync(each));
  if (index === undefined) throw new UsageError(`${path} is no device: it has neither index.ts nor index.js.`);
  return index;
}

/** Whatever goes wrong in somebody's module is his to mend, and said with its path. */
async function loaded(path: string, moduleUrl: string): Promise<{ module: DeviceIndex; spec: DeviceSpec | undefined }> {
  try {
    const module = (await import(moduleUrl)) as DeviceIndex;
    const spec = specOf(module, moduleUrl);
    if (spec !== undefined) declarationOf(await loadDevice(spec));
    return { module, spec };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll("\n", " ");
    throw new UsageError(`${path} cannot be loaded: ${reason}`);
  }
}

function specOf(module: DeviceIndex, moduleUrl: string): DeviceSpec | undefined {
  if (module.declaration !== undefined && typeof module.create === "function") {
    return { name: moduleUrl, moduleUrl, options: {} };
  }
  const spec: unknown = typeof module.default === "function" ? module.default() : undefined;
  if (typeof spec !== "object" || spec === null) return undefined;
  const { name, moduleUrl: url } = spec as Partial<DeviceSpec>;
  return typeof name === "string" && typeof url === "string" ? (spec as DeviceSpec) : undefined;
}
