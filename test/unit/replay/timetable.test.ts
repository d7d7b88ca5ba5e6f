import fc from "fast-check";
import { expect, test } from "vitest";
import { wireByteLength } from "../../../emulator/wire/line-rate.ts";
import type { BurstScaling, ReplaySpeed } from "../../../harness/replay/replay-speed.ts";
import { Timetable } from "../../../harness/replay/timetable.ts";

/** Recorded gaps: short ones of a burst, long ones, and hours. */
const gaps = fc.array(
  fc.oneof(
    fc.constantFrom(1, 1_000, 100_000),
    fc.integer({ min: 0, max: 2_000 }),
    fc.integer({ min: 0, max: 3_000_000 }),
    fc.integer({ min: 0, max: 3_600_000_000_000 }),
  ),
  { minLength: 1, maxLength: 60 },
);
const factor = fc.constantFrom(0.5, 1, 2, 3, 10, 64, 1000);

/** When each frame is to arrive. */
function planned(given: readonly number[], wireBytes: number, speed: ReplaySpeed, bursts?: BurstScaling): number[] {
  const timetable = new Timetable(speed, bursts);
  const gapNs = new Float64Array(1);
  return given.map((gap) => {
    gapNs[0] = gap;
    timetable.take(gapNs, wireBytes);
    return timetable.plannedNs[0] as number;
  });
}

/** n / d to the nearest whole number, halves upwards, without a floating-point number. */
function rounded(n: bigint, d: bigint): number {
  return Number((2n * n + d) / (2n * d));
}

/** A factor as a fraction: all that are tried have a denominator of at most two. */
const fraction = (value: number): [bigint, bigint] => [BigInt(Math.round(value * 2)), 2n];

test("at a factor every time is the exact quotient, rounded once", () => {
  fc.assert(
    fc.property(gaps, factor, (given, speed) => {
      const [n, d] = fraction(speed);
      let sum = 0n;
      const exact = given.map((gap, index) => {
        if (index > 0) sum += BigInt(gap);
        return rounded(sum * d, n);
      });
      expect(planned(given, 84, speed)).toEqual(exact);
    }),
  );
});

test("as recorded it is to the nanosecond, after millions of frames too", () => {
  const gapNs = new Float64Array([1_000_003]);
  const timetable = new Timetable(1);
  for (let frame = 0; frame <= 2_000_000; frame++) timetable.take(gapNs, 84);
  expect(timetable.plannedNs[0]).toBe(2_000_000 * 1_000_003);
});

test.each([
  [10, 60, 67.2],
  [25, 60, 26.88],
  [100, 60, 6.72],
  [10, 1514, 1230.4],
])("at %d Gb/s frames of %d bytes follow each other by %f ns, and nothing drifts", (rate, byteLength, wireNs) => {
  const times = planned(new Array(10_001).fill(12_345), wireByteLength(byteLength), { gigabitsPerSecond: rate });
  expect(times[0]).toBe(0);
  for (const [frame, timeNs] of times.entries()) expect(Math.abs(timeNs - frame * wireNs)).toBeLessThanOrEqual(0.501);
  expect(times[10_000]).toBe(Math.round(10_000 * wireNs));
});

test("bursts keep their gaps and idle times are scaled, as a model adds them up one by one", () => {
  const scaling = fc.record({
    gapNs: fc.constantFrom(1, 1_000, 100_000),
    idle: fc.oneof(fc.constant<"max">("max"), factor),
  });
  fc.assert(
    fc.property(gaps, factor, scaling, (given, speed, bursts) => {
      let sum = 0;
      const model = given.map((gap, index) => {
        const idle = bursts.idle === "max" ? 0 : gap / bursts.idle;
        if (index > 0) sum += gap < bursts.gapNs ? gap / speed : Math.max(bursts.gapNs / speed, idle);
        return sum;
      });
      const times = planned(given, 84, speed, bursts);
      for (const [index, timeNs] of times.entries()) {
        expect(Math.abs(timeNs - (model[index] as number))).toBeLessThanOrEqual(1);
        if (index > 0) expect(timeNs).toBeGreaterThanOrEqual(times[index - 1] as number);
      }
    }),
  );
});
