import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OfferedFrame } from "../../../emulator/wire/damage/damage-events.ts";
import { type RecordedTraffic, recordedTraffic } from "../../../harness/replay/recorded-traffic.ts";
import { LINE_A, moldFrame } from "../wire/damage/damage-bench.ts";

/** One message a frame, a microsecond apart: the frame of index i has sequence i + 1. */
const frames: OfferedFrame[] = Array.from({ length: 200 }, (_, index) => ({
  bytes: moldFrame({ line: LINE_A, sequence: index + 1, count: 1, timeNs: 0 }),
  timeNs: 1000 * index,
}));
const damage = { rules: [{ loss: 0.1, duplicate: 0.1, reorder: 0.1, delayNs: 3000, jitterNs: 2000, corrupt: 0.1 }] };

/** The counterexample that is left after shrinking. */
function shrunk(seed: number, holds: (traffic: RecordedTraffic) => boolean, maxFrames = 150): RecordedTraffic {
  const outcome = fc.check(fc.property(recordedTraffic(frames, { maxFrames, damage }), holds), { seed, numRuns: 500 });
  expect(outcome.failed, `nothing failed with seed ${seed}`).toBe(true);
  return outcome.counterexample?.[0] as RecordedTraffic;
}

const arrives = ({ frames: arriving }: RecordedTraffic, sequence: number): boolean =>
  arriving.some(({ bytes, hasBadFcs }) => !hasBadFcs && new DataView(bytes.buffer).getUint32(42 + 22) === sequence);

describe("recorded traffic as a value of fast-check", () => {
  test("is a window of the frames, and without damage the frames as they are", () => {
    fc.assert(
      fc.property(recordedTraffic(frames, { maxFrames: 20 }), ({ first, end, events, frames: arriving }) => {
        expect(end - first).toBeGreaterThanOrEqual(1);
        expect(end - first).toBeLessThanOrEqual(20);
        expect(events).toEqual([]);
        expect(arriving).toEqual(
          frames.slice(first, end).map(({ bytes }, index) => ({ bytes, timeNs: 1000 * index, hasBadFcs: false })),
        );
      }),
    );
  });

  test("shrinks to the shortest window that holds what fails, and to no damage where it needs none", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 60, max: 100 }), fc.nat({ max: 40 }), (seed, low, width) => {
        const needs = ({ first, end }: RecordedTraffic): boolean => first <= low && end > low + width;
        const { first, end, events } = shrunk(seed, (traffic) => !needs(traffic));
        expect({ first, end, events }).toEqual({ first: low, end: low + width + 1, events: [] });
      }),
      { numRuns: 20 },
    );
  });

  test("shrinks to the one event that matters", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        // A receiver that misses one sequence between two others needs three frames and one loss.
        const { first, end, events, ledger } = shrunk(seed, (traffic) =>
          traffic.ledger.lines().every(({ missing }) => missing.length === 0),
        );
        expect(end - first).toBe(3);
        expect(events).toHaveLength(1);
        expect(events[0]).toMatchObject({ frame: first + 1 });
        expect(["lost", "corrupted"]).toContain(events[0]?.what);
        expect(ledger.lines()[0]?.missing).toEqual([[first + 2, first + 3]]);
      }),
      { numRuns: 20 },
    );
  });

  test("whatever fails, no end of the window and no event can be left out", () => {
    // Neither monotonic nor local: some frame arrives twice, or two neighbours arrive in the wrong order.
    const holds = (traffic: RecordedTraffic): boolean => {
      const [line] = traffic.ledger.lines();
      return line === undefined || (line.outOfOrder.length === 0 && line.duplicates.length === 0);
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { first, end, events } = shrunk(seed, holds);
        expect(events).toHaveLength(1);
        expect(end - first).toBe(events[0]?.what === "duplicated" ? 1 : 2);
      }),
      { numRuns: 20 },
    );
  });

  test("prints what it is made of", () => {
    const [traffic] = fc.sample(recordedTraffic(frames, { maxFrames: 3 }), { numRuns: 1, seed: 1 });
    expect(fc.stringify(traffic)).toMatch(/^recordedTraffic\(frames \d+–\d+, damage \[\]\)$/);
  });

  test("the sequences that arrive are those of the window, less what the ledger lost", () => {
    fc.assert(
      fc.property(recordedTraffic(frames, { damage }), (traffic) => {
        const lost = traffic.ledger.lines().flatMap((line) => line.lost.map(([sequence]) => sequence));
        for (let sequence = traffic.first + 1; sequence <= traffic.end; sequence++) {
          const isLost = traffic.ledger
            .lines()
            .some(({ lost }) => lost.some(([low, high]) => sequence >= low && sequence < high));
          expect(arrives(traffic, sequence)).toBe(!isLost);
        }
        expect(lost.every((sequence) => sequence > traffic.first)).toBe(true);
      }),
    );
  });

  test("refuses what makes no sense", () => {
    expect(() => recordedTraffic([])).toThrow(/no frames/);
    expect(() => recordedTraffic(frames, { maxFrames: 0 })).toThrow(/maxFrames/);
    expect(() => recordedTraffic(frames, { damage: { rules: [{ loss: 2 }] } })).toThrow(/loss is a probability/);
  });
});
