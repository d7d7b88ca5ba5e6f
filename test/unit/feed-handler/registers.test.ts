import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as page from "../../../devices/feed-handler/registers.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { Findings } from "../../../harness/conformance/bit-model.ts";
import * as header from "../../../scenarios/drivers/feed-handler-registers.ts";

const { FEED_HANDLER_REGISTERS, FEED_HANDLER_REGISTER_MAP } = page;

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));

describe("the page", () => {
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
