import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { FrameFifo } from "../../../emulator/wire/frame-fifo.ts";
import { frameOf, numberIn } from "./numbered-frames.ts";

const aStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("push" as const), byteLength: fc.integer({ min: 4, max: 700 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
);

describe("frame fifo", () => {
  test("gives back what was pushed, in order, unharmed, whatever wraps", () => {
    const source = MemoryView.ofSize(1024);
    fc.assert(
      fc.property(
        fc.integer({ min: 1500, max: 3000 }),
        fc.array(aStep, { minLength: 1, maxLength: 400, size: "max" }),
        (memoryBytes, steps) => {
          const fifo = new FrameFifo(memoryBytes);
          const expected: { number: number; byteLength: number }[] = [];
          let number = 0;
          const take = (): void => {
            const first = expected.shift();
            expect(fifo.peek()).toBe(first !== undefined);
            if (first === undefined) return;
            expect(fifo.byteLength).toBe(first.byteLength);
            expect(fifo.flags).toBe(first.number & 1);
            expect(fifo.arrivalNs[0]).toBe(first.number * 67.2);
            expect(numberIn(fifo.memory, fifo.offset, first.byteLength)).toBe(first.number);
            fifo.release();
          };
          for (const step of steps) {
            if (step.kind === "take") take();
            else {
              number++;
              const at = number % 8;
              frameOf(number, source, at, step.byteLength);
              fifo.pushedNs[0] = number * 67.2;
              const fits = fifo.push(source, at, step.byteLength, number & 1);
              if (fits) expected.push({ number, byteLength: step.byteLength });
              // Up to half of the memory always fits when nothing is in it.
              else expect(expected.length).toBeGreaterThan(0);
            }
            expect(fifo.count).toBe(expected.length);
          }
          while (expected.length > 0) take();
          expect(fifo.peek()).toBe(false);
        },
      ),
    );
  });

  test("takes frames until its memory is full, and again after they are gone", () => {
    const fifo = new FrameFifo(1 << 16);
    const frame = MemoryView.ofSize(64);
    for (let lap = 0; lap < 5; lap++) {
      let count = 0;
      while (fifo.push(frame, 0, 60, 0)) count++;
      // 68 bytes each; the end of the ring may stay unused.
      expect(count).toBeGreaterThan((1 << 16) / 68 - 2);
      for (let taken = 0; taken < count; taken++) {
        expect(fifo.peek()).toBe(true);
        fifo.release();
      }
    }
  });
});
