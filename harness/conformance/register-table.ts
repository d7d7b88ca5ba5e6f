import { strict as assert } from "node:assert";
import fc from "fast-check";
import type { Register } from "../../emulator/registers/declare.ts";
import { RegisterFile } from "../../emulator/registers/register-file.ts";
import { hex, type RegisterMap } from "../../emulator/registers/register-map.ts";
import { BitModel, Findings, modesByBit, offsetsOf } from "./bit-model.ts";
import type { ConformanceCheck } from "./conformance.ts";

/** Of a register with a thousand elements each run tries a thousand. */
const runsFor = ({ count }: Register): { numRuns: number } => ({ numRuns: count > 256 ? 2 : 8 });
const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));
const anyAccess = fc.record({ write: fc.boolean(), value: anyValue, alias: fc.nat(3) });
const someAccesses = fc.array(anyAccess, { minLength: 1, maxLength: 8 });

/**
 * What every register table owes: each element of each register does under any accesses what its declaration says, bit by
 * bit after a truth table of the access modes, and nothing to any other. `page` has the entries of the module that exports the
 * registers.
 *
 * ```ts
 * for (const check of registerTable("tally", page.REGISTERS, Object.entries(page))) test(check.name, check.run);
 * ```
 */
export function registerTable(
  name: string,
  map: RegisterMap,
  page: readonly (readonly [name: string, value: unknown])[] = [],
): readonly ConformanceCheck[] {
  const checks: (readonly [string, () => void])[] = map.registers.map((register) => [
    `${register.name} does what its declaration says, and to no other`,
    () => checkRegister(map, register),
  ]);
  checks.push(["no bit of a register has two names", () => checkFields(map)]);
  checks.push(["what a read changes is not left to raw memory", () => checkMirrors(map)]);
  checks.push(["every register that the page exports is in the table, under its own name", () => checkPage(map, page)]);
  return checks.map(([text, check]) => ({ name: `${name}, register table: ${text}`, run: async () => check() }));
}

function checkRegister(map: RegisterMap, register: Register): void {
  const modes = modesByBit(register);
  const property = fc.property(someAccesses, (accesses) => {
    const file = new RegisterFile(map, new Findings());
    for (let index = 0; index < register.count; index++) {
      const offsets = offsetsOf(register, index);
      const model = new BitModel(modes, register.reset(index));
      if (file.get(register, index) !== model.value)
        assert.fail(
          `${register.name}(${index}) starts with ${hex(file.get(register, index))}, not ${hex(model.value)}`,
        );
      for (const { write, value, alias } of accesses) {
        const offset = offsets[alias % offsets.length] as number;
        if (write) {
          file.write(offset, valueFor(value, index));
          model.write(valueFor(value, index));
        } else if (file.read(offset) !== model.read())
          assert.fail(`a read of ${register.name}(${index}) at ${hex(offset, 5)} differs`);
        if (file.get(register, index) !== model.value)
          assert.fail(`${register.name}(${index}) holds ${hex(file.get(register, index))}, not ${hex(model.value)}`);
      }
      file.set(register, register.reset(index), index);
    }
    const moved = file.values.findIndex((value, ordinal) => value !== map.resetValues[ordinal]);
    if (moved !== -1) assert.fail(`${register.name} reaches ${map.nameOf(moved)} too`);
  });
  fc.assert(property, runsFor(register));
}

/** The same accesses with other values for each element, so that a mix-up of two elements shows. */
function valueFor(value: number, index: number): number {
  return value === 0 || value === -1 ? value : value ^ Math.imul(index, 0x9e37_79b9);
}

function checkFields(map: RegisterMap): void {
  for (const { name, fields } of map.registers) {
    const masks = Object.values(fields).map(({ mask }) => mask);
    const union = masks.reduce((all, mask) => all | mask, 0);
    const sum = masks.reduce((total, mask) => total + (mask >>> 0), 0);
    assert.equal(sum, union >>> 0, name);
  }
}

function checkMirrors(map: RegisterMap): void {
  for (const register of map.registers) {
    const isChangedByReads = modesByBit(register).some((modes) => modes.includes("rc") || modes.includes("rs"));
    if (isChangedByReads) assert.equal(register.mirror, "exact", register.name);
  }
}

function checkPage(map: RegisterMap, page: readonly (readonly [string, unknown])[]): void {
  const exported = page.filter((entry): entry is readonly [string, Register] => isRegister(entry[1]));
  for (const [name, register] of exported) {
    assert.equal(register.name, name);
    assert.ok(map.registers.includes(register), `${name} is exported and not in the table`);
  }
  if (exported.length === 0) return;
  const names = new Set(exported.map(([name]) => name));
  assert.deepEqual(
    map.registers.filter((register) => !names.has(register.name)).map((register) => register.name),
    [],
    "registers of the table that the page does not export",
  );
}

function isRegister(value: unknown): value is Register {
  return typeof value === "object" && value !== null && "ranges" in value && "about" in value;
}
