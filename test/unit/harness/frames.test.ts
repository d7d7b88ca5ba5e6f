import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";

describe("frames", () => {
  test("are the same for the same seed, and others for another", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 20 }), (seed, count) => {
        expect(frames(count, { seed })).toEqual(frames(count, { seed }));
        expect(frames(count, { seed })).not.toEqual(frames(count, { seed: seed + 1 }));
      }),
    );
  });

  test("have the lengths asked for, the destination, and their number, each its own", () => {
    const aShape = fc.record({ minByteLength: fc.integer({ min: 60, max: 500 }), spread: fc.nat(1000) });
    fc.assert(
      fc.property(aShape, ({ minByteLength, spread }) => {
        const maxByteLength = minByteLength + spread;
        const destination = [2, 3, 4, 5, 6, 7];
        const made = frames(50, { minByteLength, maxByteLength, destination });
        for (const [index, frame] of made.entries()) {
          expect(frame.length).toBeGreaterThanOrEqual(minByteLength);
          expect(frame.length).toBeLessThanOrEqual(maxByteLength);
          expect([...frame.subarray(0, 6)]).toEqual(destination);
          expect(new DataView(frame.buffer).getUint32(14)).toBe(index);
          // An EtherType for experiments: no stack takes it for something that it knows.
          expect(new DataView(frame.buffer).getUint16(12)).toBe(0x88b5);
        }
        if (spread > 100) expect(new Set(made.map((frame) => frame.length)).size).toBeGreaterThan(10);
      }),
    );
  });
});
