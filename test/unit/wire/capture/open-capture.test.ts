import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { CaptureError } from "../../../../emulator/wire/capture/capture-error.ts";
import type { CaptureEnd } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { openCapture } from "../../../../emulator/wire/capture/open-capture.ts";
import { whyNotUnpackable } from "../../../../emulator/wire/capture/unpacker.ts";
import { PcapWriter } from "../../../../emulator/wire/capture/write-pcap.ts";
import { concatenate } from "./capture-files.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-capture-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A pcap of `frameCount` frames; frame n has its number in every byte and in its seconds. */
function pcapOf(frameCount: number, frameByteLength = 60): Uint8Array {
  const writer = new PcapWriter();
  for (let n = 0; n < frameCount; n++) writer.append(n, n, new Uint8Array(frameByteLength).fill(n));
  return writer.bytes;
}

/** Frames whose bytes do not compress, so that gzip has as much to lose as the file has. */
function noisyPcapOf(frameCount: number): Uint8Array {
  const writer = new PcapWriter();
  let word = 1;
  for (let n = 0; n < frameCount; n++) {
    const bytes = Uint8Array.from({ length: 100 }, () => {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
      return word >>> 24;
    });
    writer.append(n, 0, bytes);
  }
  return writer.bytes;
}

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function readAll(
  path: string,
): Promise<{ seconds: number[]; firstBytes: number[]; end: CaptureEnd; compression: string | null }> {
  const capture = await openCapture(path);
  const record = new CaptureRecord();
  const seconds: number[] = [];
  const firstBytes: number[] = [];
  try {
    do {
      while (capture.next(record)) {
        seconds.push(record.seconds);
        firstBytes.push(record.bytes[record.offset] as number);
      }
    } while (await capture.more());
    return { seconds, firstBytes, end: capture.end as CaptureEnd, compression: capture.compression };
  } finally {
    await capture.close();
  }
}

/** Of zstd (RFC 8878, 3.1.2): a magic number, a length, and bytes that say nothing to a decompressor. */
function skippableFrame(byteLength: number): Uint8Array {
  return Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, byteLength, 0, 0, 0, ...new Uint8Array(byteLength));
}

const counting = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("a capture file", () => {
  // 20000 frames of 76 bytes: several reads of 256 KiB, whose borders fall inside records.
  const many = pcapOf(20_000);
  const noisy = noisyPcapOf(3000);

  test.each([
    { name: "plain", bytes: many, compression: null },
    { name: "in gzip", bytes: gzipSync(many), compression: "gzip" },
    {
      name: "in gzip of two members",
      bytes: concatenate([gzipSync(many.subarray(0, 5000)), gzipSync(many.subarray(5000))]),
      compression: "gzip",
    },
    {
      name: "in gzip with zeros behind, as tapes leave them",
      bytes: concatenate([gzipSync(many), new Uint8Array(5000)]),
      compression: "gzip",
    },
    { name: "in zstd", bytes: zstdCompressSync(many), compression: "zstd" },
    {
      name: "in zstd of three frames, with something for somebody else before and between",
      bytes: concatenate([
        skippableFrame(9),
        zstdCompressSync(many.subarray(0, 5000)),
        skippableFrame(0),
        zstdCompressSync(many.subarray(5000, 5001)),
        zstdCompressSync(many.subarray(5001)),
      ]),
      compression: "zstd",
    },
  ])("$name is read whole, whatever its name says", async ({ name, bytes, compression }) => {
    const read = await readAll(fileOf(`${name}.pcapng`, bytes));
    expect(read.seconds).toEqual(counting(20_000));
    expect(read.firstBytes.every((byte, n) => byte === n % 256)).toBe(true);
    expect(read.compression).toBe(compression);
    expect(read.end).toEqual({ format: "pcap", recordCount: 20_000, fileByteLength: many.length, cut: null });
  });

  test("can be iterated, and leaving the loop early closes it", async () => {
    const path = fileOf("iterated.pcap", many);
    let count = 0;
    for await (const record of await openCapture(path)) {
      expect(record.seconds).toBe(count);
      if (++count === 9000) break;
    }
    expect(count).toBe(9000);
    const capture = await openCapture(path);
    for await (const record of capture) count = record.seconds;
    expect(count).toBe(19_999);
    expect(capture.end?.recordCount).toBe(20_000);
    expect(await capture.more()).toBe(false);
  });

  test("a plain file that is cut gives all whole records and the place", async () => {
    const read = await readAll(fileOf("cut.pcap", many.subarray(0, 24 + 76 * 7000 + 20)));
    expect(read.seconds).toEqual(counting(7000));
    expect(read.end.cut).toMatchObject({ recordNumber: 7001, fileOffset: 24 + 76 * 7000, missingByteCount: 56 });
  });

  test("a file cut inside its header is a capture without records, cut", async () => {
    const read = await readAll(fileOf("header.pcap", many.subarray(0, 10)));
    expect(read.end).toMatchObject({ recordCount: 0, cut: { recordNumber: 1, missingByteCount: 14 } });
  });

  test("a gzip that is cut anywhere says so, even where the last record happens to be whole", async () => {
    const packed = gzipSync(noisy);
    const lengths = fc.sample(fc.integer({ min: 200, max: packed.length - 1 }), { numRuns: 8, seed: 1 });
    for (const byteLength of [...lengths, packed.length - 1, packed.length - 8]) {
      const { seconds, end } = await readAll(fileOf("cut.pcap.gz", packed.subarray(0, byteLength)));
      expect(seconds).toEqual(counting(seconds.length));
      // Noise is stored nearly as it is: all but a little of what is there must have come out.
      expect(seconds.length * 116).toBeGreaterThan((byteLength - 100) * 0.97 - 116);
      expect(end.cut?.message).toContain(`the gzip stream is cut off after ${byteLength} compressed bytes.`);
      expect(end.recordCount).toBe(seconds.length);
    }
  });

  test("a gzip with one wrong byte gives everything before it, down to the record it lies in", async () => {
    // Stored blocks (RFC 1951, 3.2.4), behind a gzip header of 10 bytes: a type byte, the length twice, the bytes as
    // they are. So it is known where the second block begins and what was unpacked before it.
    const packed = gzipSync(noisy, { level: 0 });
    const firstBlockByteLength = packed.readUInt16LE(11);
    const secondBlock = 10 + 5 + firstBlockByteLength;
    expect(packed[secondBlock]).toBe(0x00);
    const damaged = Uint8Array.from(packed);
    damaged[secondBlock] = 0x06; // block type 3 does not exist
    const { seconds, end } = await readAll(fileOf("damaged.pcap.gz", damaged));
    expect(end.fileByteLength).toBe(firstBlockByteLength);
    expect(seconds).toEqual(counting(Math.floor((firstBlockByteLength - 24) / 116)));
    expect(end.cut?.message).toMatch(
      /the gzip stream is damaged within its first \d+ compressed bytes \(zlib: invalid block type\)/,
    );
    expect(end.cut?.recordNumber).toBe(seconds.length + 1);
  });

  test("a gzip whose checksum is wrong gives all records and says that it is damaged", async () => {
    const packed = gzipSync(noisy);
    packed[packed.length - 6] = (packed[packed.length - 6] as number) ^ 0xff;
    const { seconds, end } = await readAll(fileOf("checksum.pcap.gz", packed));
    expect(seconds).toEqual(counting(3000));
    expect(end.cut?.message).toMatch(/damaged .*incorrect data check.* 3000 records are whole before that\.$/);
  });

  test("a zstd that is cut or damaged says so, and gives what is whole", async () => {
    const packed = zstdCompressSync(noisy);
    for (const byteLength of [packed.length - 1, packed.length - 40_000]) {
      const { seconds, end } = await readAll(fileOf("cut.pcap.zst", packed.subarray(0, byteLength)));
      expect(seconds).toEqual(counting(seconds.length));
      // Blocks of 128 KiB come out when they are whole.
      expect(seconds.length * 116).toBeGreaterThan(byteLength - 0x2_0000 - 200);
      expect(end.cut?.message).toContain(`the zstd stream is cut off after ${byteLength} compressed bytes.`);
    }
    const damaged = concatenate([packed, new TextEncoder().encode("no frame of zstd")]);
    const { seconds, end } = await readAll(fileOf("damaged.pcap.zst", damaged));
    expect(seconds).toEqual(counting(3000));
    expect(end.cut?.message).toMatch(
      /the zstd stream is damaged within its first \d+ compressed bytes .* 3000 records/,
    );
  });

  test("a damaged record inside is an error that names file, record and place", async () => {
    const bytes = pcapOf(5).slice();
    new DataView(bytes.buffer).setUint32(24 + 76 * 3 + 8, 0xffff_ffff, true);
    const path = fileOf("torn.pcap", bytes);
    await expect(readAll(path)).rejects.toThrow(`${path}: record 4 at file offset 0x00fc claims 4294967295 bytes`);
  });
});

describe("what cannot be opened is a CaptureError in one sentence", () => {
  mkdirSync(join(folder, "directory"));
  fileOf("empty", new Uint8Array(0));
  fileOf("empty.gz", gzipSync(""));
  fileOf("text", new TextEncoder().encode("Hello, world\n"));
  fileOf("text.gz", gzipSync("Hello, world\n"));
  fileOf("twice.gz", gzipSync(gzipSync(pcapOf(1))));
  fileOf("empty.zst", zstdCompressSync(Buffer.alloc(0)));
  fileOf("text.zst", zstdCompressSync(Buffer.from("Hello, world\n")));
  fileOf("twice.zst", zstdCompressSync(gzipSync(pcapOf(1))));
  fileOf("zstd-start", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd));
  fileOf("gzip-start", Uint8Array.of(0x1f, 0x8b));
  fileOf("not-gzip", Uint8Array.of(0x1f, 0x8b, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7));

  test.each([
    { name: "missing", says: "there is no such file." },
    { name: "missing/deeper", says: "there is no such file." },
    { name: "text/below-a-file", says: "there is no such file." },
    { name: "directory", says: "this is a directory, not a capture file." },
    { name: "empty", says: "the file is empty." },
    { name: "empty.gz", says: "the file is empty." },
    { name: "text", says: "starts with 0x48656c6c, neither pcap, pcapng nor gzip or zstd of one." },
    { name: "text.gz", says: "starts with 0x48656c6c, neither pcap, pcapng nor gzip or zstd of one." },
    { name: "twice.gz", says: "starts with 0x1f8b0800: unpack the gzip first." },
    { name: "empty.zst", says: "the file is empty." },
    { name: "text.zst", says: "starts with 0x48656c6c, neither pcap, pcapng nor gzip or zstd of one." },
    { name: "twice.zst", says: "starts with 0x1f8b0800: unpack the gzip first." },
    { name: "zstd-start", says: "the zstd stream is cut off after 4 compressed bytes." },
    { name: "gzip-start", says: "the gzip stream is cut off after 2 compressed bytes." },
    { name: "not-gzip", says: /the gzip stream is damaged within its first \d+ compressed bytes/ },
  ])("$name", async ({ name, says }) => {
    const path = join(folder, name);
    const opened = openCapture(path);
    await expect(opened).rejects.toThrow(CaptureError);
    await expect(opened).rejects.toThrow(typeof says === "string" ? `${path}: ${says}` : says);
  });

  test("zstd, where this Node has none: the sentence says which has, and what else to do", () => {
    const withoutZstd = { createGunzip: () => expect.fail("not asked for") };
    expect(whyNotUnpackable("zstd", withoutZstd, "20.19.0")).toBe(
      'this is zstd, which Node 20.19.0 cannot unpack; Node 22.15 or later can, or unpack it with "zstd -d" first.',
    );
    expect(whyNotUnpackable("gzip", withoutZstd)).toBeUndefined();
  });

  test("a link type that is no Ethernet is refused at its first record, unless asked for", async () => {
    const writer = new PcapWriter(101);
    writer.append(1, 0, new Uint8Array(20));
    const path = fileOf("raw.pcap", writer.bytes);
    await expect(readAll(path)).rejects.toThrow(/link type 101 \(raw IP\)/);
    const capture = await openCapture(path, { linkTypes: [101] });
    expect(capture.next(new CaptureRecord())).toBe(true);
    await capture.close();
  });
});
