import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../../emulator/wire/capture/capture-error.ts";
import type { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import type { RecordStream } from "../../../emulator/wire/capture/record-stream.ts";
import { appendFcs, FCS_BYTE_LENGTH } from "../../../emulator/wire/crc32.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { FcsRecords } from "../../../harness/replay/fcs-records.ts";
import { FrameReader } from "../../../harness/replay/frame-reader.ts";
import type { FcsMode } from "../../../harness/replay/frame-source.ts";
import { prepareRecords } from "../../../harness/replay/preparation.ts";

interface Shape {
  readonly bytes: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly timed: boolean;
  /** Bytes that the capture cut off. */
  readonly cut: number;
}

const shapes = fc.array(
  fc.record({
    bytes: fc.uint8Array({ minLength: 14, maxLength: 300 }),
    seconds: fc.integer({ min: 1_700_000_000, max: 1_700_000_003 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    timed: fc.boolean(),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 10 })),
  }),
  { minLength: 1, maxLength: 40 },
);

/** Gives the records in chunks, as a file does, and then throws or ends. */
function sourceOf(records: readonly Shape[], chunkLength: number, damage?: Error): RecordStream {
  let at = 0;
  let end = 0;
  return {
    next(record: CaptureRecord): boolean {
      const shape = records[at];
      if (shape === undefined && damage !== undefined) throw damage;
      if (shape === undefined || at >= end) return false;
      at++;
      const { bytes, seconds, nanoseconds, timed, cut } = shape;
      // At an odd place of a larger buffer, which is overwritten for the next record.
      record.bytes = new Uint8Array(bytes.length + 3).fill(0xee);
      record.bytes.set(bytes, 3);
      record.offset = 3;
      record.byteLength = bytes.length - cut;
      record.originalByteLength = bytes.length;
      Object.assign(record, timed ? { seconds, nanoseconds, timed } : { seconds: 0, nanoseconds: 0, timed });
      record.fcsByteLength = 0;
      return true;
    },
    async more(): Promise<boolean> {
      if (end >= records.length) return false;
      end += chunkLength;
      return true;
    },
    end: null,
    close: async () => {},
  };
}

interface Frame {
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly timeNs: number;
}

/** Reads everything through a queue that is drained whenever it is full. */
async function readAll(source: RecordStream, limit = Number.POSITIVE_INFINITY) {
  const buffer = FrameQueue.createBuffer(4096);
  const reader = new FrameReader(source, new FrameQueue(buffer), { limit });
  const consumer = new FrameQueue(buffer);
  const frames: Frame[] = [];
  const drain = (): void => {
    for (; consumer.peek(); consumer.release()) {
      const { memory, offset, byteLength, flags, seconds, nanoseconds } = consumer;
      const bytes = memory.bytes.slice(offset, offset + byteLength);
      frames.push({ bytes, flags, timeNs: seconds * 1e9 + nanoseconds });
    }
    consumer.acknowledge();
  };
  let error: unknown;
  try {
    for (; !reader.isDone; drain()) await reader.fill();
  } catch (thrown) {
    error = thrown;
  }
  drain();
  return { frames, report: reader.report(), isClosed: consumer.isClosed, error };
}

function withFcs(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + FCS_BYTE_LENGTH);
  bytes.set(frame);
  appendFcs(bytes, 0, frame.length);
  return bytes;
}

function sortedHex(frames: readonly Uint8Array[]): string[] {
  return frames.map((bytes) => Buffer.from(bytes).toString("hex")).sort();
}

const padded = (bytes: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(Math.max(60, bytes.length));
  frame.set(bytes);
  return frame;
};

/** The times that the frames must have: from the first time stamp on, never back. */
function expectedTimes(records: readonly Shape[]): number[] {
  const first = records.find(({ timed }) => timed);
  let timeNs = 0;
  return records.map(({ timed, seconds, nanoseconds }) => {
    if (timed && first !== undefined) {
      timeNs = Math.max(timeNs, (seconds - first.seconds) * 1e9 + nanoseconds - first.nanoseconds);
    }
    return timeNs;
  });
}

describe("the reader of a replay", () => {
  test("gives every frame padded, in order, at times that count from the first and never go back", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 50 }), async (records, chunkLength) => {
        const { frames, report, isClosed, error } = await readAll(
          new FcsRecords(sourceOf(records, chunkLength), "absent"),
        );
        expect(error).toBeUndefined();
        expect(isClosed).toBe(true);
        expect(frames.map(({ bytes }) => bytes)).toEqual(
          records.map(({ bytes, cut }) => padded(bytes.subarray(0, bytes.length - cut))),
        );
        const times = expectedTimes(records);
        expect(frames.map(({ timeNs }) => timeNs)).toEqual(times);
        expect(report).toMatchObject({
          frameCount: records.length,
          recordedNs: times.at(-1),
          snappedCount: records.filter(({ cut }) => cut > 0).length,
          paddedCount: records.filter(({ bytes, cut }) => bytes.length - cut < 60).length,
          untimedCount: records.filter(({ timed }) => !timed).length,
          fcsCount: 0,
        });
      }),
    );
  });

  test("finds out by itself that frames end in an FCS, checks it, flags the wrong ones and cuts it off", async () => {
    const damaged = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(shapes, damaged, fc.integer({ min: 1, max: 50 }), async (records, isDamaged, chunkLength) => {
        const sent = records.map((shape, index) => {
          const bytes = withFcs(shape.bytes);
          // The first one stays right: damage everywhere would be a capture without FCS.
          if (index > 0 && isDamaged[index] === true) (bytes[5] as number) ^= 1;
          return { ...shape, bytes, cut: index === 0 ? 0 : shape.cut };
        });
        const { frames, report } = await readAll(new FcsRecords(sourceOf(sent, chunkLength), "auto"));
        const whole = sent.filter(({ cut }) => cut === 0);
        expect(report.fcsCount).toBe(whole.length);
        expect(report.badFcsCount).toBe(
          sent.filter(({ cut }, index) => cut === 0 && index > 0 && isDamaged[index]).length,
        );
        expect(frames.filter(({ flags }) => flags !== 0)).toHaveLength(report.badFcsCount);
        // A frame that was cut has lost its FCS first.
        const contents = sent.map(({ bytes, cut }) => padded(bytes.subarray(0, bytes.length - Math.max(cut, 4))));
        expect(frames.map(({ bytes }) => bytes)).toEqual(contents);
      }),
    );
  });

  test("finds out for each of several captures by itself, whichever has the FCS and whenever it begins", async () => {
    const sides = fc.array(fc.tuple(shapes, fc.boolean()), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sides, async (captures) => {
        const sources = captures.map(([records, hasFcs]) =>
          sourceOf(
            records.map((shape) => ({ ...shape, bytes: hasFcs ? withFcs(shape.bytes) : shape.bytes, cut: 0 })),
            7,
          ),
        );
        const { records } = prepareRecords(sources, { order: "file", fcs: "auto" });
        const { frames, report } = await readAll(records);
        const sent = captures.flatMap(([shapesOfOne]) => shapesOfOne.map(({ bytes }) => padded(bytes)));
        expect(sortedHex(frames.map(({ bytes }) => bytes))).toEqual(sortedHex(sent));
        expect(report.fcsCount).toBe(captures.reduce((sum, [all, hasFcs]) => sum + (hasFcs ? all.length : 0), 0));
        expect(report.badFcsCount).toBe(0);
      }),
    );
  });

  test("stops at its limit", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 50 }), async (records, limit) => {
        const { frames } = await readAll(new FcsRecords(sourceOf(records, 7), "auto"), limit);
        expect(frames).toHaveLength(Math.min(limit, records.length));
      }),
    );
  });

  test("gives what comes before damage, and then the damage", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.constantFrom<FcsMode>("auto", "absent"), async (records, fcs) => {
        const damage = new CaptureError("record 7 claims 4294967295 bytes");
        const { frames, isClosed, error } = await readAll(
          new FcsRecords(sourceOf(records, records.length, damage), fcs),
        );
        expect(error).toBe(damage);
        expect(frames).toHaveLength(records.length);
        expect(isClosed).toBe(true);
      }),
    );
  });
});
