import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { ByteStream } from "../../../../emulator/wire/recovery/byte-stream.ts";

test("takes as many bytes as can be under way, in pieces however small, and not one more", () => {
  const clock = new VirtualClock();
  const stream = new ByteStream(clock, { pieceByteLimit: 1, byteLimit: 64, latencyNs: 100 });
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
  expect([stream.write(bytes, 0, 40), stream.write(bytes, 40, 25), stream.write(bytes, 40, 24)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(stream.write(bytes, 0, 1)).toBe(false);
  clock.advanceBy(100);
  const got: number[] = [];
  while (stream.read()) got.push(...stream.bytes.subarray(stream.offset, stream.offset + stream.byteLength));
  expect(got).toEqual([...bytes]);
  expect(stream.write(bytes, 0, 64)).toBe(true);
});

test("hands over all bytes in order, in pieces of its own, after its latency", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 60 }),
      (writes, piece) => {
        const clock = new VirtualClock();
        const stream = new ByteStream(clock, { pieceByteLimit: piece, latencyNs: 100, seed: piece });
        const [sent, got, counts]: [number[], number[], number[]] = [[], [], []];
        for (const bytes of writes) {
          clock.advanceBy(40);
          expect(stream.write(bytes, 0, bytes.length)).toBe(true);
          sent.push(...bytes);
          while (stream.read()) {
            expect(stream.byteLength).toBeLessThanOrEqual(piece);
            got.push(...stream.bytes.subarray(stream.offset, stream.offset + stream.byteLength));
          }
          // Written 40 ns apart and 100 ns under way: what was written three writes ago has arrived.
          expect(got.length).toBeGreaterThanOrEqual(counts.at(-4) ?? 0);
          counts.push(sent.length);
        }
        stream.close();
        clock.advanceBy(100);
        while (stream.read()) got.push(...stream.bytes.subarray(stream.offset, stream.offset + stream.byteLength));
        expect(got).toEqual(sent);
        expect(stream.isAtEnd).toBe(true);
      },
    ),
  );
});
