import type { Field, Register, RegisterRange } from "../../emulator/registers/declare.ts";
import { hex, type RegisterMap } from "../../emulator/registers/register-map.ts";
import { declarationOfEntry, deviceNamed } from "./catalogue.ts";
import { EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { suggestion } from "./suggest.ts";
import { painter } from "./terminal.ts";
import type { Verb } from "./verb.ts";

/** With so few registers chosen, each field gets a line of its own. */
const DETAILED_LIMIT = 8;

/** `softbar regs ixgbe RXDCTL`: the register page of a device, from the table that the model itself runs on. */
export const regs: Verb = {
  name: "regs",
  about: "prints a device's registers: offset, access, reset value, fields, meaning",
  operands: "DEVICE [NAME]",
  operandLimit: 2,
  flags: [],
  examples: [
    "softbar regs ixgbe           # all of them, by offset",
    "softbar regs ixgbe RXDCTL    # one, with its fields",
    'softbar regs ixgbe "RX*"     # those that begin with RX',
    "softbar regs ./my-device     # of a device of your own",
  ],
  async run(given, catalogue) {
    const [device, pattern] = given.positionals;
    if (device === undefined) {
      throw new UsageError(
        `Which device: "softbar regs ${catalogue.map(({ name }) => name).join('" or "softbar regs ')}"?`,
      );
    }
    const { registerMaps } = await declarationOfEntry(deviceNamed(catalogue, device));
    const chosen = Object.entries(registerMaps).map(([bar, map]) => [Number(bar), chosenOf(map, pattern)] as const);
    if (chosen.every(([, registers]) => registers.length === 0))
      throw noSuchRegister(device, registerMaps, pattern ?? "");
    if (given.has("json")) console.log(JSON.stringify(jsonOf(device, chosen)));
    else for (const [bar, registers] of chosen) printTable(bar, registers);
    return EXIT_PASSED;
  },
};

/** By offset; all, the one of that name, or those that a pattern with * fits. */
function chosenOf(map: RegisterMap, pattern: string | undefined): Register[] {
  const byOffset = [...map.registers].sort((a, b) => a.at() - b.at());
  if (pattern === undefined) return byOffset;
  const source = pattern
    .toUpperCase()
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*");
  const expression = new RegExp(`^${source}$`);
  return byOffset.filter((register) => expression.test(register.name.toUpperCase()));
}

function noSuchRegister(device: string, maps: Readonly<Record<number, RegisterMap>>, name: string): UsageError {
  const names = Object.values(maps).flatMap((map) => map.registers.map((register) => register.name));
  const hint = suggestion(name, names) || `; "softbar regs ${device}" lists them.`;
  return new UsageError(`${device} has no register "${name}"${hint}`);
}

function printTable(bar: number, registers: readonly Register[]): void {
  const paint = painter(process.stdout);
  const rows = registers.map((register) => [
    placesOf(register),
    nameOf(register),
    register.access.join("+"),
    resetOf(register),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  if (registers.length > 0) console.log(paint("dim", `BAR${bar}`));
  for (const [index, register] of registers.entries()) {
    const cells = widths.map((width, column) => (rows[index]?.[column] ?? "").padEnd(width));
    const state = register.modelled === "modelled" ? "" : ` [${register.modelled.replace("-", " ")}]`;
    console.log(`${cells[0]}  ${paint("bold", cells[1] ?? "")}  ${cells[2]}  ${cells[3]}  ${register.about}${state}`);
    printFields(register, registers.length <= DETAILED_LIMIT, paint);
  }
}

function printFields(register: Register, isDetailed: boolean, paint: ReturnType<typeof painter>): void {
  const fields = Object.entries(register.fields).sort(([, a], [, b]) => b.high - a.high);
  if (fields.length === 0) return;
  if (!isDetailed) {
    console.log(paint("dim", `    ${fields.map(([name, field]) => `${bitsOf(field)} ${name}`).join(", ")}`));
    return;
  }
  for (const [name, field] of fields) {
    const access = [field.access ?? register.access].flat().join("+");
    console.log(
      `    ${bitsOf(field).padStart(5)}  ${name.padEnd(16)}  ${access.padEnd(8)}  ${field.about ?? ""}`.trimEnd(),
    );
  }
}

/** "0x01018 + 0x40 n": where the elements are; a further range follows behind a comma. */
function placesOf(register: Register): string {
  return register.ranges.map(placeOf).join(", ");
}

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

function jsonOf(device: string, chosen: readonly (readonly [number, readonly Register[]])[]): unknown {
  const registers = chosen.flatMap(([bar, ofBar]) =>
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
      about: register.about,
      fields: Object.entries(register.fields).map(([name, { high, low, access, about }]) => ({
        name,
        high,
        low,
        access: [access ?? register.access].flat(),
        about,
      })),
    })),
  );
  return { device, registers };
}
