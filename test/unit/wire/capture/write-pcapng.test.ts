import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureReader } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { PcapngWriter } from "../../../../emulator/wire/capture/write-pcapng.ts";
import { copyOf } from "./read-whole.ts";

/** The last whole second of which 64 bits of nanoseconds hold all, as arithmetic without limits gives it. */
const SECONDS_MAX = Number(2n ** 64n / 1_000_000_000n) - 1;

const interfaces = fc.record({
  name: fc.string({ maxLength: 20, unit: "grapheme" }),
  description: fc.option(fc.string({ maxLength: 300 }), { nil: undefined }),
  linkType: fc.option(fc.constantFrom(1, 113, 276), { nil: undefined }),
  bitsPerSecond: fc.option(fc.constantFrom(10e9, 400e9, 2 ** 53 - 1), { nil: undefined }),
  fcsByteLength: fc.option(fc.constantFrom(0, 4), { nil: undefined }),
});
const packets = fc.record({
  pick: fc.nat(),
  seconds: fc.oneof(fc.nat(SECONDS_MAX), fc.constantFrom(0, 2 ** 32, SECONDS_MAX)),
  nanoseconds: fc.oneof(fc.nat(999_999_999), fc.constant(999_999_999)),
  frame: fc.uint8Array({ maxLength: 130 }),
  direction: fc.constantFrom(0, 1, 2),
  extra: fc.nat(500),
  dropCount: fc.oneof(fc.constant(0), fc.nat(), fc.constant(2 ** 40)),
  comment: fc.option(fc.string({ maxLength: 30 }), { nil: undefined }),
});
const statistics = fc.option(fc.record({ receivedCount: fc.maxSafeNat(), droppedCount: fc.maxSafeNat() }), {
  nil: undefined,
});

/** `{ a: undefined }` without the a: as a caller leaves things out. */
function given<T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

describe("a pcapng that is written", () => {
  test("says to a reader what was said to the writer, to the nanosecond, drained in pieces or not", () => {
    const plans = fc.record({
      ports: fc.array(fc.tuple(interfaces, statistics), { minLength: 1, maxLength: 4 }),
      sent: fc.array(packets, { maxLength: 12 }),
      drainEvery: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(plans, ({ ports, sent, drainEvery }) => {
        const writer = new PcapngWriter({ comment: "what a card sent" });
        const reader = new CaptureReader({ linkTypes: "any" });
        const record = new CaptureRecord();
        const read: object[] = [];
        const flush = (): void => {
          reader.push(writer.drain());
          while (reader.next(record)) read.push({ ...copyOf(record), direction: record.direction });
        };
        expect(ports.map(([port]) => writer.addInterface(given(port)))).toEqual([...ports.keys()]);
        for (const [index, packet] of sent.entries()) {
          const { pick, seconds, nanoseconds, frame, direction, extra, dropCount, comment } = packet;
          const remarks = { direction, originalByteLength: frame.length + extra, dropCount, comment };
          writer.append(pick % ports.length, seconds, nanoseconds, frame, given(remarks));
          if (index % drainEvery === 0) flush();
        }
        for (const [index, [, counters]] of ports.entries()) {
          if (counters !== undefined) writer.addStatistics(index, 1, 2, counters);
        }
        flush();
        expect(reader.end()).toMatchObject({ format: "pcapng", recordCount: sent.length, cut: null });
        expect(read).toEqual(
          sent.map(({ pick, seconds, nanoseconds, frame, direction, extra }) => ({
            seconds,
            nanoseconds,
            timed: true,
            bytes: [...frame],
            originalByteLength: frame.length + extra,
            interfaceIndex: pick % ports.length,
            sectionIndex: 0,
            linkType: ports[pick % ports.length]?.[0].linkType ?? 1,
            fcsByteLength: ports[pick % ports.length]?.[0].fcsByteLength ?? 0,
            direction,
          })),
        );
        expect(reader.details.interfaces).toMatchObject(
          ports.map(([port, counters], index) => {
            const own = sent.filter(({ pick }) => pick % ports.length === index);
            return {
              tick: { base: 10, exponent: -9 },
              bitsPerSecond: port.bitsPerSecond ?? 0,
              packetCount: own.length,
              packetDropCount: own.reduce((sum, { dropCount }) => sum + dropCount, 0),
              receivedCount: counters?.receivedCount ?? null,
              droppedCount: counters?.droppedCount ?? null,
              osDroppedCount: null,
            };
          }),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("is a valid file after every call, and after one that was refused", () => {
    const writer = new PcapngWriter();
    const counted = (): number => {
      const reader = new CaptureReader();
      const record = new CaptureRecord();
      reader.push(writer.bytes);
      while (reader.next(record));
      expect(reader.end().cut).toBeNull();
      return reader.end().recordCount;
    };
    expect(counted()).toBe(0);
    expect(() => writer.append(0, 1, 0, new Uint8Array(60))).toThrow(/no interface 0; addInterface was called 0 times/);
    const port = writer.addInterface({ name: "port 0" });
    expect(counted()).toBe(0);
    for (const seconds of [-1, 0.5, SECONDS_MAX + 1, Number.NaN]) {
      expect(() => writer.append(port, seconds, 0, new Uint8Array(60))).toThrow(RangeError);
      expect(() => writer.addStatistics(port, seconds, 0, {})).toThrow(RangeError);
    }
    writer.append(port, 1, 0, new Uint8Array(61));
    expect(counted()).toBe(1);
    writer.addStatistics(port, 2, 0, { droppedCount: 3 });
    expect(counted()).toBe(1);
  });

  test("pads with zeros, not with what was there before", () => {
    const written = (dirty: boolean): Uint8Array => {
      const writer = new PcapngWriter();
      writer.addInterface({ name: "port 0" });
      if (dirty) writer.append(0, 1, 0, new Uint8Array(500).fill(0xff), { comment: "\u00ff".repeat(50) });
      writer.drain();
      writer.append(0, 1, 0, new Uint8Array(301).fill(7), { comment: "abcde", direction: 1 });
      return writer.bytes;
    };
    expect(written(true)).toEqual(written(false));
  });

  test("keeps the last statistics of an interface", () => {
    const writer = new PcapngWriter();
    const port = writer.addInterface({ name: "port 0" });
    for (const droppedCount of [1, 5]) writer.addStatistics(port, 1, 0, { droppedCount });
    const reader = new CaptureReader();
    reader.push(writer.bytes);
    expect(reader.next(new CaptureRecord())).toBe(false);
    expect(reader.details.interfaces).toMatchObject([{ name: "port 0", droppedCount: 5, receivedCount: null }]);
  });
});
