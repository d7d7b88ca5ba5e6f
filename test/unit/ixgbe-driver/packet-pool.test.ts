import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dma, DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import { END_OF_PACKET, PacketBatch, PacketPool } from "../../../scenarios/drivers/packet-pool.ts";

/** A pool needs addresses only; the memory behind them is never touched here. */
function dmaAt(iova: number): Dma & { freed: number } {
  const dma = {
    freed: 0,
    mappingCount: 1,
    alloc: (byteLength: number) => ({ byteLength, iova, free: () => dma.freed++ }) as unknown as DmaBuffer,
    open: () => expect.unreachable(),
    map: () => expect.unreachable(),
  };
  return dma;
}

test("a pool hands out each buffer to one owner at a time, whatever the order", () => {
  const operations = fc.array(fc.oneof(fc.constant("take" as const), fc.nat(63)), { maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), operations, (bufferCount, script) => {
      const pool = new PacketPool(dmaAt(2 ** 32), bufferCount, 2048);
      const taken: number[] = [];
      for (const step of script) {
        if (step === "take") {
          const buffer = pool.take();
          if (taken.length === bufferCount) expect(buffer).toBe(-1);
          else {
            expect(buffer).toBeGreaterThanOrEqual(0);
            expect(buffer).toBeLessThan(bufferCount);
            expect(taken).not.toContain(buffer);
            taken.push(buffer);
          }
        } else if (taken.length > 0) {
          pool.release(taken.splice(step % taken.length, 1)[0] as number);
        }
        expect(pool.freeCount).toBe(bufferCount - taken.length);
      }
    }),
  );
});

test("addresses are split into words exactly, also where the low word wraps or is negative as an int32", () => {
  const iovas = fc.nat(2 ** 36).map((page) => page * 4096);
  fc.assert(
    fc.property(iovas, fc.integer({ min: 1, max: 40 }), (iova, bufferCount) => {
      const pool = new PacketPool(dmaAt(iova), bufferCount, 2048);
      for (let index = 0; index < bufferCount; index++) {
        const joined = (pool.iovaHigh[index] as number) * 2 ** 32 + ((pool.iovaLow[index] as number) >>> 0);
        expect(joined).toBe(iova + index * 2048);
      }
    }),
  );
});

test("a buffer that is given back twice is refused, and the pool stays whole", () => {
  const pool = new PacketPool(dmaAt(0), 4, 2048);
  const buffer = pool.take();
  pool.release(buffer);
  expect(() => pool.release(buffer)).toThrow(`packet buffer ${buffer} is given back but was not taken`);
  expect(pool.freeCount).toBe(4);
});

test("freeing the pool frees its allocation", () => {
  const dma = dmaAt(0);
  new PacketPool(dma, 4, 2048).free();
  expect(dma.freed).toBe(1);
});

test("a frame's entries and bytes end where END_OF_PACKET stands", () => {
  const entries = fc.array(fc.record({ byteLength: fc.nat(2048), isLast: fc.boolean() }), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(entries, fc.nat(19), (parts, start) => {
      const first = start % parts.length;
      const batch = new PacketBatch(parts.length);
      for (const [at, { byteLength, isLast }] of parts.entries()) batch.set(at, at, byteLength, isLast);
      const last = parts.findIndex((part, at) => at >= first && part.isLast);
      const end = last < 0 ? parts.length : last + 1;
      expect(batch.endOfFrame(first, parts.length)).toBe(end);
      const sum = parts.slice(first, end).reduce((total, part) => total + part.byteLength, 0);
      expect(batch.frameBytes(first, parts.length)).toBe(sum);
      expect(((batch.status[first] as number) & END_OF_PACKET) !== 0).toBe(parts[first]?.isLast);
    }),
  );
});
