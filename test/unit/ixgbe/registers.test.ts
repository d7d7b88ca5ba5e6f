import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as page from "../../../devices/ixgbe/registers.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { hex } from "../../../emulator/registers/register-map.ts";
import { BitModel, Findings, modesByBit, offsetsOf } from "../registers/bit-model.ts";

// Every element of every register of the card against the truth table of the access modes, and the rules that the page
// as a whole keeps. The values themselves are checked against the data sheet in data-sheet-values.test.ts.

const { IXGBE_REGISTERS, IXGBE_REGISTER_MAP } = page;

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));
const anyAccess = fc.record({ write: fc.boolean(), value: anyValue, alias: fc.nat(3) });
const someAccesses = fc.array(anyAccess, { minLength: 1, maxLength: 8 });

/** The same accesses with other values for each element, so that a mix-up of two elements shows. */
const valueFor = (value: number, index: number): number =>
  value === 0 || value === -1 ? value : value ^ Math.imul(index, 0x9e3779b9);

describe("each element does what its declaration says, and to no other", () => {
  test.for(IXGBE_REGISTERS.map((register) => [register.name, register] as const))("%s", ([, register]) => {
    const modes = modesByBit(register);
    const property = fc.property(someAccesses, (accesses) => {
      const file = new RegisterFile(IXGBE_REGISTER_MAP, new Findings());
      for (let index = 0; index < register.count; index++) {
        const offsets = offsetsOf(register, index);
        const model = new BitModel(modes, register.reset(index));
        if (file.get(register, index) !== model.value)
          expect.fail(`${register.name}(${index}) starts with another value`);
        for (const { write, value, alias } of accesses) {
          const offset = offsets[alias % offsets.length] as number;
          if (write) {
            file.write(offset, valueFor(value, index));
            model.write(valueFor(value, index));
          } else if (file.read(offset) !== model.read()) {
            expect.fail(`a read of ${register.name}(${index}) at ${hex(offset, 5)} differs`);
          }
          if (file.get(register, index) !== model.value) {
            expect.fail(`${register.name}(${index}): ${hex(file.get(register, index))}, want ${hex(model.value)}`);
          }
        }
        file.set(register, register.reset(index), index);
      }
      const moved = file.values.findIndex((value, ordinal) => value !== IXGBE_REGISTER_MAP.resetValues[ordinal]);
      if (moved !== -1) expect.fail(`${register.name} reaches ${IXGBE_REGISTER_MAP.nameOf(moved)} too`);
    });
    fc.assert(property, { numRuns: 12 });
  });
});

/** Bits that only the hardware may set: a driver that waits for one must wait for the device, not for itself. */
const hardwareBits: readonly (readonly [Register, string])[] = [
  [page.STATUS, "MASTER_ENABLE"],
  [page.EEC, "AUTO_RD"],
  [page.EEC, "EE_PRES"],
  [page.EEMNGCTL, "CFG_DONE0"],
  [page.EERD, "DONE"],
  [page.RDRXCTL, "DMAIDONE"],
  [page.RXDCTL, "ENABLE"],
  [page.TXDCTL, "ENABLE"],
  [page.LINKS, "LINK_UP"],
  [page.LINKS, "LINK_SPEED"],
  [page.LINKS, "KX_AN_COMP"],
  [page.ANLP1, "ANAS"],
  [page.SECTXSTAT, "SECTX_RDY"],
  [page.SECRXSTAT, "SECRX_RDY"],
  [page.FWSM, "FW_VALID"],
  [page.MSRWD, "MDIRDDATA"],
];

test("no sequence of writes sets a bit that is the hardware's", () => {
  const property = fc.property(
    fc.constantFrom(...hardwareBits),
    fc.boolean(),
    fc.array(anyValue, { maxLength: 10 }),
    ([register, name], isSet, values) => {
      const mask = register.fields[name]?.mask ?? 0;
      expect(mask).not.toBe(0);
      const file = new RegisterFile(IXGBE_REGISTER_MAP, new Findings());
      file.set(register, isSet ? mask : 0);
      for (const value of values) file.write(register.at(), value);
      expect(file.read(register.at()) & mask).toBe(isSet ? mask : 0);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

describe("the page", () => {
  const exported = Object.entries(page).filter((entry): entry is [string, Register] => isRegister(entry[1]));

  test("lists every exported register, under its own name", () => {
    expect(new Set(exported.map(([, register]) => register))).toEqual(new Set(IXGBE_REGISTERS));
    for (const [name, register] of exported) expect(register.name).toBe(name);
    expect(new Set(IXGBE_REGISTERS).size).toBe(IXGBE_REGISTERS.length);
  });

  test("says of every register where the data sheet has it, or that it has not", () => {
    for (const { name, about } of IXGBE_REGISTERS) {
      expect(about, name).toMatch(/8\.2\.3\.\d+|[Nn]ot in the data sheet|only in later cards' data sheets/);
    }
  });

  test("names no bit of a register twice", () => {
    for (const { name, fields } of IXGBE_REGISTERS) {
      const masks = Object.values(fields).map(({ mask }) => mask);
      const union = masks.reduce((all, mask) => all | mask, 0);
      const sum = masks.reduce((total, mask) => total + (mask >>> 0), 0);
      expect(sum, name).toBe(union >>> 0);
    }
  });

  test("has accessors where raw memory cannot do it: whatever a read changes is exact", () => {
    for (const register of IXGBE_REGISTERS) {
      const isChangedByReads = modesByBit(register).some((modes) => modes.includes("rc") || modes.includes("rs"));
      if (isChangedByReads) expect(register.mirror, register.name).toBe("exact");
    }
    const named = (mirror: string): string[] =>
      IXGBE_REGISTERS.filter((register) => register.mirror === mirror).map(({ name }) => name);
    expect(named("doorbell").sort()).toEqual(["RDT", "TDT"]);
    expect(named("strobe").sort()).toEqual(["EICS", "EICS_EX", "EIMC", "EIMC_EX", "EIMS", "EIMS_EX"]);
    expect(named("exact")).toEqual(expect.arrayContaining(["EICR", "SWSM", "GPRC", "GORCL", "GORCH", "QBTC_L"]));
  });

  test("explains what is not modelled", () => {
    for (const { name, modelled, about } of IXGBE_REGISTERS) {
      if (modelled === "modelled") continue;
      const explanation = about.replace(/^.*?(?:\d\)|data sheets?)[.:,]*\s*/, "");
      expect(explanation, `${name}: ${about}`).not.toBe("");
    }
  });
});

function isRegister(value: unknown): value is Register {
  return typeof value === "object" && value !== null && "ranges" in value && "about" in value;
}
