import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError, hexOffset } from "../../../../emulator/wire/capture/capture-error.ts";
import { CaptureReader } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { concatenate, PcapngSection, pcapFile } from "./capture-files.ts";
import { chunksOf, type ReadRecord, readChunks } from "./read-whole.ts";

const frames = [60, 5, 0, 33].map((byteLength, index) => ({
  seconds: 1_700_000_000 + index,
  nanoseconds: 999_999_000,
  bytes: new Uint8Array(byteLength).fill(index + 1),
  originalByteLength: byteLength,
}));

const pcap = pcapFile({ littleEndian: true, nanoseconds: true }, frames);
/** Where each pcap record ends. */
const pcapEnds = frames.map(
  (_, index) => 24 + frames.slice(0, index + 1).reduce((sum, { bytes }) => sum + 16 + bytes.length, 0),
);

const section = new PcapngSection(false);
const pcapngBlocks = [
  section.header(),
  section.description(1, 0),
  section.enhancedPacket(0, 5n, new Uint8Array(17), 17),
  section.block(5, new Uint8Array(24)),
  section.simplePacket(new Uint8Array(9), 9),
  section.header(),
  section.description(1, 0),
  section.enhancedPacket(0, 6n, new Uint8Array(3), 3),
];
const pcapng = concatenate(pcapngBlocks);
const blockEnds = pcapngBlocks.map((_, index) =>
  pcapngBlocks.slice(0, index + 1).reduce((sum, block) => sum + block.length, 0),
);
const recordBlockIndexes = [2, 4, 7];

describe("a file that is cut", () => {
  test("pcap, at every byte: all whole records come, and the end says where and how much is missing", () => {
    const whole = readChunks([pcap]).records;
    for (let byteLength = 4; byteLength < pcap.length; byteLength++) {
      const { records, end } = readChunks([pcap.subarray(0, byteLength)], { name: "x.pcap" });
      const wholeCount = pcapEnds.filter((recordEnd) => recordEnd <= byteLength).length;
      expect(records).toEqual(whole.slice(0, wholeCount));
      expect(end).toMatchObject({ recordCount: wholeCount, fileByteLength: byteLength });
      if (byteLength === 24 || pcapEnds.includes(byteLength)) {
        expect(end.cut).toBeNull();
        continue;
      }
      const fileOffset = byteLength < 24 ? 0 : (pcapEnds[wholeCount - 1] ?? 24);
      const partEnd = byteLength < 24 ? 24 : (pcapEnds[wholeCount] as number);
      const isHeaderCut = byteLength >= 24 && byteLength - fileOffset < 16;
      const missingByteCount = (isHeaderCut ? fileOffset + 16 : partEnd) - byteLength;
      const part = byteLength < 24 ? "the file header" : `record ${wholeCount + 1}`;
      expect(end.cut).toEqual({
        recordNumber: wholeCount + 1,
        fileOffset,
        missingByteCount,
        message:
          `x.pcap: the file ends inside ${part}, which begins at file offset ${hexOffset(fileOffset)}: ` +
          `at least ${missingByteCount} bytes are missing.`,
      });
    }
  });

  test("pcapng, at every byte: all whole records come, and the end names the block that is cut", () => {
    const whole = readChunks([pcapng]).records;
    expect(whole).toHaveLength(3);
    for (let byteLength = 4; byteLength < pcapng.length; byteLength++) {
      const file = pcapng.subarray(0, byteLength);
      for (const chunks of [[file], chunksOf(file, [...file.keys()])]) {
        const { records, end } = readChunks(chunks);
        const blockIndex = blockEnds.filter((blockEnd) => blockEnd <= byteLength).length;
        const wholeCount = recordBlockIndexes.filter((index) => index < blockIndex).length;
        expect(records).toEqual(whole.slice(0, wholeCount));
        if (blockEnds.includes(byteLength)) {
          expect(end.cut).toBeNull();
          continue;
        }
        const fileOffset = blockEnds[blockIndex - 1] ?? 0;
        expect(end.cut).toMatchObject({ recordNumber: wholeCount + 1, fileOffset });
        const missing = end.cut?.missingByteCount as number;
        const blockEnd = blockEnds[blockIndex] as number;
        expect(missing).toBeGreaterThan(0);
        expect(missing).toBeLessThanOrEqual(blockEnd - byteLength);
        // Behind the header of 8 bytes the length is known (a section header's behind 24).
        const knownFrom = fileOffset + ([0, 5].includes(blockIndex) ? 24 : 8);
        if (byteLength >= knownFrom) expect(missing).toBe(blockEnd - byteLength);
      }
    }
  });

  test("fewer than four bytes are no capture, none at all an empty file", () => {
    const say = (bytes: Uint8Array): (() => unknown) => {
      return () => readChunks([bytes], { name: "x" });
    };
    expect(say(pcap.subarray(0, 3))).toThrow("x: starts with 0x4d3cb2, neither pcap, pcapng nor gzip or zstd of one.");
    expect(say(new Uint8Array(0))).toThrow("x: the file is empty.");
  });
});

describe("what is no capture is refused in a sentence", () => {
  test.each([
    { start: "a1b2cd34", says: /Kuznetzov's variant of pcap \(magic 0xa1b2cd34\)/ },
    { start: "34cdb2a1", says: /Kuznetzov's variant of pcap/ },
    { start: "1f8b0800", says: /starts with 0x1f8b0800: unpack the gzip first/ },
    { start: "28b52ffd", says: /starts with 0x28b52ffd: unpack the zstd first/ },
    { start: "425a6839", says: /0x425a6839 \(bzip2\), neither/ },
    { start: "7b0a2020", says: /starts with 0x7b0a2020, neither pcap, pcapng nor gzip or zstd of one\.$/ },
    { start: "1f000000", says: /starts with 0x1f000000, neither/ },
    { start: "00000000", says: /starts with 0x00000000, neither/ },
  ])("$start", ({ start, says }) => {
    const file = new Uint8Array(64);
    file.set(Buffer.from(start, "hex"));
    expect(() => readChunks([file])).toThrow(says);
    expect(() => readChunks(chunksOf(file, [1, 2, 3, 4]))).toThrow(CaptureError);
  });

  test("the error stays: next, push and end throw it again", () => {
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    let first: unknown;
    try {
      reader.push(new Uint8Array(8));
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(CaptureError);
    for (const again of [() => reader.next(record), () => reader.push(new Uint8Array(1)), () => reader.end()]) {
      expect(again).toThrow(first as CaptureError);
    }
  });
});

test("a record that cannot be stays an error: next and end throw it again", () => {
  const damaged = pcap.slice();
  new DataView(damaged.buffer).setUint32((pcapEnds[0] as number) + 8, 0xffff_ffff, true);
  const reader = new CaptureReader();
  const record = new CaptureRecord();
  reader.push(damaged);
  expect(reader.next(record)).toBe(true);
  expect(() => reader.next(record)).toThrow(CaptureError);
  expect(() => reader.next(record)).toThrow(CaptureError);
  expect(() => reader.end()).toThrow(/record 2 at file offset/);
});

describe("the caller's side", () => {
  test("pushing before all records were taken is refused, for they would pile up; so is ending", () => {
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    reader.push(pcap);
    expect(reader.next(record)).toBe(true);
    expect(() => reader.push(pcap)).toThrow(/call next\(\) until it returns false/);
    expect(() => reader.end()).toThrow(/call next\(\) until it returns false/);
    while (reader.next(record));
    expect(reader.end().recordCount).toBe(frames.length);
  });

  test("the format is known with the fourth byte", () => {
    const reader = new CaptureReader();
    reader.push(pcap.subarray(0, 3));
    expect(reader.format).toBeUndefined();
    reader.push(pcap.subarray(3, 4));
    expect(reader.format).toBe("pcap");
  });

  test("every record is a view into one buffer of the reader, not a copy", () => {
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    reader.push(pcap);
    const buffers = new Set<Uint8Array>();
    while (reader.next(record)) buffers.add(record.bytes);
    expect(buffers.size).toBe(1);
  });
});

describe("fuzz", () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });
  const mutated = fc.tuple(fc.constantFrom(pcap, pcapng), changes, fc.nat()).map(([base, edits, cut]) => {
    const file = base.slice(0, base.length - (cut % 30));
    for (const [at, value] of edits) file[at % file.length] = value;
    return file;
  });
  const noise = fc.tuple(fc.constantFrom("4d3cb2a1", "a1b2c3d4", "0a0d0d0a", ""), fc.uint8Array({ maxLength: 200 }));
  const files = fc.oneof(
    mutated,
    noise.map(([magic, bytes]) => concatenate([Buffer.from(magic, "hex"), bytes])),
  );

  test("damaged files end or throw a CaptureError, hold no more than was pushed, and give the same in any chunks", () => {
    function outcome(chunks: readonly Uint8Array[]): unknown {
      const records: ReadRecord[] = [];
      try {
        const { end, bufferByteLength } = readChunks(chunks, { linkTypes: "any" }, records);
        expect(bufferByteLength).toBeLessThanOrEqual(4096);
        return { records, end };
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
        return { records, message: (error as CaptureError).message };
      }
    }
    fc.assert(
      fc.property(files, fc.array(fc.nat(), { maxLength: 10 }), (file, positions) => {
        const whole = outcome([file]);
        expect(outcome(chunksOf(file, positions))).toEqual(whole);
        const { records } = whole as { records: ReadRecord[] };
        const byteLength = records.reduce((sum, { bytes }) => sum + bytes.length, 0);
        expect(byteLength).toBeLessThanOrEqual(file.length);
        expect(records.every(({ nanoseconds }) => nanoseconds >= 0 && nanoseconds < 1e9)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });
});
