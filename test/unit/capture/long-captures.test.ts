import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { CaptureReader } from "../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { PcapWriter } from "../../../emulator/wire/capture/write-pcap.ts";
import { PcapngWriter } from "../../../emulator/wire/capture/write-pcapng.ts";
import { captureInfo } from "../../../harness/capture/capture-info.ts";

/**
 * What captureInfo says it needs, beside what was there: 32 MiB of window, up to 36 MiB of burst times while they grow, a
 * few of buffers, and what the engine has not collected yet.
 */
const MEMORY_BOUND_BYTES = 160 * 1024 * 1024;
const FRAME_BYTE_LENGTH = 1000;
const FRAMES_PER_PIECE = 1000;
/** For a machine that is busy with other things; it takes two seconds. */
const LIMIT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "softbar-long-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of so many pieces of about a megabyte each, frames 1 µs apart and every seventh 3 µs too early. */
function* pieces(writer: PcapWriter | PcapngWriter, count: number): Generator<Uint8Array> {
  const frame = new Uint8Array(FRAME_BYTE_LENGTH).fill(0x55);
  const port = writer instanceof PcapngWriter ? writer.addInterface({ name: "port 0" }) : 0;
  for (let n = 0; n < count * FRAMES_PER_PIECE; n++) {
    const us = n % 7 === 6 ? n - 3 : n;
    const [seconds, nanoseconds] = [Math.floor(us / 1e6), (us % 1e6) * 1000];
    if (writer instanceof PcapngWriter) writer.append(port, seconds, nanoseconds, frame);
    else writer.append(seconds, nanoseconds, frame);
    if (n % FRAMES_PER_PIECE === FRAMES_PER_PIECE - 1) yield writer.drain();
  }
}

function memoryInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test.each([
  { name: "long.pcap.gz", writer: () => new PcapWriter() },
  { name: "long.pcapng.gz", writer: () => new PcapngWriter() },
])(
  "$name: 220 MB unpacked are told in bounded memory, and a tenth of it needs as much",
  async ({ name, writer }) => {
    const used: number[] = [];
    for (const pieceCount of [22, 220]) {
      const path = join(folder, name);
      await pipeline(pieces(writer(), pieceCount), createGzip({ level: 1 }), createWriteStream(path));
      const before = memoryInUse();
      let most = 0;
      const info = await captureInfo(path, { onProgress: () => (most = Math.max(most, memoryInUse() - before)) });
      expect(info.records).toMatchObject({
        packetCount: pieceCount * FRAMES_PER_PIECE,
        capturedByteLength: pieceCount * FRAMES_PER_PIECE * FRAME_BYTE_LENGTH,
        stepBackCount: Math.floor((pieceCount * FRAMES_PER_PIECE) / 7),
      });
      expect(info.lateCount).toBe(0);
      used.push(most);
    }
    expect(Math.max(...used), `MB: ${used.map((bytes) => Math.round(bytes / 1e6))}`).toBeLessThan(MEMORY_BOUND_BYTES);
  },
  LIMIT_MS,
);

test.each([
  { name: "pcap", writer: () => new PcapWriter() },
  { name: "pcapng", writer: () => new PcapngWriter() },
])(
  "$name: the reader's buffer stays below three pieces over 250 MB",
  ({ writer }) => {
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    let longestPiece = 0;
    let count = 0;
    for (const piece of pieces(writer(), 250)) {
      // Cut where no record ends, so that there is always a rest.
      for (const part of [piece.subarray(0, 300_001), piece.subarray(300_001)]) {
        longestPiece = Math.max(longestPiece, part.length);
        reader.push(part);
        while (reader.next(record)) count++;
      }
    }
    expect(reader.end()).toMatchObject({ recordCount: 250_000, cut: null });
    expect(count).toBe(250_000);
    expect(reader.bufferByteLength).toBeLessThan(3 * longestPiece);
  },
  LIMIT_MS,
);
