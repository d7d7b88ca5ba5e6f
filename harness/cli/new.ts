import { basename, dirname, relative, sep } from "node:path";
import { type NewDevice, newDevice } from "../new-device/new-device.ts";
import { isInClone, PACKAGE_ROOT } from "../new-device/template.ts";
import { EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { COMMAND, EXPLORE_COMMAND, PACKAGE_FOLDER } from "./own-name.ts";
import { suggestion } from "./suggest.ts";
import type { Verb } from "./verb.ts";
import { version } from "./version.ts";

/** What stands behind each file's name. */
const ABOUT: Readonly<Record<string, string>> = {
  "registers.ts": "the register table",
  "index.ts": "what plugIn takes",
  "DATASHEET.md": "what the driver's author reads",
  "driver.ts": "a driver by the data sheet",
  "race.ts": "driver and device, to be explored",
  "README.md": "how to go on",
};

/** `softbar new device tally`: a folder with a device of one's own that works at once. */
export const newVerb: Verb = {
  name: "new",
  about: "makes a folder with a device of your own: registers, model, data sheet, driver, race and tests",
  operands: "device NAME",
  operandLimit: 2,
  flags: [{ name: "dir", value: "DIR", about: "where the folder NAME is made (default: here)" }],
  examples: ["softbar new device tally-card", "softbar new device tally-card --dir devices"],
  async run(given, catalogue) {
    const [kind, name] = given.positionals;
    if (kind !== "device") {
      const hint = kind === undefined ? "" : suggestion(kind, ["device"]);
      const what = kind === undefined ? "What is to be made" : `There is no "${kind}" to be made`;
      throw new UsageError(`${what}${hint || `: "softbar new device NAME".`}`);
    }
    if (name === undefined) throw new UsageError('Which name: "softbar new device tally-card".');
    const directory = given.value("dir");
    const made = make(name, directory, [...catalogue.map((entry) => entry.name), "softbar"]);
    console.log(given.has("json") ? JSON.stringify(made) : textOf(made));
    return EXIT_PASSED;
  },
};

function make(name: string, directory: string | undefined, taken: readonly string[]): NewDevice {
  try {
    return newDevice(name, { taken, version: version(), ...(directory === undefined ? {} : { directory }) });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    // What the file system refuses is the user's to mend: it says what and where.
    if (error instanceof Error && "syscall" in error) throw new UsageError(`${error.message}; nothing was written.`);
    throw error;
  }
}

function textOf({ name, folder, files, toDo }: NewDevice): string {
  const from = relative(process.cwd(), folder).split(sep).join("/");
  const path = from.startsWith("..") ? from : `./${from}`;
  const shown = files.map((file) => {
    const short = dirname(file) === folder ? `${name}/${basename(file)}` : basename(file);
    return `  ${short.padEnd(name.length + 20)}  ${aboutOf(basename(file), name)}`.trimEnd();
  });
  // Inside a clone npm starts the command line, in the clone's folder; elsewhere the package does, beside the device.
  const isHere = isInClone(folder);
  const place = isHere ? `./${relative(PACKAGE_ROOT, folder).split(sep).join("/")}` : `./${name}`;
  const lines: readonly (readonly [string, string])[] = [
    [isHere || !path.includes("/", 2) ? "" : `cd ${dirname(path)}`, ""],
    [`npx vitest run ${isHere ? place.slice(2) : name}`, "its tests"],
    [`${isHere ? COMMAND : "npx softbar"} regs ${place}`, "its register page"],
    [`${isHere ? EXPLORE_COMMAND : "npx softbar explore"} ${place}/race.ts`, "its driver in all orders of events"],
  ];
  const next = lines.filter(([command]) => command !== "").map(([command, about]) => `${command.padEnd(44)}  ${about}`);
  return [
    `${path} is a device that works. Change it into yours; ${PACKAGE_FOLDER}docs/write-a-device.md shows how.`,
    ...shown,
    "",
    "Next:",
    ...toDo.map((sentence) => `  ${sentence}`),
    ...next.map((line) => `  ${line}`.trimEnd()),
  ].join("\n");
}

function aboutOf(file: string, name: string): string {
  if (file === `${name}.ts`) return "the model: what the device does about each access";
  if (file === `${name}.test.ts`) return "driver tests folded and threaded, conformance, the search";
  return ABOUT[file] ?? "";
}
