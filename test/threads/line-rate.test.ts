import { describe, expect, test } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { wireTimeNs } from "../../emulator/wire/line-rate.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { PlugInOptions, Testbed } from "../../harness/testbed.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";
import { relayNic } from "../fixtures/relay-nic.ts";

const CABLES: PlugInOptions["cables"] = [
  [
    [0, 0],
    [1, 0],
  ],
];
const FRAME_BYTES = 1514;
/** The card's own memory for frames that wait for the wire, TXPBSIZE. */
const PACKET_BUFFER_BYTES = 160 * 1024;

/** A frame of the longest standard length that carries its number. */
function numbered(number: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES).fill(0xff, 0, 6);
  frame.set([0x88, 0xb5], 12);
  new DataView(frame.buffer).setUint32(20, number);
  return frame;
}

/** Puts as many frames into the ring as it takes; `number` is that of the first, -1 for any content. Returns how many. */
function fill(driver: IxgbeDriver, batch: PacketBatch, number: number, limit: number): number {
  const { memory, bufferBytes } = driver.pool;
  let count = 0;
  for (; count < limit && count < batch.bufferIndex.length; count++) {
    const buffer = driver.pool.take();
    if (buffer < 0) break;
    if (number >= 0) memory.copyFrom(buffer * bufferBytes, numbered(number + count), 0, FRAME_BYTES);
    batch.set(count, buffer, FRAME_BYTES);
  }
  const taken = driver.txBatch(0, batch, count);
  for (let entry = taken; entry < count; entry++) driver.pool.release(batch.bufferIndex[entry] as number);
  return taken;
}

async function counters(bed: Testbed, device: number): Promise<Record<string, number>> {
  return (await bed.statistics())[device]?.counters ?? {};
}

describe.each<PlugInOptions>([{ run: "threaded" }, { run: "threaded", clock: "virtual" }, { run: "folded" }])(
  "more over a cable than a wire holds, $run, clock $clock",
  (options) => {
    test("arrives, all of it, in order", async () => {
      const cards = [ixgbe(), ixgbe({ macAddress: "02:00:00:00:00:02" })];
      await using bed = await plugIn(cards, { ...options, cables: CABLES });
      const drivers = bed.functions.map((pci) => {
        return IxgbeDriver.probe(pci, { promiscuous: true, ringSize: 2048 });
      });
      const [sender, receiver] = drivers;
      if (sender === undefined || receiver === undefined) return expect.fail("two cards");
      const total = 6000;
      const [outgoing, incoming] = [new PacketBatch(512), new PacketBatch(512)];
      let sent = 0;
      let received = 0;
      for (let polls = 0; received < total && polls < 1_000_000; polls++) {
        // Up to 3 MB on their way; what has not been taken yet finds room in the receiver's ring and packet buffer.
        if (sent - received < 1500) sent += fill(sender, outgoing, sent, total - sent);
        const count = receiver.rxBatch(0, incoming);
        for (let entry = 0; entry < count; entry++, received++) {
          const at = (incoming.bufferIndex[entry] as number) * receiver.pool.bufferBytes;
          if (receiver.pool.memory.read32(at + 20) !== swapped(received)) expect.fail(`frame ${received} was lost`);
        }
        receiver.release(incoming, count);
        if (count === 0) bed.pci.cpu.relax();
      }
      expect([sent, received]).toEqual([total, total]);
      await bed.quiesce();
      const [left, right] = await bed.statistics();
      expect(left?.counters).toMatchObject({ txFrames: total, txDropped: 0 });
      expect(right?.counters).toMatchObject({ rxFrames: total, rxDelivered: total });
      expect([left?.bus.wireFramesLost, right?.bus.wireFramesLost]).toEqual([0, 0]);
    });
  },
);

/** A number that was stored big-endian, as a little-endian load sees it. */
function swapped(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return view.getUint32(0, true);
}

describe("virtual time", () => {
  const folded: PlugInOptions = { run: "folded" };

  test.each([1, 2, 100, 2000])(
    "%d frames take what they take at line rate, over a cable, to the picosecond",
    async (total) => {
      await using bed = await plugIn([ixgbe(), relayNic("far")], {
        ...folded,
        cables: CABLES,
        wireQueueBytes: 1 << 23,
      });
      const driver = IxgbeDriver.probe(bed.pci, { ringSize: 512, bufferCount: 2000 });
      const startNs = bed.pci.cpu.nowNs();
      const batch = new PacketBatch(512);
      for (let sent = 0; sent < total; ) {
        sent += fill(driver, batch, sent, total - sent);
        bed.pci.cpu.relax();
      }
      await bed.quiesce();
      const { frames, lastArrivalNs = 0 } = await counters(bed, 1);
      expect(frames).toBe(total);
      expect(lastArrivalNs - startNs).toBeCloseTo(total * wireTimeNs(FRAME_BYTES, 10), 3);
    },
  );

  test("and on a wire that leads to the test, where a frame is sent when its last bit is", async () => {
    await using bed = await plugIn(ixgbe(), folded);
    const driver = IxgbeDriver.probe(bed.pci, { ringSize: 64 });
    const startNs = bed.pci.cpu.nowNs();
    const batch = new PacketBatch(512);
    const total = 500;
    for (let sent = 0; sent < total; ) {
      sent += fill(driver, batch, sent, total - sent);
      bed.pci.cpu.relax();
      const leftNs = bed.pci.cpu.nowNs() - startNs;
      const wireNs = wireTimeNs(FRAME_BYTES, 10);
      expect(bed.wire.sent.length).toBe(Math.floor(leftNs / wireNs + 1e-6));
    }
    await bed.quiesce();
    expect(bed.wire.sent).toHaveLength(total);
    expect(bed.pci.cpu.nowNs() - startNs).toBeCloseTo(total * wireTimeNs(FRAME_BYTES, 10), 3);
  });

  test("a descriptor is done when its frame is in the packet buffer, and a full one fills the ring", async () => {
    await using bed = await plugIn(ixgbe(), folded);
    const driver = IxgbeDriver.probe(bed.pci, { ringSize: 128, bufferCount: 1000 });
    const batch = new PacketBatch(32);
    let sent = 0;
    for (let taken = 1; taken > 0 && sent < 1000; sent += taken) taken = fill(driver, batch, sent, 1000);
    // No time has passed: what left the ring is in the packet buffer, and the ring is full.
    const inBuffer = Math.ceil(PACKET_BUFFER_BYTES / (FRAME_BYTES + 24));
    expect((await counters(bed, 0)).txFrames).toBe(inBuffer);
    expect(bed.wire.sent).toEqual([]);
    expect(sent).toBeLessThan(inBuffer + 128);
    expect(sent).toBeGreaterThan(inBuffer + 64);
    bed.advance(20 * wireTimeNs(FRAME_BYTES, 10));
    expect(bed.wire.sent).toHaveLength(20);
    const { txFrames = 0 } = await counters(bed, 0);
    // It goes on in portions of a sixteenth of the buffer.
    expect(txFrames).toBeGreaterThan(inBuffer + 12);
    expect(txFrames).toBeLessThanOrEqual(inBuffer + 20);
    await bed.quiesce();
    expect(bed.wire.sent).toHaveLength(sent);
    expect(bed.violations).toEqual([]);
  });
});

test("on the wall clock a card is ahead of the line by its packet buffer and no more", async () => {
  await using bed = await plugIn(ixgbe(), { sentFrames: "count" });
  const driver = IxgbeDriver.probe(bed.pci, { ringSize: 512, bufferCount: 1500 });
  const batch = new PacketBatch(512);
  const startNs = bed.pci.cpu.nowNs();
  let sent = 0;
  let tookNs = 0;
  for (; tookNs < 300e6; tookNs = bed.pci.cpu.nowNs() - startNs) sent += fill(driver, batch, -1, 512);
  await bed.quiesce();
  const lineRateFrames = (bed.pci.cpu.nowNs() - startNs) / wireTimeNs(FRAME_BYTES, 10);
  const { txFrames = 0 } = await counters(bed, 0);
  expect(txFrames).toBe(sent);
  expect(txFrames).toBeLessThanOrEqual(lineRateFrames + PACKET_BUFFER_BYTES / FRAME_BYTES);
});
