import fc from "fast-check";
import { expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";
import type { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { PacketBatch } from "../../../scenarios/drivers/packet-pool.ts";
import { letPass, openDriver } from "./driver-bed.ts";

/** Fills entries from `first` on with a frame cut into the given number of pieces; returns the entry behind it. */
function put(driver: IxgbeDriver, batch: PacketBatch, first: number, frame: Uint8Array, pieces = 1): number {
  const step = Math.ceil(frame.length / pieces);
  let entry = first;
  for (let from = 0; from < frame.length; from += step) {
    const byteLength = Math.min(step, frame.length - from);
    const buffer = driver.pool.take();
    expect(buffer).toBeGreaterThanOrEqual(0);
    driver.pool.memory.copyFrom(buffer * driver.pool.bufferBytes, frame, from, byteLength);
    batch.set(entry++, buffer, byteLength, from + step >= frame.length);
  }
  return entry;
}

/** The entries from `from` on, moved to the front: what a driver did not take. */
function shift(batch: PacketBatch, from: number, count: number): number {
  for (const array of [batch.bufferIndex, batch.byteLength, batch.status]) array.copyWithin(0, from, count);
  return count - from;
}

test("every frame is sent once, in order and whole, in batches of any size, and every buffer comes back", async () => {
  const shape = fc.record({
    ringSize: fc.integer({ min: 1, max: 5 }).map((n) => 8 * n),
    txQueueCount: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(2 ** 31),
  });
  // A small packet buffer is soon full, and then the ring is.
  const batches = fc.array(
    fc.record({
      packetBufferKibibytes: fc.constantFrom(0, 1, 4, 160),
      pieces: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 50 }),
      queue: fc.nat(2),
      passNs: fc.nat(3000),
    }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(shape, batches, async ({ ringSize, txQueueCount, seed }, script) => {
      const { bed, driver } = await openDriver({ ringSize, txQueueCount, bufferCount: 1000 });
      const free = driver.pool.freeCount;
      const traffic = frames(
        script.reduce((sum, { pieces }) => sum + pieces.length, 0),
        { seed, minByteLength: 60, maxByteLength: 1514 },
      );
      let frame = 0;
      for (const { pieces, queue, passNs, packetBufferKibibytes } of script) {
        bed.pci.bar(0).write32(reg.TXPBSIZE(0), packetBufferKibibytes << 10);
        const batch = new PacketBatch(300);
        let count = 0;
        for (const piece of pieces) count = put(driver, batch, count, traffic[frame++] as Uint8Array, piece);
        for (let round = 0; count > 0; round++) {
          expect(round).toBeLessThan(1000);
          const taken = driver.txBatch(queue % txQueueCount, batch, count);
          if (taken > 0) expect(batch.endOfFrame(taken - 1, taken)).toBe(taken);
          count = shift(batch, taken, count);
          bed.advance(taken === 0 ? passNs + 100 : passNs);
        }
        // One queue after the other: between queues the card knows no order.
        letPass(bed);
      }
      expect(bed.wire.sent).toEqual(traffic);
      for (let queue = 0; queue < txQueueCount; queue++) driver.txBatch(queue, new PacketBatch(1), 0);
      expect(driver.pool.freeCount).toBe(free);
      const octets = traffic.reduce((sum, { length }) => sum + length + 4, 0);
      expect(driver.statistics()).toMatchObject({ txPackets: traffic.length, txBytes: octets });
      expect(bed.violations).toEqual([]);
      driver.close();
      expect(bed.pci.dma.mappingCount).toBe(0);
    }),
    { numRuns: 40 },
  );
});

test("thousands of frames go round a ring of eight, one by one", async () => {
  const { bed, driver } = await openDriver({ ringSize: 8, bufferCount: 16 });
  const traffic = frames(3000, { maxByteLength: 200 });
  for (const frame of traffic) {
    for (let round = 0; !driver.transmit(frame); round++) {
      expect(round).toBeLessThan(100);
      bed.advance(1000);
    }
  }
  letPass(bed);
  expect(bed.wire.sent).toEqual(traffic);
  expect(bed.violations).toEqual([]);
  driver.close();
});

test("a full ring takes what fits and leaves the rest to the caller", async () => {
  const { driver } = await openDriver({ ringSize: 8 });
  const batch = new PacketBatch(20);
  let count = 0;
  for (const frame of frames(20)) count = put(driver, batch, count, frame);
  const free = driver.pool.freeCount;
  expect(driver.txBatch(0, batch, 20)).toBe(7);
  for (let entry = 7; entry < 20; entry++) driver.pool.release(batch.bufferIndex[entry] as number);
  expect(driver.pool.freeCount).toBe(free + 13);
  driver.close();
});

test("one doorbell for a batch, and one report for 32 frames", async () => {
  const { bed, driver, log, pci } = await openDriver({ ringSize: 128 });
  const batch = new PacketBatch(70);
  let count = 0;
  for (const frame of frames(70)) count = put(driver, batch, count, frame);
  log.length = 0;
  expect(driver.txBatch(0, batch, 70)).toBe(70);
  expect(log).toEqual([{ isWrite: true, offset: reg.TDT(0), value: 70 }]);
  letPass(bed);
  const ring = pci.buffers.get("tx ring 0");
  const done = Array.from({ length: 70 }, (_, slot) => slot).filter(
    (slot) => ((ring?.read32(slot * 16 + reg.TXD_STATUS) ?? 0) & reg.TXD_STA_DD) !== 0,
  );
  expect(done).toEqual([31, 63, 69]);
  driver.close();
});

test("short frames are padded by the card, down to the shortest it may be given", async () => {
  const { bed, driver } = await openDriver();
  const traffic = frames(60 - 17, { minByteLength: 60, maxByteLength: 60 }).map((frame, index) =>
    frame.slice(0, 17 + index),
  );
  for (const frame of traffic) expect(driver.transmit(frame)).toBe(true);
  letPass(bed);
  const padded = traffic.map((frame) => {
    const whole = new Uint8Array(60);
    whole.set(frame);
    return whole;
  });
  expect(bed.wire.sent).toEqual(padded);
  driver.close();
});

const refused = [
  { byteLength: 16, isLast: true, message: "has 16 bytes; want 17 to 1518" },
  { byteLength: 1519, isLast: true, message: "has 1519 bytes; want 17 to 1518" },
  { byteLength: 60, isLast: false, message: "does its last entry have END_OF_PACKET?" },
];

test.for(refused)("refused, and nothing taken: a frame that $message", async ({ byteLength, isLast, message }) => {
  const { bed, driver } = await openDriver();
  const batch = new PacketBatch(1);
  batch.set(0, driver.pool.take(), byteLength, isLast);
  const free = driver.pool.freeCount;
  expect(() => driver.txBatch(0, batch, 1)).toThrow(message);
  driver.release(batch, 1);
  letPass(bed);
  expect(bed.wire.sent).toEqual([]);
  expect(driver.pool.freeCount).toBe(free + 1);
  driver.close();
});

test("transmit gives the buffers of a refused frame back", async () => {
  const { driver } = await openDriver({ bufferBytes: 1024 });
  const free = driver.pool.freeCount;
  for (const byteLength of [0, 16, 1519, 3000]) {
    expect(() => driver.transmit(new Uint8Array(byteLength))).toThrow(RangeError);
    expect(driver.pool.freeCount).toBe(free);
  }
  driver.close();
});

test("forwarding: a received batch is sent as it is, and the pool neither grows nor shrinks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(8, 16, 64), fc.nat(2 ** 31), async (ringSize, seed) => {
      const { bed, driver } = await openDriver({ ringSize, bufferBytes: 1024, maxFrameBytes: 3000 });
      const free = driver.pool.freeCount;
      const traffic = frames(300, { seed, maxByteLength: 3000 });
      const batch = new PacketBatch(7);
      const forward = (): void => {
        for (let count = driver.rxBatch(0, batch); count > 0; count = driver.rxBatch(0, batch)) {
          for (let round = 0; count > 0; round++) {
            expect(round).toBeLessThan(100);
            count = shift(batch, driver.txBatch(0, batch, count), count);
            bed.advance(1000);
          }
        }
      };
      for (const [index, frame] of traffic.entries()) {
        bed.wire.send(frame);
        if (index % 20 === 19) forward();
      }
      letPass(bed);
      for (let round = 0; round < 100 && bed.wire.sent.length < traffic.length; round++) {
        forward();
        letPass(bed);
      }
      expect(bed.wire.sent).toEqual(traffic);
      driver.txBatch(0, batch, 0);
      expect(driver.pool.freeCount).toBe(free);
      expect(bed.violations).toEqual([]);
      driver.close();
    }),
    { numRuns: 12 },
  );
});
