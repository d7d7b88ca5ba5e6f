import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../../../emulator/wire/capture/capture-error.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { ReorderWindow } from "../../../../emulator/wire/capture/reorder-window.ts";
import { TimeOrderedRecords } from "../../../../emulator/wire/capture/time-ordered-records.ts";
import { type RecordPlan, readStream, streamOf } from "./record-streams.ts";

interface Plan extends RecordPlan {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly timed: boolean;
}

/** Few different times, so that there are ties, and lengths that fill the window now by count and now by bytes. */
const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc
    .record({
      seconds: fc.oneof(fc.integer({ min: -1, max: 2 }), fc.constantFrom(2 ** 31, 2 ** 40)),
      nanoseconds: fc.constantFrom(0, 1, 2, 999_999_999),
      timed: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
      bytes: fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 60, maxLength: 90 })),
      interfaceIndex: fc.nat(3),
      fcsByteLength: fc.constantFrom(0, 4),
    })
    .map((plan) => (plan.timed ? plan : { ...plan, seconds: 0, nanoseconds: 0 })),
  { maxLength: 60 },
);
const limits = fc.record({ recordCount: fc.integer({ min: 1, max: 9 }), byteLength: fc.integer({ min: 1, max: 120 }) });

/** The time a record is ordered by: its own, or that of the timed one before it. */
function keysOf(records: readonly Plan[]): [number, number][] {
  let key: [number, number] = [Number.NEGATIVE_INFINITY, 0];
  return records.map(({ timed, seconds, nanoseconds }) => {
    if (timed) key = [seconds, nanoseconds];
    return key;
  });
}

function compare([leftSeconds, leftNs]: [number, number], [rightSeconds, rightNs]: [number, number]): number {
  return leftSeconds === rightSeconds ? leftNs - rightNs : leftSeconds < rightSeconds ? -1 : 1;
}

/** What the window gives, by its description alone: the earliest held whenever the next one has no room. */
function expectedOrder(records: readonly Plan[], window: { recordCount: number; byteLength: number }): number[] {
  const keys = keysOf(records);
  const held: number[] = [];
  const given: number[] = [];
  const giveOne = (): void => {
    held.sort(
      (left, right) => compare(keys[left] as [number, number], keys[right] as [number, number]) || left - right,
    );
    given.push(held.shift() as number);
  };
  for (const [index, { bytes }] of records.entries()) {
    const size = (): number => held.reduce((sum, at) => sum + (records[at] as Plan).bytes.length, 0);
    while (held.length > 0 && (held.length === window.recordCount || size() + bytes.length > window.byteLength))
      giveOne();
    held.push(index);
  }
  while (held.length > 0) giveOne();
  return given;
}

describe("records in order of time", () => {
  test("leave the window by time, ties in file order, none lost, bytes and all", async () => {
    await fc.assert(
      fc.asyncProperty(plans, limits, fc.integer({ min: 1, max: 8 }), async (records, window, partLength) => {
        const ordered = new TimeOrderedRecords(streamOf(records, partLength), window);
        const read = await readStream(ordered);
        const expected = expectedOrder(records, window).map((index) => records[index] as Plan);
        expect(read.records.map(({ bytes }) => bytes)).toEqual(expected.map(({ bytes }) => [...bytes]));
        expect(read.records).toMatchObject(
          expected.map(({ bytes: _, ...rest }) => ({ ...rest, originalByteLength: _.length })),
        );
        expect(ordered.end).toMatchObject({ recordCount: records.length });

        const times = records.filter(({ timed }) => timed).map(({ seconds, nanoseconds }) => [seconds, nanoseconds]);
        const isBack = (at: number): boolean =>
          compare(times[at - 1] as [number, number], times[at] as [number, number]) > 0;
        const given = expected.filter(({ timed }) => timed).map(({ seconds, nanoseconds }) => [seconds, nanoseconds]);
        let latest: [number, number] = [Number.NEGATIVE_INFINITY, 0];
        let lateCount = 0;
        for (const time of given as [number, number][]) {
          if (compare(latest, time) > 0) lateCount++;
          else latest = time;
        }
        expect(ordered.report()).toMatchObject({
          stepBackCount: times.filter((_, at) => at > 0 && isBack(at)).length,
          lateCount,
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("a window as large as the file sorts it, and nothing is late", async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (records) => {
        const ordered = new TimeOrderedRecords(streamOf(records), { recordCount: 60, byteLength: 60 * 90 });
        const keys = keysOf(records);
        const sorted = [...records.keys()].sort((left, right) => {
          return compare(keys[left] as [number, number], keys[right] as [number, number]) || left - right;
        });
        const { records: read } = await readStream(ordered);
        expect(read.map(({ bytes }) => bytes)).toEqual(sorted.map((index) => [...(records[index] as Plan).bytes]));
        expect(ordered.report()).toMatchObject({ lateCount: 0, lateMaxNs: 0 });
      }),
    );
  });

  test("how late is told to the nanosecond", async () => {
    const at = (seconds: number, nanoseconds: number): Plan => ({
      seconds,
      nanoseconds,
      timed: true,
      bytes: new Uint8Array(1),
    });
    const ordered = new TimeOrderedRecords(streamOf([at(5, 0), at(6, 0), at(7, 0), at(4, 999_999_000)]), {
      recordCount: 2,
      byteLength: 100,
    });
    expect((await readStream(ordered)).records.map(({ seconds }) => seconds)).toEqual([5, 6, 4, 7]);
    expect(ordered.report()).toEqual({ stepBackCount: 1, lateCount: 1, lateMaxNs: 1_000_001_000 });
  });

  test("damage comes when all records before it have been given", async () => {
    await fc.assert(
      fc.asyncProperty(plans, limits, async (records, window) => {
        const damage = new CaptureError("record 7 claims 4294967295 bytes");
        const { records: read, error } = await readStream(new TimeOrderedRecords(streamOf(records, 2, damage), window));
        expect(error).toBe(damage);
        expect(read).toHaveLength(records.length);
      }),
    );
  });
});

describe("the window's memory", () => {
  test("is twice the limit, and stays so over any traffic that keeps to it", () => {
    const window = new ReorderWindow({ recordCount: 16, byteLength: 1000 });
    const record = new CaptureRecord();
    const taken = new CaptureRecord();
    record.bytes = new Uint8Array(400);
    let held = 0;
    for (let n = 0; n < 10_000; n++) {
      record.byteLength = (n * 37) % 400;
      // Every hundredth one is far in the future and stays while a thousand others pass.
      const seconds = n % 100 === 0 ? n + 1000 : n;
      while (!window.hasRoomFor(record.byteLength)) {
        expect(window.take(taken)).toBe(true);
        held--;
      }
      window.admit(record, seconds, 0);
      held++;
      expect(window.count).toBe(held);
      expect(window.byteLength).toBeLessThanOrEqual(1000);
    }
    expect(window.capacityByteLength).toBe(2000);
  });

  test("grows once for a frame that is longer than the limit", () => {
    const window = new ReorderWindow({ recordCount: 4, byteLength: 10 });
    const record = new CaptureRecord();
    record.bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
    record.byteLength = 300;
    for (let n = 0; n < 5; n++) {
      expect(window.hasRoomFor(300)).toBe(true);
      window.admit(record, n, 0);
      expect(window.hasRoomFor(1)).toBe(false);
      expect(window.take(record)).toBe(true);
      expect(record.bytes[record.offset + 299]).toBe(299 & 0xff);
    }
    expect(window.capacityByteLength).toBe(600);
  });
});
