import type { Field, Register, RegisterRange } from "../../emulator/registers/declare.ts";
import { hex, NO_REGISTER, type RegisterMap } from "../../emulator/registers/register-map.ts";
import type { ChosenRegisters } from "../page/registers/register-page.ts";
import { declarationOfEntry, deviceNamed } from "./catalogue.ts";
import { type DmaLayouts, descriptorJson, descriptorLines } from "./descriptor-text.ts";
import { EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { checkOut, loadRegisterPage, PAGE_FLAGS, writeOut } from "./page-flags.ts";
import { suggestion } from "./suggest.ts";
import { folded, lineWidth, painter } from "./terminal.ts";
import type { Arguments, Verb } from "./verb.ts";

/** With so few registers chosen, each field gets a line of its own. */
const DETAILED_LIMIT = 8;

/** What does not fit a line goes on below, indented. */
const INDENT = "    ";

/** `softbar regs ixgbe RXDCTL`: the register page of a device, from the table that the model itself runs on. */
export const regs: Verb = {
  name: "regs",
  about: "prints a device's registers and descriptors: offset, access, reset value, fields, meaning",
  operands: "DEVICE [NAME]",
  operandLimit: 2,
  flags: [
    { name: "html", about: "write one HTML page with diagrams and a search field (DEVICE-registers.html)" },
    { name: "descriptors", about: "what the device reads and writes in host memory instead: descriptors, completions" },
    ...PAGE_FLAGS,
  ],
  examples: [
    "softbar regs ixgbe           # all of them, by offset",
    "softbar regs ixgbe RXDCTL    # one, with its fields",
    'softbar regs ixgbe "RX*"     # those that begin with RX',
    "softbar regs ixgbe 0x1028    # the one at an offset",
    "softbar regs ixgbe --descriptors",
    "softbar regs ixgbe --html    # a page for the browser, which needs no network",
    "softbar regs ./my-device     # of a device of your own",
  ],
  async run(given, catalogue) {
    const [device, pattern] = given.positionals;
    if (device === undefined) {
      throw new UsageError(
        `Which device: "softbar regs ${catalogue.map(({ name }) => name).join('" or "softbar regs ')}"?`,
      );
    }
    checkPageFlags(given);
    const declaration = await declarationOfEntry(deviceNamed(catalogue, device));
    const { registerMaps } = declaration;
    if (given.has("descriptors")) return printDescriptors(device, declaration.dmaLayouts, given);
    const chosen = Object.entries(registerMaps).map(([bar, map]) => {
      return { bar: Number(bar), map, registers: chosenOf(map, pattern) };
    });
    if (chosen.every(({ registers }) => registers.length === 0)) {
      throw noSuchRegister(device, registerMaps, pattern ?? "");
    }
    if (given.has("html")) {
      const out = given.value("out") ?? `${declaration.name}-registers.html`;
      checkOut(out, given);
      await writeOut(out, (await loadRegisterPage())(declaration, chosen), (line) => console.log(line));
    } else if (given.has("json")) console.log(JSON.stringify(jsonOf(device, chosen)));
    else for (const { bar, registers } of chosen) printTable(bar, registers);
    return EXIT_PASSED;
  },
};

function printDescriptors(device: string, layouts: DmaLayouts | undefined, given: Arguments): number {
  if (given.has("html") || given.positionals.length > 1)
    throw new UsageError("--descriptors prints all of them, as text or with --json.");
  if (layouts === undefined)
    throw new UsageError(`${device} declares no records in host memory (dmaLayouts of its declaration).`);
  if (given.has("json")) console.log(JSON.stringify({ device, descriptors: descriptorJson(layouts) }));
  else console.log(descriptorLines(layouts, (text) => painter(process.stdout)("bold", text)).join("\n"));
  return EXIT_PASSED;
}

function checkPageFlags(given: Arguments): void {
  if (given.has("html") && given.has("json")) throw new UsageError("--html and --json are two forms: ask for one.");
  const alone = ["out", "force"].find((name) => given.has(name));
  if (alone !== undefined && !given.has("html")) throw new UsageError(`--${alone} is of a page: add --html.`);
}

/** "0x1028" as a number; undefined for what is no offset. */
function offsetOf(pattern: string): number | undefined {
  return /^0x[0-9a-f]+$/i.test(pattern) ? Number(pattern) : undefined;
}

/** By offset; all, the one of that name or at that offset, or those that a pattern with * fits. */
function chosenOf(map: RegisterMap, pattern: string | undefined): Register[] {
  const byOffset = [...map.registers].sort((a, b) => a.at() - b.at());
  if (pattern === undefined) return byOffset;
  const offset = offsetOf(pattern);
  if (offset !== undefined) {
    const ordinal = offset < map.byteLength ? map.ordinalAt(offset) : NO_REGISTER;
    return ordinal === NO_REGISTER ? [] : [map.registerOf(ordinal)];
  }
  const source = pattern
    .toUpperCase()
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*");
  const expression = new RegExp(`^${source}$`);
  return byOffset.filter((register) => expression.test(register.name.toUpperCase()));
}

function noSuchRegister(device: string, maps: Readonly<Record<number, RegisterMap>>, name: string): UsageError {
  if (offsetOf(name) !== undefined) return new UsageError(`${device} has no register at ${name}.`);
  const names = Object.values(maps).flatMap((map) => map.registers.map((register) => register.name));
  const hint = suggestion(name, names) || `; "softbar regs ${device}" lists them.`;
  return new UsageError(`${device} has no register "${name}"${hint}`);
}

function printTable(bar: number, registers: readonly Register[]): void {
  const paint = painter(process.stdout);
  const width = lineWidth(process.stdout);
  const rows = registers.map((register) => [
    placeOf(register.ranges[0] as RegisterRange),
    nameOf(register),
    register.access.join("+"),
    resetOf(register),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  if (registers.length > 0) console.log(paint("dim", `BAR${bar}`));
  for (const [index, register] of registers.entries()) {
    const cells = widths.map((width, column) => (rows[index]?.[column] ?? "").padEnd(width));
    const about = `${register.about}${stateOf(register)}`;
    const isShort = cells.join("  ").length + 2 + about.length <= width;
    const head = `${cells[0]}  ${paint("bold", cells[1] ?? "")}  ${cells[2]}  ${cells[3]}`;
    // A narrow terminal has no room for columns.
    const narrow = folded(rows[index] ?? [], width - INDENT.length).join(`\n${INDENT}`);
    if (cells.join("  ").trimEnd().length > width) console.log(narrow);
    else console.log(isShort ? `${head}  ${about}` : head.trimEnd());
    if (register.ranges.length > 1) printFolded(`also at ${register.ranges.slice(1).map(placeOf).join(", ")}`, width);
    if (!isShort) printFolded(about, width);
    printFields(register, registers.length <= DETAILED_LIMIT, paint, width);
  }
}

function printFields(register: Register, isDetailed: boolean, paint: ReturnType<typeof painter>, width: number): void {
  const fields = Object.entries(register.fields).sort(([, a], [, b]) => b.high - a.high);
  if (fields.length === 0) return;
  if (!isDetailed) {
    const words = fields.map(
      ([name, field], index) => `${bitsOf(field)} ${name}${index + 1 < fields.length ? "," : ""}`,
    );
    for (const line of folded(words, width - INDENT.length)) console.log(paint("dim", INDENT + line));
    return;
  }
  for (const [name, field] of fields) {
    const access = [field.access ?? register.access].flat().join("+");
    const head = `${INDENT}${bitsOf(field).padStart(5)}  ${name.padEnd(16)}  ${access.padEnd(8)}  `;
    const [first = "", ...further] = folded((field.about ?? "").split(" "), width - head.length);
    console.log((head + first).trimEnd());
    for (const line of further) console.log(" ".repeat(head.length) + line);
  }
}

function printFolded(text: string, width: number): void {
  for (const line of folded(text.split(" "), width - INDENT.length)) console.log(INDENT + line);
}

function stateOf({ modelled }: Register): string {
  return modelled === "modelled" ? "" : ` [${modelled.replace("-", " ")}]`;
}

/** "0x01018 + 0x40 n": where the elements are. */
function placeOf(range: RegisterRange): string {
  return range.count === 1 ? hex(range.offset, 5) : `${hex(range.offset, 5)} + ${hex(range.stride, 1)} n`;
}

/** "RDT(0-127)". */
function nameOf(register: Register): string {
  return register.count === 1 ? register.name : `${register.name}(0-${register.count - 1})`;
}

function resetOf(register: Register): string {
  const first = register.reset(0);
  for (let index = 1; index < register.count; index++) if (register.reset(index) !== first) return "varies    ";
  return hex(first >>> 0, 8);
}

function bitsOf(field: Field): string {
  return field.high === field.low ? `${field.low}` : `${field.high}:${field.low}`;
}

function jsonOf(device: string, chosen: readonly ChosenRegisters[]): unknown {
  const registers = chosen.flatMap(({ bar, registers: ofBar }) =>
    ofBar.map((register) => ({
      bar,
      name: register.name,
      count: register.count,
      ranges: register.ranges,
      aliases: register.aliases,
      width: register.width,
      access: register.access,
      reset: Array.from({ length: register.count }, (_, index) => register.reset(index) >>> 0),
      owner: register.owner,
      mirror: register.mirror,
      modelled: register.modelled,
      harmless: register.harmless,
      about: register.about,
      fields: Object.entries(register.fields).map(([name, { high, low, access, about, notModelled }]) => ({
        name,
        high,
        low,
        access: [access ?? register.access].flat(),
        about,
        ...(notModelled === undefined ? {} : { notModelled }),
      })),
    })),
  );
  return { device, bars: chosen.map(({ bar, map }) => ({ bar, byteLength: map.byteLength })), registers };
}
