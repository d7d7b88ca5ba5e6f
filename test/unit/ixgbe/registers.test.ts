import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as page from "../../../devices/ixgbe/registers.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { Findings } from "../../../harness/conformance/bit-model.ts";

// The rules that the page as a whole keeps. What each register does is in test/conformance/register-tables.test.ts; the
// values are checked against the data sheet in data-sheet-values.test.ts.

const { IXGBE_REGISTERS, IXGBE_REGISTER_MAP } = page;

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));

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
  test("says of every register where the data sheet has it, or that it has not", () => {
    for (const { name, about } of IXGBE_REGISTERS) {
      expect(about, name).toMatch(/8\.2\.3\.\d+|[Nn]ot in the data sheet|only in later cards' data sheets/);
    }
  });

  test("rings the doorbells that a mapped driver has, takes strobes, and has accessors where raw memory cannot do it", () => {
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
