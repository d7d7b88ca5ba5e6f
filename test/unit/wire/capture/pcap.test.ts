import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../../../emulator/wire/capture/capture-error.ts";
import { CaptureReader } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { pcapFile, type TestRecord } from "./capture-files.ts";
import { chunksOf, type ReadRecord, readChunks } from "./read-whole.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const records: fc.Arbitrary<TestRecord[]> = fc.array(
  fc.record({
    seconds: u32,
    nanoseconds: fc.nat(999_999_999),
    bytes: fc.uint8Array({ maxLength: 40 }),
    originalByteLength: u32,
  }),
  { maxLength: 8 },
);
const cuts = fc.array(fc.nat(), { maxLength: 12 });
const magics = [
  { littleEndian: true, nanoseconds: true, start: "4d3cb2a1" },
  { littleEndian: true, nanoseconds: false, start: "d4c3b2a1" },
  { littleEndian: false, nanoseconds: true, start: "a1b23c4d" },
  { littleEndian: false, nanoseconds: false, start: "a1b2c3d4" },
];

function expected(record: TestRecord, nanoseconds: boolean): ReadRecord {
  return {
    seconds: record.seconds,
    nanoseconds: nanoseconds ? record.nanoseconds : record.nanoseconds - (record.nanoseconds % 1000),
    timed: true,
    bytes: [...record.bytes],
    originalByteLength: record.originalByteLength,
    interfaceIndex: 0,
    sectionIndex: 0,
    linkType: 1,
    fcsByteLength: 0,
  };
}

describe.each(magics)("pcap that begins $start", (shape) => {
  test("gives every record back, to the nanosecond, however the file is split into chunks", () => {
    fc.assert(
      fc.property(records, cuts, (written, positions) => {
        const file = pcapFile(shape, written);
        expect(Buffer.from(file.subarray(0, 4)).toString("hex")).toBe(shape.start);
        const read = readChunks(chunksOf(file, positions));
        expect(read.records).toEqual(written.map((record) => expected(record, shape.nanoseconds)));
        expect(read.end).toEqual({
          format: "pcap",
          recordCount: written.length,
          fileByteLength: file.length,
          cut: null,
        });
      }),
    );
  });

  test("gives the same byte by byte", () => {
    const written: TestRecord[] = [1, 2, 3].map((seconds) => ({
      seconds,
      nanoseconds: 7000 * seconds,
      bytes: Uint8Array.of(seconds, 9),
      originalByteLength: 2,
    }));
    const file = pcapFile(shape, written);
    const read = readChunks([...file.keys()].map((at) => file.subarray(at, at + 1)));
    expect(read.records).toEqual(written.map((record) => expected(record, shape.nanoseconds)));
  });
});

describe("the fields of a pcap", () => {
  const le = { littleEndian: true, nanoseconds: true };
  const one: TestRecord = { seconds: 5, nanoseconds: 6, bytes: new Uint8Array(64), originalByteLength: 64 };

  test("the top bits of the network field give the FCS length in 16-bit words, when bit 26 says so", () => {
    const withFcs = readChunks([pcapFile({ ...le, network: 0x2400_0001 }, [one])]).records[0];
    expect(withFcs).toMatchObject({ linkType: 1, fcsByteLength: 4 });
    const notStated = readChunks([pcapFile({ ...le, network: 0x2000_0001 }, [one])]).records[0];
    expect(notStated).toMatchObject({ linkType: 1, fcsByteLength: 0 });
  });

  test("a fraction that runs over the second is carried", () => {
    const overrun = { ...one, nanoseconds: 2_500_000_000 };
    expect(readChunks([pcapFile(le, [overrun])]).records[0]).toMatchObject({ seconds: 7, nanoseconds: 500_000_000 });
  });

  test("a link type that was not asked for is refused by name; 'any' takes it", () => {
    const file = pcapFile({ ...le, network: 113 }, [one]);
    expect(() => readChunks([file], { name: "x.pcap" })).toThrow(
      "x.pcap: record 1 has link type 113 (Linux cooked), but only 1 (Ethernet) can be replayed here.",
    );
    expect(readChunks([file], { linkTypes: "any" }).records[0]).toMatchObject({ linkType: 113 });
    expect(readChunks([file], { linkTypes: [1, 113] }).records).toHaveLength(1);
  });

  test("another major version is refused", () => {
    expect(() => readChunks([pcapFile({ ...le, major: 3 }, [])])).toThrow(/version 3\.4; only version 2\.4/);
  });

  test.each([
    { claimed: 0xffff_ffff, text: "4294967295" },
    { claimed: 16 * 1024 * 1024 + 1, text: "16777217" },
  ])(
    "a record that claims $claimed bytes is an error with its number and place, after the good ones",
    ({ claimed, text }) => {
      const file = pcapFile(le, [one, one]);
      new DataView(file.buffer).setUint32(24 + 80 + 8, claimed, true);
      const good: ReadRecord[] = [];
      let thrown: unknown;
      try {
        readChunks([file], { name: "x.pcap" }, good);
      } catch (error) {
        thrown = error;
      }
      expect(good).toHaveLength(1);
      expect(thrown).toBeInstanceOf(CaptureError);
      expect((thrown as CaptureError).message).toBe(
        `x.pcap: record 2 at file offset 0x0068 claims ${text} bytes, more than the 16777216 that a record may have; ` +
          "the file is damaged there.",
      );
      expect((thrown as CaptureError).fileOffset).toBe(0x68);
    },
  );

  test("a record of exactly 16 MiB is read, in memory that stays below twice its size", () => {
    const big = { ...one, bytes: new Uint8Array(16 * 1024 * 1024).fill(7) };
    const file = pcapFile(le, [big]);
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    const byteLengths: number[] = [];
    for (let at = 0; at < file.length; at += 262_144) {
      reader.push(file.subarray(at, at + 262_144));
      while (reader.next(record)) byteLengths.push(record.byteLength);
    }
    expect(byteLengths).toEqual([16 * 1024 * 1024]);
    expect(record.bytes[record.offset + record.byteLength - 1]).toBe(7);
    expect(reader.bufferByteLength).toBeLessThan(2 * 17 * 1024 * 1024);
  });
});
