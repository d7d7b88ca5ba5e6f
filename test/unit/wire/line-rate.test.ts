import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  goodputBitsPerSecond,
  lineRateFramesPerSecond,
  MAX_STANDARD_FRAME_BYTE_LENGTH,
  wireByteLength,
  wireTimeNs,
  wireTimePs,
} from "../../../emulator/wire/line-rate.ts";

describe("line rate", () => {
  // Frame lengths without FCS, as drivers count: 60 is the "64-byte frame" of the test suites, 1514 the "1518-byte" one.
  test.each([
    { gigabits: 10, frame: 60, ns: 67.2, mpps: 14.88 },
    { gigabits: 25, frame: 60, ns: 26.88, mpps: 37.2 },
    { gigabits: 100, frame: 60, ns: 6.72, mpps: 148.81 },
    { gigabits: 10, frame: 1514, ns: 1230.4, mpps: 0.8127 },
    { gigabits: 25, frame: 1514, ns: 492.16, mpps: 2.0319 },
    { gigabits: 100, frame: 1514, ns: 123.04, mpps: 8.1274 },
    { gigabits: 1, frame: 60, ns: 672, mpps: 1.488 },
  ])("$frame bytes at $gigabits Gb/s take $ns ns: $mpps million a second", ({ gigabits, frame, ns, mpps }) => {
    expect(wireTimeNs(frame, gigabits)).toBeCloseTo(ns, 9);
    expect(wireTimePs(frame, gigabits)).toBe(Math.round(ns * 1000));
    expect(Math.abs(lineRateFramesPerSecond(frame, gigabits) / 1e6 - mpps)).toBeLessThan(mpps * 0.001);
  });

  test("the exact figure at 10 Gb/s is 14 880 952 whole frames a second", () => {
    expect(Math.floor(lineRateFramesPerSecond(60, 10))).toBe(14_880_952);
    expect(Math.floor(lineRateFramesPerSecond(MAX_STANDARD_FRAME_BYTE_LENGTH, 10))).toBe(812_743);
  });

  test("short frames are padded, so they take as long as 60 bytes; each byte beyond costs the same", () => {
    fc.assert(
      fc.property(fc.nat(59), fc.integer({ min: 60, max: 9000 }), (short, long) => {
        expect(wireByteLength(short)).toBe(84);
        expect(wireByteLength(long)).toBe(long + 24);
      }),
    );
  });

  test("picoseconds are whole at every Ethernet rate, so sums do not drift", () => {
    const rates = fc.constantFrom(1, 2.5, 5, 10, 25, 40, 50, 100, 200, 400);
    fc.assert(
      fc.property(fc.nat(9600), rates, (frame, gigabits) => {
        expect(Number.isInteger(wireTimePs(frame, gigabits))).toBe(true);
        expect(wireTimeNs(frame, gigabits)).toBeCloseTo(wireTimePs(frame, gigabits) / 1000, 6);
      }),
    );
  });

  test("goodput is what remains of the rate: 60 of 84 bytes for the shortest frame", () => {
    expect(goodputBitsPerSecond(60, 10)).toBeCloseTo((1e10 * 60) / 84, 0);
  });
});
