import fc from "fast-check";
import { expect, test } from "vitest";
import { ipv4Address } from "../../../emulator/wire/build-frame.ts";
import { frames } from "../../../harness/frames.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { PacketBatch } from "../../../scenarios/drivers/packet-pool.ts";
import { letPass, openDriver, takeAll, udpFrame } from "./driver-bed.ts";

// "RSS Hash Verification Suite" of Microsoft's RSS specification, IPv4 with ports.
const rssVectors = [
  ["66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178],
  ["199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea],
  ["24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a],
  ["38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f],
  ["153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2],
] as const;

test.for(rssVectors)(
  "RSS: %s:%d to %s:%d has the hash of the specification and the queue of the table",
  async (vector) => {
    const [source, sourcePort, destination, destinationPort, hash] = vector;
    const { bed, driver } = await openDriver({ rxQueueCount: 3 });
    const [sourceIp, destinationIp] = [ipv4Address(source), ipv4Address(destination)];
    bed.wire.send(udpFrame({ sourceIp, destinationIp, sourcePort, destinationPort }));
    letPass(bed);
    const batch = new PacketBatch(4);
    const counts = [0, 1, 2].map((queue) => driver.rxBatch(queue, batch));
    const queue = (hash & 0x7f) % 3;
    expect(counts).toEqual([0, 1, 2].map((index) => (index === queue ? 1 : 0)));
    expect((batch.rssHash[0] as number) >>> 0).toBe(hash);
    expect(bed.violations).toEqual([]);
    driver.close();
  },
);

test("RSS: flows spread over the queues, and each stays in order in one of them", async () => {
  const burst = fc.array(fc.nat(63), { minLength: 1, maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 16 }), burst, async (rxQueueCount, flows) => {
      const { bed, driver } = await openDriver({ rxQueueCount, ringSize: 128 });
      const traffic = flows.map((flow, number) => udpFrame({ sourcePort: flow }, Uint8Array.of(flow, number)));
      for (const frame of traffic) bed.wire.send(frame);
      letPass(bed);
      const batch = new PacketBatch(100);
      const queueOf = new Map<number, number>();
      const numbers: number[] = [];
      for (let queue = 0; queue < rxQueueCount; queue++) {
        const count = driver.rxBatch(queue, batch);
        let last = -1;
        for (let entry = 0; entry < count; entry++) {
          const at = (batch.bufferIndex[entry] as number) * driver.pool.bufferBytes + 42;
          const [flow, number] = [driver.pool.memory.read8(at), driver.pool.memory.read8(at + 1)];
          expect(queueOf.get(flow) ?? queue).toBe(queue);
          queueOf.set(flow, queue);
          expect(number).toBeGreaterThan(last);
          last = number;
          numbers.push(number);
        }
        driver.release(batch, count);
      }
      expect(numbers.sort((a, b) => a - b)).toEqual([...flows.keys()]);
      driver.close();
    }),
    { numRuns: 25 },
  );
});

test("with several queues, one that nobody empties drops, and the others go on", async () => {
  const { bed, driver } = await openDriver({ rxQueueCount: 2, ringSize: 8 });
  // 66.9.149.187 falls into queue 0 (0x78 is even), 24.19.198.95 and its hash 0x5c2b394a too; 38.27.205.30 into queue 1.
  const stuck = udpFrame({
    sourceIp: ipv4Address("66.9.149.187"),
    destinationIp: ipv4Address("161.142.100.80"),
    sourcePort: 2794,
    destinationPort: 1766,
  });
  const live = udpFrame({
    sourceIp: ipv4Address("38.27.205.30"),
    destinationIp: ipv4Address("209.142.163.6"),
    sourcePort: 48228,
    destinationPort: 2217,
  });
  const batch = new PacketBatch(8);
  let received = 0;
  for (let round = 0; round < 1000; round++) {
    bed.wire.send(stuck);
    bed.wire.send(live);
    bed.advance(1000);
    const count = driver.rxBatch(1, batch);
    driver.release(batch, count);
    received += count;
  }
  letPass(bed);
  received += driver.rxBatch(1, batch);
  expect(received).toBe(1000);
  expect(driver.statistics()).toMatchObject({ rxNoDescriptor: 1000 - 7, rxMissed: 0 });
  driver.close();
});

test.for([true, false])("VLAN: with strip = %s the tag is where it belongs", async (vlanStrip) => {
  const { bed, driver } = await openDriver({ vlanStrip });
  const tagged = udpFrame({ vlanTci: 0x6123 });
  const plain = udpFrame({});
  bed.wire.send(tagged);
  bed.wire.send(plain);
  letPass(bed);
  const batch = new PacketBatch(4);
  expect(driver.rxBatch(0, batch)).toBe(2);
  const bytesOf = (entry: number): Uint8Array => {
    const at = (batch.bufferIndex[entry] as number) * driver.pool.bufferBytes;
    return driver.pool.memory.bytes.slice(at, at + (batch.byteLength[entry] as number));
  };
  expect(bytesOf(0)).toEqual(vlanStrip ? plain : tagged);
  expect(bytesOf(1)).toEqual(plain);
  expect((batch.status[1] as number) & reg.RXD_STAT_VP).toBe(0);
  if (vlanStrip) {
    expect((batch.status[0] as number) & reg.RXD_STAT_VP).not.toBe(0);
    expect(batch.vlanTag[0]).toBe(0x6123);
  }
  driver.close();
});

test("a tag comes on top of maxFrameBytes", async () => {
  const { bed, driver } = await openDriver();
  const tagged = udpFrame({ vlanTci: 5 }, new Uint8Array(1518 - 46));
  expect(tagged.length).toBe(1518);
  bed.wire.send(tagged);
  expect(takeAll(bed, driver)).toEqual([tagged]);
  driver.close();
});

const broken = [
  { what: "nothing", at: -1, errors: 0 },
  { what: "the IPv4 checksum", at: 24, errors: reg.RXD_ERR_IPE },
  { what: "the UDP checksum", at: 40, errors: reg.RXD_ERR_L4E },
];

test.for(broken)("checksums: with $what wrong the status says so", async ({ at, errors }) => {
  const { bed, driver } = await openDriver();
  const frame = udpFrame(
    {},
    Uint8Array.from({ length: 100 }, (_, index) => index),
  );
  if (at >= 0) frame[at] = (frame[at] as number) ^ 0x55;
  bed.wire.send(frame);
  letPass(bed);
  const batch = new PacketBatch(1);
  expect(driver.rxBatch(0, batch)).toBe(1);
  const status = batch.status[0] as number;
  expect(status & (reg.RXD_ERR_IPE | reg.RXD_ERR_L4E)).toBe(errors);
  expect(status & reg.RXD_STAT_IPCS).not.toBe(0);
  expect(status & reg.RXD_STAT_L4I).not.toBe(0);
  driver.close();
});

test("filters: own address and broadcast pass, others only when promiscuous", async () => {
  for (const promiscuous of [false, true]) {
    const { bed, driver } = await openDriver({ promiscuous });
    const own = driver.macAddress.split(":").map((byte) => Number.parseInt(byte, 16));
    const destinations = [own, [255, 255, 255, 255, 255, 255], [2, 0, 0, 0, 0, 99], [1, 0, 0x5e, 1, 2, 3]];
    const traffic = destinations.map((destination) => frames(1, { destination })[0] as Uint8Array);
    for (const frame of traffic) bed.wire.send(frame);
    expect(takeAll(bed, driver)).toEqual(promiscuous ? traffic : traffic.slice(0, 2));
    driver.close();
  }
});
