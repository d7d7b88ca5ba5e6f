import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration } from "../../../emulator/clock/duration.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { Damage } from "../../../emulator/wire/damage/damage.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { FrameReader, type FrameReaderOptions } from "../../../harness/replay/frame-reader.ts";
import type { FrameSource } from "../../../harness/replay/frame-source.ts";
import { checkWindow, momentText, parseMoment, type ReplayWindow } from "../../../harness/replay/replay-window.ts";
import { LINE_A, moldFrame } from "../wire/damage/damage-bench.ts";

const START_SECONDS = 1_692_711_000;

/** Times in nanoseconds since the first record, which need not be in order. */
function sourceOf(times: readonly number[]): FrameSource {
  let at = 0;
  return {
    next(record: CaptureRecord): boolean {
      const timeNs = times[at];
      if (timeNs === undefined) return false;
      record.bytes = moldFrame({ line: LINE_A, sequence: 1 + 2 * at, count: at % 5 === 4 ? 0 : 2, timeNs });
      record.offset = 0;
      record.byteLength = record.bytes.length;
      record.originalByteLength = record.bytes.length;
      record.timed = true;
      record.seconds = START_SECONDS + Math.floor(timeNs / 1e9);
      record.nanoseconds = timeNs - 1e9 * Math.floor(timeNs / 1e9);
      record.fcsByteLength = 0;
      at++;
      return true;
    },
  };
}

/** Record number and planned time of every frame that comes out. */
async function replayed(times: readonly number[], options: Partial<FrameReaderOptions>) {
  const buffer = FrameQueue.createBuffer(4096);
  const reopen = async (): Promise<FrameSource> => sourceOf(times);
  const reader = new FrameReader(await reopen(), new FrameQueue(buffer), {
    limit: Number.POSITIVE_INFINITY,
    speed: 1,
    reopen,
    ...options,
  });
  const queue = new FrameQueue(buffer);
  const frames: [index: number, timeNs: number][] = [];
  while (!reader.isDone) {
    await reader.fill();
    for (; queue.peek(); queue.release()) {
      const sequence = new DataView(queue.memory.bytes.buffer).getUint32(queue.offset + 42 + 14);
      frames.push([(sequence - 1) / 2, queue.seconds * 1e9 + queue.nanoseconds]);
    }
    queue.acknowledge();
  }
  return { frames, report: reader.report(), seen: reader.seen };
}

/** Gaps, now and then back in time. */
const recordTimes = fc
  .array(fc.integer({ min: -2_000, max: 3_000_000 }), { minLength: 1, maxLength: 40 })
  .map((gaps) => {
    const times = [0];
    for (const gap of gaps) times.push(Math.max(0, (times.at(-1) as number) + gap));
    return times;
  });

const bound = fc.option(fc.integer({ min: 0, max: 20_000_000 }), { nil: undefined, freq: 3 });

interface Pass {
  readonly frames: readonly [number, number][];
  readonly spanNs: number;
}

/** Which records a window takes, and at which times from its first one that never go back. */
function onePass(times: readonly number[], from: number, to: number): Pass {
  const taken = [...times.entries()].filter(([, timeNs]) => timeNs >= from && timeNs < to);
  const first = taken[0]?.[1] ?? 0;
  let last = 0;
  const frames = taken.map(([index, timeNs]): [number, number] => {
    last = Math.max(last, timeNs - first);
    return [index, last];
  });
  return { frames, spanNs: last };
}

describe("a window in time, and passes over it", () => {
  test("are those of a model in so many words", async () => {
    await fc.assert(
      fc.asyncProperty(
        recordTimes,
        bound,
        bound,
        fc.integer({ min: 1, max: 4 }),
        fc.option(fc.nat(100_000), { nil: undefined, freq: 1 }),
        fc.boolean(),
        async (times, from, length, loopCount, loopGapNs, isAbsolute) => {
          const to = length === undefined ? undefined : (from ?? 0) + length + 1;
          const moment = (ns: number) =>
            isAbsolute
              ? { seconds: START_SECONDS + Math.floor(ns / 1e9), nanoseconds: ns % 1e9 }
              : { sinceStartNs: ns };
          const window: ReplayWindow = {
            ...(from === undefined ? {} : { from: moment(from) }),
            ...(to === undefined ? {} : { to: moment(to) }),
          };
          const result = await replayed(times, {
            window,
            loopCount,
            ...(loopGapNs === undefined ? {} : { loopGapNs }),
          });
          const { frames, spanNs } = onePass(times, from ?? 0, to ?? Number.POSITIVE_INFINITY);
          let periodNs = frames.length > 1 ? spanNs + Math.round(spanNs / (frames.length - 1)) : 0;
          if (from !== undefined && to !== undefined) periodNs = to - from;
          if (loopGapNs !== undefined) periodNs = spanNs + loopGapNs;
          const passes = frames.length === 0 ? 1 : loopCount;
          const expected = Array.from({ length: passes }, (_, pass) =>
            frames.map(([index, timeNs]): [number, number] => [index, timeNs + pass * periodNs]),
          ).flat();
          // Frames all at one time have no mean gap; what follows them then is another test's.
          fc.pre(periodNs > 0 || loopCount === 1 || loopGapNs !== undefined || frames.length === 0);
          expect(result.frames).toEqual(expected);
          expect(result.report.outsideCount).toBe(passes * (times.length - frames.length));
          expect(result.report.plannedNs).toBe(expected.at(-1)?.[1] ?? 0);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("a window with both ends repeats with its own length, one without them with its mean gap", async () => {
    const times = [0, 1000, 1500, 4000, 9000];
    const window = { from: { sinceStartNs: 1000 }, to: { sinceStartNs: 5000 } };
    const bounded = await replayed(times, { window, loopCount: 2 });
    expect(bounded.frames.map(([, timeNs]) => timeNs)).toEqual([0, 500, 3000, 4000, 4500, 7000]);
    const open = await replayed(times, { window: { from: window.from }, loopCount: 2 });
    const periodNs = 8000 + Math.round(8000 / 3);
    expect(open.frames.map(([, timeNs]) => timeNs)).toEqual(
      [0, periodNs].flatMap((start) => [0, 500, 3000, 8000].map((each) => start + each)),
    );
  });

  test("a lone frame follows itself by its link time at 10 Gb/s", async () => {
    const { frames } = await replayed([0], { loopCount: 3 });
    // 42 bytes of headers, 20 of MoldUDP64, two messages of six: 74 bytes, and 24 on the line around them.
    expect(frames.map(([, timeNs]) => timeNs)).toEqual([0, 79, 158]);
  });

  test("frames and damage are counted over all passes", async () => {
    const damage = new Damage({ rules: [{ frames: [[3, 3]], loss: 1 }] }, MemoryView.ofSize(4));
    const { frames, report } = await replayed([0, 1000], { loopCount: 3, damage });
    expect(frames.map(([index]) => index)).toEqual([0, 1, 0, 0, 1]);
    expect(report).toMatchObject({ frameCount: 6, queuedCount: 5, passCount: 3, recordedNs: 5000 });
    expect(damage.ledger.entries()).toMatchObject([{ frame: 3, what: "lost", timeNs: 3000 }]);
  });
});

describe("a window in sequence", () => {
  test("takes the packets that carry one of its numbers, and the heartbeats behind them", async () => {
    const times = Array.from({ length: 20 }, (_, index) => 1000 * index);
    await fc.assert(
      fc.asyncProperty(fc.nat(50), fc.nat(50), async (one, other) => {
        const [fromSequence, toSequence] = [Math.min(one, other), Math.max(one, other)];
        const { frames } = await replayed(times, { window: { fromSequence, toSequence } });
        const expected = times.flatMap((_, index) => {
          const sequence = 1 + 2 * index;
          const carried = index % 5 === 4 ? [sequence - 1] : [sequence, sequence + 1];
          return carried.some((each) => each >= Math.max(1, fromSequence) && each <= toSequence) ? [index] : [];
        });
        expect(frames.map(([index]) => index)).toEqual(expected);
      }),
    );
  });
});

describe("moments and durations", () => {
  test.each([
    ["1.5s", { sinceStartNs: 1.5e9 }],
    ["+250ms", { sinceStartNs: 250e6 }],
    ["0ns", { sinceStartNs: 0 }],
    ["@1692711000.5", { seconds: START_SECONDS, nanoseconds: 500_000_000 }],
    ["2023-08-22T13:30:00Z", { seconds: START_SECONDS, nanoseconds: 0 }],
    ["2023-08-22 13:30:00.123456789Z", { seconds: START_SECONDS, nanoseconds: 123_456_789 }],
    ["2023-08-22T09:30:00-04:00", { seconds: START_SECONDS, nanoseconds: 0 }],
  ])("%s", (text, moment) => {
    expect(parseMoment(text)).toEqual(moment);
  });

  test.each([
    "",
    "5",
    "soon",
    "2023-08-22",
    "2023-08-22T13:30:00",
    "2023-13-45T00:00:00Z",
    "@",
    "@1.0123456789",
    "-1s",
  ])("%s is no moment", (text) => {
    expect(() => parseMoment(text)).toThrow(/is no moment/);
  });

  test("a moment is written as it is read", () => {
    fc.assert(
      fc.property(fc.nat(0x7fff_ffff), fc.nat(999_999_999), (seconds, nanoseconds) => {
        expect(parseMoment(momentText({ seconds, nanoseconds }))).toEqual({ seconds, nanoseconds });
      }),
    );
  });

  test.each([
    ["250ns", 250],
    ["10us", 10_000],
    ["10µs", 10_000],
    ["1.5 ms", 1_500_000],
    ["2min", 120e9],
    [".5h", 1800e9],
  ])("%s", (text, durationNs) => {
    expect(parseDuration(text)).toBe(durationNs);
  });

  test.each(["", "5", "ms", "-1ms", "1 week", "1e3s", "9999999h", "1constructor"])("%s is no duration", (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
  });

  test("bounds that contradict each other are refused", () => {
    const at = (sinceStartNs: number) => ({ sinceStartNs });
    expect(() => checkWindow({ from: at(2), to: at(2) })).toThrow(/ends before it begins/);
    expect(() => checkWindow({ from: { seconds: 5, nanoseconds: 1 }, to: { seconds: 5, nanoseconds: 0 } })).toThrow(
      RangeError,
    );
    expect(() => checkWindow({ fromSequence: 3, toSequence: 2 })).toThrow(/sequence 2, before/);
    checkWindow({ from: at(9), to: { seconds: 1, nanoseconds: 0 } });
  });
});
