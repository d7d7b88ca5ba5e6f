import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exanic } from "../../../devices/exanic/index.ts";
import { UdpFrameTemplate } from "../../../emulator/wire/build-frame.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { ExanicDriver, type ExanicDriverOptions } from "../../../scenarios/drivers/exanic.ts";
import {
  ExanicReader,
  FRAME_CORRUPT,
  FRAME_LAPPED,
  FRAME_TRUNCATED,
} from "../../../scenarios/drivers/exanic-reader.ts";
import { ExanicSteering } from "../../../scenarios/drivers/exanic-steering.ts";
import { frameOf, withFcs } from "./card.ts";

const CHUNK_COUNT = 64;
const open = (chunkCount = CHUNK_COUNT): Promise<Testbed> => plugIn(exanic({ chunkCount }), { run: "folded" });
const probe = (bed: Testbed, options: ExanicDriverOptions = {}, chunkCount = CHUNK_COUNT): ExanicDriver =>
  ExanicDriver.probe(bed.pci, { promiscuous: true, chunkCount, ...options });

/** All frames that are there, and what else the reader had to say. */
function readAll(reader: ExanicReader): { frames: Uint8Array[]; errors: number[] } {
  const target = new Uint8Array(2048);
  const result = { frames: [] as Uint8Array[], errors: [] as number[] };
  for (let length = reader.receive(target); length !== 0; length = reader.receive(target)) {
    if (length > 0) result.frames.push(target.slice(0, length));
    else result.errors.push(length);
  }
  return result;
}

describe("a frame", () => {
  test("of any length comes in as it was sent, with its FCS, however long the driver takes in between", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ byteLength: fc.integer({ min: 60, max: 1500 }), reads: fc.boolean() }), { maxLength: 40 }),
        async (list) => {
          await using bed = await open(1024);
          const driver = probe(bed, {}, 1024);
          const sent: Uint8Array[] = [];
          const got: Uint8Array[] = [];
          for (const [index, { byteLength, reads }] of list.entries()) {
            sent.push(frameOf(byteLength, index));
            bed.wire.send(sent[index] as Uint8Array);
            await bed.quiesce();
            if (reads) got.push(...readAll(driver.reader).frames);
          }
          got.push(...readAll(driver.reader).frames);
          expect(got).toEqual(sent.map((frame) => withFcs(frame)));
          driver.close();
          expect(bed.pci.dma.mappingCount).toBe(0);
          expect(bed.violations).toEqual([]);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("is read while it is still coming in", async () => {
    await using bed = await open();
    const driver = probe(bed);
    bed.wire.send(frameOf(1400, 1));
    // Its first chunk is there, its last is not.
    while (!driver.reader.isReady()) bed.pci.cpu.relax();
    expect(readAll(driver.reader).frames).toEqual([withFcs(frameOf(1400, 1))]);
  });

  test("that is damaged, or too long for the caller, is told, and the next one is read", async () => {
    await using bed = await open();
    const driver = probe(bed);
    bed.wire.send(frameOf(60, 1), { badFcs: true });
    bed.wire.send(frameOf(400, 2));
    bed.wire.send(frameOf(60, 3));
    await bed.quiesce();
    const target = new Uint8Array(200);
    expect([0, 1, 2, 3].map(() => driver.reader.receive(target))).toEqual([FRAME_CORRUPT, FRAME_TRUNCATED, 64, 0]);
    expect(target.slice(0, 64)).toEqual(withFcs(frameOf(60, 3)));
    expect(driver.writtenCount()).toBe(3);
  });

  test("goes out as it was handed over, more of them than there are chunks", async () => {
    await using bed = await open();
    const driver = probe(bed);
    const batch = frames(300, { minByteLength: 60, maxByteLength: 1514 });
    for (const frame of batch) while (!driver.transmit(frame)) bed.pci.cpu.relax();
    await bed.quiesce();
    expect(bed.wire.sent).toEqual(batch);
    expect(bed.violations).toEqual([]);
    expect(() => driver.transmit(new Uint8Array(2039))).toThrow(RangeError);
  });
});

describe("a reader that was lapped", () => {
  test("says so, goes on with the newest end of a frame, and passes nothing for good that is not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ count: fc.integer({ min: 1, max: 150 }), byteLength: fc.integer({ min: 60, max: 700 }) }),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
        async (bursts) => {
          await using bed = await open();
          const driver = probe(bed);
          let number = 0;
          let chunkCount = 0;
          let isLapped = false;
          let last = -1;
          for (const { count, byteLength } of bursts) {
            chunkCount = 0;
            for (let index = 0; index < count; index++, number++) {
              const frame = frameOf(byteLength, 0);
              new DataView(frame.buffer).setUint32(20, number);
              bed.wire.send(frame);
              chunkCount += Math.ceil((byteLength + 4) / 120);
            }
            await bed.quiesce();
            isLapped = chunkCount > CHUNK_COUNT;
            const { frames: got, errors } = readAll(driver.reader);
            // A ring that is overwritten by one chunk may have been overwritten by the one before the next to be read.
            if (isLapped) expect(errors).toEqual([FRAME_LAPPED]);
            else if (chunkCount < CHUNK_COUNT) expect(errors).toEqual([]);
            for (const frame of got) {
              const found = new DataView(frame.buffer).getUint32(20);
              const expected = frameOf(byteLength, 0);
              new DataView(expected.buffer).setUint32(20, found);
              expect(frame).toEqual(withFcs(expected));
              if (last >= 0 && errors.length === 0) expect(found).toBe(last + 1);
              expect(found).toBeGreaterThan(last);
              last = found;
            }
            if (errors.length > 0) last = number - 1;
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test("knows by the card's counters how many frames it has lost", async () => {
    await using bed = await open();
    const driver = probe(bed);
    for (let number = 0; number < 100; number++) bed.wire.send(frameOf(60, number));
    await bed.quiesce();
    const { frames: got, errors } = readAll(driver.reader);
    expect(errors).toEqual([FRAME_LAPPED]);
    expect(driver.writtenCount() - got.length).toBe(100);
    expect(driver.reader.lappedCount).toBe(1);
  });

  test("begins behind what is there when it is made", async () => {
    await using bed = await open();
    const late: ExanicReader[] = [];
    class Twice extends ExanicReader {
      constructor(...region: ConstructorParameters<typeof ExanicReader>) {
        super(...region);
        again = () => late.push(new ExanicReader(...region));
      }
    }
    let again = (): number => 0;
    probe(bed, { reader: Twice });
    for (let number = 0; number < 5; number++) bed.wire.send(frameOf(300, number));
    await bed.quiesce();
    again();
    expect(late.flatMap((reader) => readAll(reader).frames)).toEqual([]);
    bed.wire.send(frameOf(60, 9));
    await bed.quiesce();
    expect(late.flatMap((reader) => readAll(reader).frames)).toEqual([withFcs(frameOf(60, 9))]);
  });
});

test("sleeping for traffic, by interrupt or by polling, ends with the frame and not before its limit", async () => {
  for (const interrupts of ["none", "msi"] as const) {
    await using bed = await open();
    const driver = probe(bed, { interrupts });
    const before = bed.pci.cpu.nowNs();
    expect(driver.waitForTraffic(3)).toBe(false);
    expect(bed.pci.cpu.nowNs() - before).toBeGreaterThanOrEqual(3e6);
    // Lap after lap: the generation is part of what the card is armed for.
    for (let number = 0; number < 3 * CHUNK_COUNT; number++) {
      bed.wire.send(frameOf(60, number));
      expect(driver.waitForTraffic(100)).toBe(true);
      expect(readAll(driver.reader).frames).toHaveLength(1);
    }
    // One that is there already.
    bed.wire.send(frameOf(60, 1));
    await bed.quiesce();
    expect(driver.waitForTraffic(100)).toBe(true);
    expect(bed.pci.cpu.nowNs() - before).toBeLessThan(50e6);
    expect(bed.violations).toEqual([]);
    driver.close();
  }
});

test("a flow that is steered has a ring of its own", async () => {
  await using bed = await open();
  const driver = probe(bed);
  const own = driver.addBuffer(5);
  new ExanicSteering(driver).add(3, { protocol: 17, destinationIp: 0xe936_0c6f, destinationPort: 26_477 }, 5);
  const send = (destinationPort: number): void => {
    const flow = { sourceMac: 0x0200_0000_0001, sourceIp: 0x0a00_0001, destinationIp: 0xe936_0c6f, sourcePort: 1 };
    const template = new UdpFrameTemplate({ ...flow, destinationPort });
    const frame = new Uint8Array(200);
    bed.wire.send(frame.slice(0, template.stamp(frame, 0, 100)));
  };
  send(26_477);
  send(26_478);
  send(26_477);
  await bed.quiesce();
  expect(readAll(own).frames).toHaveLength(2);
  expect(own.matchedFilter).toBe(3);
  expect(readAll(driver.reader).frames).toHaveLength(1);
  driver.close();
  expect(bed.violations).toEqual([]);
  expect(bed.pci.dma.mappingCount).toBe(0);
});

test("what is no ExaNIC, or never starts, is refused in words", async () => {
  await using bed = await plugIn(exanic({ startupNs: 1e12 }), { run: "folded" });
  expect(() => ExanicDriver.probe(bed.pci)).toThrow(/waited in vain for FEATURE_CFG.HW_STARTUP to clear/);
  await using other = await plugIn(exanic({ linkUpNs: 1e12 }), { run: "folded" });
  expect(() => ExanicDriver.probe(other.pci, { linkLimitMs: 5 })).toThrow(/waited in vain for the link/);
});
