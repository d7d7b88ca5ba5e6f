import fc from "fast-check";
import { expect, test } from "vitest";
import { ReadQueue } from "../../../emulator/pcie/read-queue.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const aRequest = fc.tuple(int32, int32, int32, int32, int32);
const aStep = fc.oneof(
  { weight: 5, arbitrary: aRequest.map((request) => ({ kind: "put" as const, request })) },
  { weight: 4, arbitrary: fc.constant({ kind: "take" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
);

test("first in, first out, all fields, through any number of laps and resets", () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.array(aStep, { maxLength: 200, size: "max" }), (lead, steps) => {
      const queue = new ReadQueue();
      // Somewhere in its ring, also just before the end.
      for (let index = 0; index < lead; index++) {
        queue.put(0, 0, 0, 0, 0);
        queue.take();
      }
      let model: (readonly number[])[] = [];
      for (const step of steps) {
        if (step.kind === "put") {
          queue.put(...step.request);
          model.push(step.request);
        } else if (step.kind === "clear") {
          queue.clear();
          model = [];
        } else {
          const expected = model.shift();
          expect(queue.take()).toBe(expected !== undefined);
          if (expected === undefined) continue;
          expect([queue.high, queue.low, queue.byteLength, queue.tag, queue.context]).toEqual(expected);
        }
        expect(queue.count).toBe(model.length);
      }
    }),
  );
});

test("4,096 requests fit, one more is the model's mistake", () => {
  const queue = new ReadQueue();
  for (let tag = 0; tag < 4096; tag++) queue.put(0, 0, 64, tag, 0);
  expect(() => queue.put(0, 0, 64, 0, 0)).toThrow(/4096 DMA reads under way: a model must wait/);
  expect(queue.take()).toBe(true);
  expect(queue.tag).toBe(0);
  queue.put(0, 0, 64, 4096, 0);
  for (let tag = 1; tag <= 4096; tag++) {
    queue.take();
    expect(queue.tag).toBe(tag);
  }
});
