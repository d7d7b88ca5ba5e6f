import { readFileSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type DeviceName, withName } from "./device-name.ts";

/** Where this runs: in a clone, from source, or from dist of the installed package. */
const isClone = import.meta.url.endsWith(".ts");
/** The package's own folder: two up from the source, three up from dist. */
export const PACKAGE_ROOT: string = fileURLToPath(new URL(isClone ? "../../" : "../../../", import.meta.url));
const TEMPLATE = resolve(PACKAGE_ROOT, "templates/device");

/** In the order in which they are read. */
const FILES = [
  "README.md",
  "DATASHEET.md",
  "registers.ts",
  "template-device.ts",
  "index.ts",
  "driver.ts",
  "race.ts",
  "template-device.test.ts",
] as const;

/** What the template imports by its place in this tree, and the name under which a project imports it. */
const ENTRIES: readonly (readonly [string, string])[] = [
  ["harness/conformance/index.ts", "softbar/conformance"],
  ["harness/index.ts", "softbar"],
  ["emulator/index.ts", "softbar/emulator"],
];

/** A file of a new device. */
export interface DeviceFile {
  readonly name: string;
  readonly text: string;
}

/** The code of the template as it stands in the tree. */
export function templateCode(): readonly string[] {
  return FILES.filter((file) => file.endsWith(".ts")).map(textOf);
}

/** Whether a folder lies in the clone that this is run from: code there imports the sources. */
export function isInClone(folder: string): boolean {
  return isClone && !relative(PACKAGE_ROOT, folder).startsWith("..");
}

/** The files of a device of that name, for that folder. Inside a clone they import the sources, elsewhere the package. */
export function deviceFiles(name: DeviceName, folder: string): readonly DeviceFile[] {
  const isInside = isInClone(folder);
  return FILES.map((file) => {
    let text = textOf(file);
    for (const [place, specifier] of ENTRIES) {
      const source = relative(folder, resolve(PACKAGE_ROOT, place)).split(sep).join("/");
      text = text.replaceAll(`"../../${place}"`, `"${isInside ? source : specifier}"`);
    }
    return { name: withName(file, name), text: withName(text, name) };
  });
}

function textOf(file: string): string {
  return readFileSync(resolve(TEMPLATE, file), "utf8");
}
