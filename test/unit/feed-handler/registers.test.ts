import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as page from "../../../devices/feed-handler/registers.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { hex } from "../../../emulator/registers/register-map.ts";
import * as header from "../../../scenarios/drivers/feed-handler-registers.ts";
import { BitModel, Findings, modesByBit, offsetsOf } from "../registers/bit-model.ts";

const { FEED_HANDLER_REGISTERS, FEED_HANDLER_REGISTER_MAP } = page;

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));
const someAccesses = fc.array(fc.record({ write: fc.boolean(), value: anyValue }), { minLength: 1, maxLength: 6 });

/** The same accesses with other values for each element, so that a mix-up of two elements shows. */
const valueFor = (value: number, index: number): number =>
  value === 0 || value === -1 ? value : value ^ Math.imul(index, 0x9e3779b9);

describe("each element does what its declaration says, and to no other", () => {
  test.for(FEED_HANDLER_REGISTERS.map((register) => [register.name, register] as const))("%s", ([, register]) => {
    const modes = modesByBit(register);
    const property = fc.property(someAccesses, (accesses) => {
      const file = new RegisterFile(FEED_HANDLER_REGISTER_MAP, new Findings());
      for (let index = 0; index < register.count; index++) {
        const [offset = 0] = offsetsOf(register, index);
        const model = new BitModel(modes, register.reset(index));
        if (file.get(register, index) !== model.value) expect.fail(`${register.name}(${index}) starts otherwise`);
        for (const { write, value } of accesses) {
          if (write) {
            file.write(offset, valueFor(value, index));
            model.write(valueFor(value, index));
          } else if (file.read(offset) !== model.read()) {
            expect.fail(`a read of ${register.name}(${index}) at ${hex(offset, 5)} differs`);
          }
          if (file.get(register, index) !== model.value) expect.fail(`${register.name}(${index}) holds something else`);
        }
        file.set(register, register.reset(index), index);
      }
      const moved = file.values.findIndex((value, ordinal) => value !== FEED_HANDLER_REGISTER_MAP.resetValues[ordinal]);
      if (moved !== -1) expect.fail(`${register.name} reaches ${FEED_HANDLER_REGISTER_MAP.nameOf(moved)} too`);
    });
    fc.assert(property, { numRuns: 6 });
  });
});

describe("the page", () => {
  test("lists every exported register, under its own name", () => {
    const exported = Object.entries(page).filter((entry): entry is [string, Register] => isRegister(entry[1]));
    expect(new Set(exported.map(([, register]) => register))).toEqual(new Set(FEED_HANDLER_REGISTERS));
    for (const [name, register] of exported) expect(register.name).toBe(name);
  });

  test("has each register where the driver's header has it", () => {
    const page: Readonly<Record<string, unknown>> = header;
    let compared = 0;
    for (const register of FEED_HANDLER_REGISTERS) {
      const at = page[register.name];
      if (at === undefined) continue;
      compared++;
      for (const index of [0, register.count - 1])
        expect(typeof at === "function" ? at(index) : at, register.name).toBe(register.at(index));
    }
    expect(compared).toBeGreaterThan(30);
  });

  test("rings the doorbells that a mapped driver has", () => {
    const byMirror = (mirror: string): string[] =>
      FEED_HANDLER_REGISTERS.filter((register) => register.mirror === mirror).map(({ name }) => name);
    expect(byMirror("doorbell")).toEqual(["CHANNEL_CONSUMER"]);
    expect(byMirror("strobe")).toEqual(["ORDER_DOORBELL"]);
  });
});

test("no sequence of writes sets a bit that is the hardware's", () => {
  const { STATUS } = page;
  const masks = [STATUS.fields.BUSY.mask, STATUS.fields.GAP.mask, STATUS.fields.STALLED.mask];
  fc.assert(
    fc.property(fc.constantFrom(...masks), fc.array(anyValue, { maxLength: 8 }), (mask, values) => {
      const file = new RegisterFile(FEED_HANDLER_REGISTER_MAP, new Findings());
      for (const value of values) file.write(STATUS.at(), value);
      expect(file.read(STATUS.at()) & mask).toBe(0);
    }),
  );
});

test("a reset leaves a card that sends nothing", () => {
  const file = new RegisterFile(FEED_HANDLER_REGISTER_MAP, new Findings());
  expect(file.get(page.KILL)).toBe(1);
  for (const limit of [page.RISK_SIZE_MAX, page.RISK_ORDERS_MAX, page.COLLAR_HIGH]) expect(file.get(limit)).toBe(0);
});

function isRegister(value: unknown): value is Register {
  return typeof value === "object" && value !== null && "ranges" in value && "about" in value;
}
