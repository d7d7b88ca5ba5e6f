import fc from "fast-check";
import { expect, test } from "vitest";
import { PcapWriter } from "../../../../emulator/wire/capture/write-pcap.ts";
import { pcapFile } from "./capture-files.ts";
import { readChunks } from "./read-whole.ts";

const frames = fc.array(
  fc.record({
    seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
    nanoseconds: fc.nat(999_999_999),
    bytes: fc.uint8Array({ maxLength: 50 }),
    snapped: fc.nat(100),
  }),
  { maxLength: 10 },
);

test("what is appended is read back, also from the middle of a larger array", () => {
  fc.assert(
    fc.property(frames, fc.nat(5), (written, offset) => {
      const writer = new PcapWriter();
      for (const { seconds, nanoseconds, bytes, snapped } of written) {
        const larger = new Uint8Array(offset + bytes.length + 3);
        larger.set(bytes, offset);
        writer.append(seconds, nanoseconds, larger, offset, bytes.length, bytes.length + snapped);
      }
      const { records, end } = readChunks([writer.bytes]);
      expect(end.cut).toBeNull();
      expect(writer.recordCount).toBe(written.length);
      expect(records).toMatchObject(
        written.map(({ seconds, nanoseconds, bytes, snapped }) => ({
          seconds,
          nanoseconds,
          bytes: [...bytes],
          originalByteLength: bytes.length + snapped,
          linkType: 1,
        })),
      );
    }),
  );
});

test("the file is the one that another writer makes of the same records, but for the snap length", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const writer = new PcapWriter();
  writer.append(7, 8, bytes);
  const other = pcapFile({ littleEndian: true, nanoseconds: true }, [
    { seconds: 7, nanoseconds: 8, bytes, originalByteLength: 5 },
  ]);
  new DataView(other.buffer).setUint32(16, 262_144, true);
  expect(writer.bytes).toEqual(other);
});

test("it grows past its first 64 KiB and stays valid in between", () => {
  const writer = new PcapWriter(113);
  for (let count = 1; count <= 200; count++) {
    writer.append(count, 0, new Uint8Array(1500).fill(count));
    if (count % 50 === 0) expect(readChunks([writer.bytes], { linkTypes: [113] }).records).toHaveLength(count);
  }
});
