import fc from "fast-check";
import { expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { PacketBatch } from "../../../scenarios/drivers/packet-pool.ts";
import { letPass, openCard, openDriver, takeAll, tapped } from "./driver-bed.ts";

type Step =
  | { readonly do: "send"; readonly count: number }
  | { readonly do: "poll"; readonly limit: number }
  | { readonly do: "release"; readonly which: number }
  | { readonly do: "pass"; readonly ns: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ do: fc.constant("poll" as const), limit: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant("release" as const), which: fc.nat(100) }),
    fc.record({ do: fc.constant("pass" as const), ns: fc.integer({ min: 1, max: 20_000 }) }),
  ),
  { maxLength: 60 },
);

const shape = fc.record({
  ringSize: fc.integer({ min: 1, max: 4 }).map((n) => 8 * n),
  spareBuffers: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(2 ** 31),
});

test("every frame arrives once, in order and whole, and stays as it is until its buffer is released", async () => {
  await fc.assert(
    fc.asyncProperty(shape, steps, async ({ ringSize, spareBuffers, seed }, script) => {
      const { bed, driver } = await openDriver({ ringSize, bufferCount: ringSize + spareBuffers });
      const total = script.reduce((sum, step) => sum + (step.do === "send" ? step.count : 0), 0);
      const traffic = frames(total, { seed });
      const batch = new PacketBatch(40);
      const held: { buffer: number; byteLength: number; frame: number }[] = [];
      let [sent, received] = [0, 0];
      const poll = (limit: number): number => {
        const count = driver.rxBatch(0, batch, limit);
        expect(count).toBeLessThanOrEqual(limit);
        for (let entry = 0; entry < count; entry++) {
          const [buffer, byteLength] = [batch.bufferIndex[entry] as number, batch.byteLength[entry] as number];
          held.push({ buffer, byteLength, frame: received++ });
        }
        return count;
      };
      const release = (which: number): void => {
        const [kept] = held.splice(which % held.length, 1);
        if (kept === undefined) return;
        const start = kept.buffer * driver.pool.bufferBytes;
        const bytes = driver.pool.memory.bytes.slice(start, start + kept.byteLength);
        expect(bytes, `frame ${kept.frame}`).toEqual(traffic[kept.frame]);
        driver.pool.release(kept.buffer);
      };
      for (const step of script) {
        if (step.do === "send") for (let n = 0; n < step.count; n++) bed.wire.send(traffic[sent++] as Uint8Array);
        else if (step.do === "poll") poll(step.limit);
        else if (step.do === "release") release(step.which);
        else bed.advance(step.ns);
      }
      letPass(bed);
      for (let round = 0; received < total && round <= total; round++) {
        while (held.length > 0) release(0);
        poll(40);
      }
      while (held.length > 0) release(0);
      expect(received).toBe(total);
      expect(poll(40)).toBe(0);
      expect(driver.pool.freeCount).toBe(spareBuffers);
      expect(bed.violations).toEqual([]);
      driver.close();
      expect(bed.pci.dma.mappingCount).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test("thousands of frames go round a ring of eight", async () => {
  const { bed, driver } = await openDriver({ ringSize: 8 });
  const traffic = frames(3000, { maxByteLength: 200 });
  const received: Uint8Array[] = [];
  for (const [index, frame] of traffic.entries()) {
    bed.wire.send(frame);
    if (index % 50 === 49) received.push(...takeAll(bed, driver));
  }
  expect(received).toEqual(traffic);
  expect(bed.violations).toEqual([]);
  driver.close();
});

test("a frame of several buffers comes as a chain, also around the end of a ring, and mixes with small ones", async () => {
  const run = fc.record({
    ringSize: fc.constantFrom(16, 24),
    kibibytes: fc.constantFrom(1, 2, 4),
    seed: fc.nat(2 ** 31),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ ringSize, kibibytes, seed }) => {
      const { bed, driver } = await openDriver({ ringSize, bufferBytes: 1024 * kibibytes, maxFrameBytes: 9000 });
      const traffic = frames(60, { seed, maxByteLength: 9000 });
      const received: Uint8Array[] = [];
      for (const [index, frame] of traffic.entries()) {
        bed.wire.send(frame);
        if (index % 7 === 6) received.push(...takeAll(bed, driver));
      }
      received.push(...takeAll(bed, driver));
      expect(received).toEqual(traffic);
      expect(driver.pool.freeCount).toBe(driver.pool.bufferCount - ringSize);
      expect(bed.violations).toEqual([]);
      driver.close();
    }),
    { numRuns: 12 },
  );
});

test("a frame that does not fit the batch is refused and stays for a larger one", async () => {
  const { bed, driver } = await openDriver({ bufferBytes: 1024, maxFrameBytes: 4000 });
  const [frame] = frames(1, { minByteLength: 4000, maxByteLength: 4000 }) as [Uint8Array];
  bed.wire.send(frame);
  letPass(bed);
  const batch = new PacketBatch(8);
  expect(() => driver.rxBatch(0, batch, 3)).toThrow("the next frame lies in more than 3 buffers");
  expect(driver.rxBatch(0, batch, 4)).toBe(4);
  driver.close();
});

test.for([1514, 1515, 2044, 2048, 9000, 15_868])("MAXFRS: %d bytes pass, one more does not", async (maxFrameBytes) => {
  const { bed, driver } = await openDriver({ maxFrameBytes });
  // A card without jumbo frames takes up to 1,514 bytes, whatever it is asked.
  const limit = Math.max(maxFrameBytes, 1514);
  const [longest, longer] = [limit, limit + 1].map(
    (bytes) => frames(1, { minByteLength: bytes, maxByteLength: bytes })[0],
  );
  bed.wire.send(longest as Uint8Array);
  bed.wire.send(longer as Uint8Array);
  expect(takeAll(bed, driver)).toEqual([longest]);
  expect(driver.statistics()).toMatchObject({ rxPackets: 1, oversized: 1 });
  driver.close();
});

test("a caller that keeps its buffers receives nothing, and loses nothing", async () => {
  const { bed, driver } = await openDriver({ ringSize: 8, bufferCount: 10 });
  const traffic = frames(20);
  for (const frame of traffic) bed.wire.send(frame);
  letPass(bed);
  const [first, second] = [new PacketBatch(40), new PacketBatch(40)];
  expect(driver.rxBatch(0, first)).toBe(2);
  expect(driver.rxBatch(0, second)).toBe(0);
  driver.release(first, 2);
  expect(takeAll(bed, driver)).toEqual(traffic.slice(2));
  driver.close();
});

test("doorbells: one for each batch, and one descriptor is always the driver's", async () => {
  const { bed, driver, log } = await openDriver({ ringSize: 16 });
  const batch = new PacketBatch(5);
  for (const frame of frames(100, { maxByteLength: 100 })) bed.wire.send(frame);
  letPass(bed);
  log.length = 0;
  let next = 0;
  for (let count = driver.rxBatch(0, batch); count > 0; count = driver.rxBatch(0, batch)) {
    next = (next + count) % 16;
    driver.release(batch, count);
    expect(log.splice(0)).toEqual([{ isWrite: true, offset: reg.RDT(0), value: (next + 15) % 16 }]);
    letPass(bed);
  }
  expect(next).toBe(100 % 16);
  driver.close();
});

test("what the card counts is added up, and reading it again adds nothing", async () => {
  const { bed, driver } = await openDriver();
  const traffic = frames(50);
  const octets = traffic.reduce((sum, frame) => sum + frame.length + 4, 0);
  for (const frame of traffic) bed.wire.send(frame);
  bed.wire.send(traffic[0] as Uint8Array, { badFcs: true });
  takeAll(bed, driver);
  const counted = { rxPackets: 50, rxBytes: octets, crcErrors: 1, rxMissed: 0, rxNoDescriptor: 0 };
  expect(driver.statistics()).toMatchObject(counted);
  expect(driver.statistics()).toMatchObject(counted);
  driver.close();
});

test("octets are 36 bits in two registers, the high one read last: that read clears both", async () => {
  const bed = await openCard();
  const log: number[] = [];
  const words = new Map([
    [reg.GORCL, 0xffff_fff0],
    [reg.GORCH, 0xa],
    [reg.GOTCL, 0x10],
    [reg.GOTCH, 0xffff_fff3],
  ]);
  const counting = tapped(bed.pci, {
    onAccess: ({ offset }) => log.push(offset),
    changeRead: (offset, value) => words.get(offset) ?? value,
  });
  const driver = IxgbeDriver.probe(counting);
  log.length = 0;
  expect(driver.statistics()).toMatchObject({ rxBytes: 0xa_ffff_fff0, txBytes: 0x3_0000_0010 });
  expect(log.filter((offset) => words.has(offset))).toEqual([reg.GORCL, reg.GORCH, reg.GOTCL, reg.GOTCH]);
  driver.close();
});

test("frames that nobody takes are missed, and each is counted", async () => {
  const { bed, driver } = await openDriver({ ringSize: 8 });
  const traffic = frames(600, { minByteLength: 1500, maxByteLength: 1500 });
  for (const frame of traffic) bed.wire.send(frame);
  letPass(bed);
  const { rxMissed } = driver.statistics();
  expect(rxMissed).toBeGreaterThan(0);
  // What fell out is the end of the burst: the packet buffer was full then.
  expect(takeAll(bed, driver)).toEqual(traffic.slice(0, traffic.length - rxMissed));
  driver.close();
});

test("a length that cannot be is an error, not a copy of somebody else's memory", async () => {
  const { bed, driver, pci } = await openDriver({ ringSize: 8 });
  bed.wire.send(frames(1)[0] as Uint8Array);
  letPass(bed);
  pci.buffers.get("rx ring 0")?.write32(reg.RXD_LENGTH_VLAN, 2049);
  expect(() => driver.rxBatch(0, new PacketBatch(4))).toThrow(
    "descriptor 0 holds 2049 bytes, but its buffer has 2048. The write-back is broken",
  );
  driver.close();
  expect(bed.pci.dma.mappingCount).toBe(0);
});
