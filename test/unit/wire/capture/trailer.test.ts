import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildUdpFrame } from "../../../../emulator/wire/build-frame.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { TickClock } from "../../../../emulator/wire/capture/tick-clock.ts";
import { TRAILER_KINDS, Trailer, type TrailerKind } from "../../../../emulator/wire/capture/trailer.ts";
import { TrailerRecords } from "../../../../emulator/wire/capture/trailer-records.ts";
import { appendFcs, crc32 } from "../../../../emulator/wire/crc32.ts";
import { readStream, streamOf } from "./record-streams.ts";

const CAPTURED_AT = 1_700_000_000;

const bytesOf = (value: bigint, byteLength: number): number[] =>
  Array.from({ length: byteLength }, (_, index) => Number((value >> BigInt(8 * (byteLength - 1 - index))) & 0xffn));

function withFcs(bytes: readonly number[]): number[] {
  const buffer = new Uint8Array(bytes.length + 4);
  buffer.set(bytes);
  appendFcs(buffer, 0, bytes.length);
  return [...buffer];
}

/** A frame as it was on the wire, without FCS. */
const frames = fc.uint8Array({ minLength: 4, maxLength: 300 }).map((payload) => {
  const bytes = new Uint8Array(400);
  const flow = {
    sourceMac: 0x0200_0000_0007,
    sourceIp: 1,
    destinationIp: 0xe000_0001,
    sourcePort: 1,
    destinationPort: 2,
  };
  return [...bytes.slice(0, buildUdpFrame(bytes, 0, flow, payload))];
});

interface Stamp {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly deviceId: number;
  readonly portId: number;
  readonly hasNewFcs: boolean;
  readonly isFcsNumber: boolean;
}

const stamps: fc.Arbitrary<Stamp> = fc.record({
  seconds: fc.integer({ min: CAPTURED_AT - 30 * 86_400, max: CAPTURED_AT + 30 * 86_400 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  deviceId: fc.integer({ min: 0, max: 255 }),
  portId: fc.integer({ min: 0, max: 255 }),
  hasNewFcs: fc.boolean(),
  isFcsNumber: fc.boolean(),
});

function ownFcs(frame: readonly number[], isFcsNumber: boolean): number[] {
  if (!isFcsNumber) return withFcs(frame);
  return [...frame, ...bytesOf(BigInt(crc32(Uint8Array.from(frame), 0, frame.length) >>> 0), 4)];
}

/** A number that reads the same from either end lies there as on the wire, too: one in 65,536. */
function hasPalindromeFcs(frame: readonly number[]): boolean {
  return Buffer.from(ownFcs(frame, true)).equals(Buffer.from(ownFcs(frame, false)));
}

function metamako(frame: readonly number[], stamp: Stamp, extensions: readonly number[] = [], flags = 1): number[] {
  const { seconds, nanoseconds, deviceId, portId, hasNewFcs, isFcsNumber } = stamp;
  const bytes = [
    ...ownFcs(frame, isFcsNumber),
    ...extensions,
    ...bytesOf(BigInt(seconds), 4),
    ...bytesOf(BigInt(nanoseconds), 4),
    flags | (extensions.length > 0 ? 2 : 0),
    ...bytesOf(BigInt(deviceId), 2),
    portId,
  ];
  return hasNewFcs ? withFcs(bytes) : bytes;
}

function exablaze(frame: readonly number[], stamp: Stamp, fraction: bigint): number[] {
  const { seconds, deviceId, portId, hasNewFcs, isFcsNumber } = stamp;
  const own = ownFcs(frame, isFcsNumber);
  const bytes = [...own, deviceId, portId, ...bytesOf(BigInt(seconds), 4), ...bytesOf(fraction, 5), 0];
  return hasNewFcs ? withFcs(bytes) : bytes;
}

/** Parses at an odd place of a larger buffer; `captureSeconds` is when the capture was made. */
function parse(
  kind: TrailerKind,
  bytes: readonly number[],
  ipEnd = -1,
  captureSeconds = CAPTURED_AT,
): Trailer | undefined {
  const trailer = new Trailer();
  const buffer = Uint8Array.from([9, 9, 9, ...bytes, 9]);
  return trailer.parse(kind, buffer, 3, bytes.length, captureSeconds, ipEnd) ? trailer : undefined;
}

/** A word of an extension that is `dataWords` long and perhaps the last, behind its data. */
function extension(dataWords: number, isLast: boolean, isLong: boolean): number[] {
  const data = Array.from({ length: 4 * dataWords }, (_, index) => index);
  const length = isLong ? ((dataWords - 1) << 6) | 0x1f : dataWords << 6;
  return [...data, ...bytesOf(BigInt(length | (isLast ? 0x20 : 0)), 4)];
}

const SOME_STAMP: Stamp = {
  seconds: CAPTURED_AT,
  nanoseconds: 5,
  deviceId: 1,
  portId: 2,
  hasNewFcs: true,
  isFcsNumber: false,
};
/** Its FCS is 0x8e37378e. */
const PALINDROME_FCS: number[] = [28, 2, 0, ...Array(57).fill(7)];

describe("the trailer of", () => {
  test("Metamako: time, device and port, with extensions and a new FCS or without", () => {
    const extensions = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()), { maxLength: 3 });
    fc.assert(
      fc.property(frames, stamps, extensions, (frame, stamp, words) => {
        // The words are read from the back: the one that comes first in the frame is the last.
        const bytes = words.flatMap(([dataWords, isLong], index) => extension(dataWords, index === 0, isLong));
        const captured = metamako(frame, stamp, bytes);
        const { seconds, nanoseconds, deviceId, portId } = stamp;
        expect(parse("metamako", captured)).toMatchObject({ seconds, nanoseconds, deviceId, portId, isFcsRight: true });
        const left = captured.length - (parse("metamako", captured)?.byteLength ?? 0);
        expect(left).toBe(stamp.isFcsNumber && !hasPalindromeFcs(frame) ? frame.length : frame.length + 4);
      }),
      { examples: [[PALINDROME_FCS, { ...SOME_STAMP, isFcsNumber: true }, []]] },
    );
  });

  test("Exablaze: its fraction of a second is cut off at the nanosecond", () => {
    fc.assert(
      fc.property(frames, stamps, fc.bigInt({ min: 0n, max: 2n ** 40n - 1n }), (frame, stamp, fraction) => {
        const captured = exablaze(frame, stamp, fraction);
        const { seconds, deviceId, portId } = stamp;
        const nanoseconds = Number((fraction * 1_000_000_000n) >> 40n);
        expect(parse("exablaze", captured)).toMatchObject({ seconds, nanoseconds, deviceId, portId, isFcsRight: true });
      }),
      { numRuns: 1000 },
    );
  });

  test("Arista 7150: ticks before a right FCS, or in its place", () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 0xffff_ffff }), (frame, ticks) => {
        const stamped = [...frame, ...bytesOf(BigInt(ticks), 4)];
        const expected = { ticks: ticks | 0, fcsByteLength: 0 };
        expect(parse("arista-7150", withFcs(stamped))).toMatchObject({ ...expected, byteLength: 8 });
        expect(parse("arista-7150-replaced", stamped)).toMatchObject({ ...expected, byteLength: 4 });
        // A datagram that reaches into the stamp leaves no room for one.
        expect(parse("arista-7150", withFcs(stamped), frame.length + 1)).toBeUndefined();
        expect(parse("arista-7150-replaced", withFcs(frame))).toBeUndefined();
      }),
    );
  });

  test("a device is not believed with one wrong bit in the frame, a clock a month off, or no room", () => {
    fc.assert(
      fc.property(frames, stamps, fc.nat(), (frame, stamp, at) => {
        for (const [kind, captured] of [
          ["metamako", metamako(frame, stamp)],
          ["exablaze", exablaze(frame, stamp, 77n)],
        ] as const) {
          const flipped = [...captured];
          const place = at % frame.length;
          flipped[place] = (flipped[place] as number) ^ (1 << (at % 8));
          expect(parse(kind, flipped)).toBeUndefined();
          expect(parse(kind, captured, -1, stamp.seconds + 31 * 86_400)).toBeUndefined();
          expect(parse(kind, captured, -1, Number.NaN)).toBeDefined();
          expect(parse(kind, withFcs(frame))).toBeUndefined();
          expect(parse(kind, captured.slice(-15))).toBeUndefined();
        }
      }),
    );
  });

  test("Metamako has no second of more than 10^9 nanoseconds", () => {
    const stamp = { seconds: CAPTURED_AT, deviceId: 1, portId: 2, hasNewFcs: false, isFcsNumber: false };
    const frame = Array(60).fill(7);
    expect(parse("metamako", metamako(frame, { ...stamp, nanoseconds: 999_999_999 }))).toBeDefined();
    expect(parse("metamako", metamako(frame, { ...stamp, nanoseconds: 1_000_000_000 }))).toBeUndefined();
  });

  test("Metamako, when the device says that the frame's FCS was wrong, is believed and says so", () => {
    const stamp = { seconds: CAPTURED_AT, nanoseconds: 5, deviceId: 1, portId: 2, hasNewFcs: true, isFcsNumber: false };
    const damaged = withFcs(Array(60).fill(7));
    damaged[5] = 8;
    // The stamp alone: four bytes of FCS before it and behind it are those of the damaged frame and of the whole.
    const captured = withFcs([...damaged, ...metamako([], stamp, [], 0).slice(4, -4)]);
    const found = { isFcsRight: false, fcsByteLength: 4, byteLength: 16 };
    expect(parse("metamako", captured, 60)).toMatchObject(found);
    expect(parse("metamako", captured, 20)).toMatchObject(found);
    // Where a datagram reaches to, there is data that looks like a stamp; without a datagram nobody knows.
    expect(parse("metamako", captured, 61)).toBeUndefined();
    expect(parse("metamako", captured, -1)).toBeUndefined();
  });

  test("no bytes at all make a parser read outside them or run for ever", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...TRAILER_KINDS), (bytes, kind) => {
        for (let end = 0; end <= bytes.length; end++) {
          const found = parse(kind, [...bytes.subarray(0, end)]);
          expect(found === undefined || found.byteLength <= end).toBe(true);
        }
      }),
    );
  });
});

describe("frames of a capture device", () => {
  test("come without the trailer, with the device's time, and with their own FCS still to be checked", async () => {
    const bytes = Uint8Array.from({ length: 60 }, (_, index) => index);
    const stamp = {
      seconds: CAPTURED_AT + 1,
      nanoseconds: 123,
      deviceId: 1,
      portId: 2,
      hasNewFcs: true,
      isFcsNumber: false,
    };
    const captured = Uint8Array.from(metamako([...bytes], stamp));
    const plain = { seconds: CAPTURED_AT, nanoseconds: 5, timed: true };
    const plans = [
      { ...plain, bytes: captured },
      { ...plain, bytes },
      { ...plain, bytes: captured, originalByteLength: captured.length + 1 },
      { ...plain, bytes: captured, linkType: 113 },
    ];
    for (const asClock of [true, false]) {
      const stream = new TrailerRecords(streamOf(plans), { kind: "metamako", asClock });
      const { records } = await readStream(stream);
      const time = asClock ? { seconds: CAPTURED_AT + 1, nanoseconds: 123 } : { seconds: CAPTURED_AT, nanoseconds: 5 };
      expect(records[0]).toMatchObject({
        ...time,
        bytes: withFcs([...bytes]),
        originalByteLength: 64,
        fcsByteLength: 4,
      });
      expect(records.slice(1).map((record) => record.bytes.length)).toEqual([60, captured.length, captured.length]);
      expect(records.slice(1)).toMatchObject([plain, plain, plain]);
      expect(stream.report()).toEqual({ kind: "metamako", asClock, foundCount: 1, missingCount: 3 });
    }
  });
});

describe("the tick clock of an Arista 7150", () => {
  /** Gaps below a round of the counter and beyond it, a capture clock that is up to 40 µs off, and two senders. */
  const steps = fc.array(
    fc.record({
      ticks: fc.oneof(fc.bigInt({ min: 0n, max: 1000n }), fc.bigInt({ min: 0n, max: 2n ** 36n })),
      lateNs: fc.integer({ min: 0, max: 40_000 }),
      sender: fc.constantFrom(1, 2),
    }),
    { minLength: 1, maxLength: 30 },
  );

  test("places frames by ticks alone, over any number of rounds", () => {
    fc.assert(
      fc.property(steps, fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (planned, start) => {
        const clock = new TickClock();
        const record = new CaptureRecord();
        record.bytes = new Uint8Array(12);
        const firsts = new Map<number, { ticks: bigint; ns: bigint }>();
        let ticks = start;
        for (const step of planned) {
          ticks += step.ticks;
          const capturedNs = BigInt(CAPTURED_AT) * 1_000_000_000n + (ticks * 20n) / 7n + BigInt(step.lateNs);
          record.seconds = Number(capturedNs / 1_000_000_000n);
          record.nanoseconds = Number(capturedNs % 1_000_000_000n);
          record.bytes[11] = step.sender;
          expect(clock.place(record, Number(BigInt.asIntN(32, ticks)))).toBe(true);
          const first = firsts.get(step.sender) ?? { ticks, ns: capturedNs };
          firsts.set(step.sender, first);
          const expected = first.ns + ((ticks - first.ticks) * 20n) / 7n;
          expect(BigInt(clock.seconds) * 1_000_000_000n + BigInt(clock.nanoseconds)).toBe(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a frame that was captured a little early does not jump a round", () => {
    const clock = new TickClock();
    const record = new CaptureRecord();
    record.bytes = new Uint8Array(12);
    record.seconds = 100;
    clock.place(record, 1000);
    // 70 ticks are 200 ns; by the capture's clock no time has passed, or it has gone back.
    clock.place(record, 930);
    expect([clock.seconds, clock.nanoseconds]).toEqual([99, 999_999_800]);
    clock.place(record, 1070);
    expect([clock.seconds, clock.nanoseconds]).toEqual([100, 200]);
  });

  test("beyond 256 senders the capture's time stays", () => {
    const clock = new TickClock();
    const record = new CaptureRecord();
    record.bytes = new Uint8Array(12);
    for (let sender = 0; sender < 256; sender++) {
      record.bytes[11] = sender;
      expect(clock.place(record, 0)).toBe(true);
    }
    record.bytes[10] = 1;
    expect(clock.place(record, 0)).toBe(false);
  });
});
