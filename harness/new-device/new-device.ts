import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkedName } from "./device-name.ts";
import { projectAround } from "./project.ts";
import { type DeviceFile, deviceFiles, templateCode } from "./template.ts";

export interface NewDeviceOptions {
  /** Where the device's folder is made; itself made when it is missing. Default: the current folder. */
  readonly directory?: string;
  /** Names of devices that there are. */
  readonly taken?: readonly string[];
  /** Softbar's version, for what is said about installing it. */
  readonly version: string;
}

export interface NewDevice {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** Absolute paths of what was written. */
  readonly files: readonly string[];
  /** What is left to do, one sentence each. */
  readonly toDo: readonly string[];
}

/**
 * Makes a folder with a device of one's own: registers, model, data sheet, driver, race, test. Nothing is overwritten, and
 * what fails half way leaves nothing behind. Throws RangeError, in a sentence, for a bad name, a folder that is there, or a
 * project that cannot be read; what the file system refuses is thrown as it is.
 */
export function newDevice(typed: string, { directory = ".", taken = [], version }: NewDeviceOptions): NewDevice {
  const name = checkedName(typed, templateCode(), taken);
  const parent = resolve(directory);
  if (existsSync(parent) && !statSync(parent).isDirectory()) throw new RangeError(`${directory} is no folder.`);
  const folder = join(parent, name.kebab);
  if (existsSync(folder)) throw new RangeError(`${folder} is there already; nothing was written. Take another name.`);
  const project = projectAround(parent, name.kebab, version);
  const outcome: string[] = [];
  // The first folder that is missing goes again when something fails.
  const made = mkdirSync(folder, { recursive: true });
  try {
    for (const file of project.files) outcome.push(written(parent, file));
    for (const file of deviceFiles(name, folder)) outcome.push(written(folder, file));
  } catch (error) {
    for (const path of outcome) rmSync(path, { force: true });
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
    throw error;
  }
  return { name: name.kebab, folder, files: outcome, toDo: project.toDo };
}

/** Writes a file that must not be there yet. */
function written(folder: string, { name, text }: DeviceFile): string {
  const path = join(folder, name);
  writeFileSync(path, text, { flag: "wx" });
  return path;
}
