import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CaptureError } from "../../../emulator/wire/capture/capture-error.ts";
import { PcapWriter } from "../../../emulator/wire/capture/write-pcap.ts";
import { captureInfo } from "../../../harness/capture/capture-info.ts";
import { frames } from "../../../harness/frames.ts";
import { concatenate, PcapngSection } from "../wire/capture/capture-files.ts";
import { udpFrame } from "../wire/damage/damage-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-info-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** 20,000 frames of 60 bytes, 1 µs apart: more than one part of a file. */
function manyFrames(): Uint8Array {
  const writer = new PcapWriter();
  const frame = new Uint8Array(60);
  for (let n = 0; n < 20_000; n++) writer.append(1, n * 1000, frame);
  return writer.bytes;
}

test("stopped early, it tells of every packet that it has read, in order and all", async () => {
  const stop = new AbortController();
  const info = await captureInfo(fileOf("many.pcap", manyFrames()), {
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  expect(info.interrupted).toBe(true);
  expect(info.damage).toBeUndefined();
  const { packetCount } = info.records;
  expect(packetCount).toBeGreaterThan(1000);
  expect(packetCount).toBeLessThan(20_000);
  // What was still in the window is counted like all before it.
  expect(info.bursts.at(-1)?.packetCount).toBe(packetCount);
  expect(info.otherPacketCount).toBe(packetCount);
});

test("lines that carry the same are found, whatever one of them lost; others are not, however alike", async () => {
  const writer = new PcapWriter();
  const payloadOf = (feed: number, index: number): Uint8Array =>
    Uint8Array.from({ length: 60 }, (_, at) => (at < 2 ? [feed, index][at] : at) as number);
  for (let index = 0; index < 40; index++) {
    // Lines 1 and 2 are A and B, of which A loses one in four; line 3 has the same lengths, and all beat alike.
    for (const [line, feed] of [
      [2, 0],
      [1, 0],
      [3, 1],
    ] as const) {
      const destination = `224.0.0.${line}:5000`;
      writer.append(1, 100 * index + line, udpFrame(destination, new Uint8Array(20)));
      if (line === 1 && index % 4 === 0) continue;
      writer.append(1, 100 * index + line, udpFrame(destination, payloadOf(feed, index)));
    }
  }
  const { twins } = await captureInfo(fileOf("twins.pcap", writer.bytes));
  const lines = ["224.0.0.1:5000", "224.0.0.2:5000"];
  expect(twins).toEqual([{ lines, payloadCount: 40, commonCount: 30, isCut: false }]);
});

test("the signal of a capture that is read to its end changes nothing", async () => {
  const stop = new AbortController();
  const info = await captureInfo(fileOf("whole.pcap", manyFrames()), { signal: stop.signal });
  expect(info).toMatchObject({ interrupted: false, records: { packetCount: 20_000 }, otherPacketCount: 20_000 });
});

test("a packet counts for each VLAN that it is in, once", async () => {
  const writer = new PcapWriter();
  const tagged = (...tags: number[]): Uint8Array => {
    const frame = new Uint8Array(60);
    for (const [index, tag] of tags.entries()) frame.set([0x81, 0x00, tag >> 8, tag & 0xff], 12 + 4 * index);
    return frame;
  };
  for (const tags of [[], [0], [0xe007], [7], [7, 4095], [7, 7]]) writer.append(1, 0, tagged(...tags));
  const { vlans } = await captureInfo(fileOf("vlans.pcap", writer.bytes));
  expect(vlans).toEqual([
    { vlanId: 0, packetCount: 1 },
    { vlanId: 7, packetCount: 4 },
    { vlanId: 4095, packetCount: 1 },
  ]);
});

test("progress goes from nothing to all of the file, by its own bytes", async () => {
  const fractions: number[] = [];
  await captureInfo(fileOf("progress.pcap", manyFrames()), {
    onProgress: ({ fraction, packetCount }) => {
      fractions.push(fraction ?? -1);
      expect(packetCount).toBeLessThanOrEqual(20_000);
    },
  });
  expect(fractions.length).toBeGreaterThan(3);
  expect(fractions).toEqual([...fractions].sort((left, right) => left - right));
  expect(fractions[0]).toBeGreaterThan(0);
  expect(fractions.at(-1)).toBe(1);
});

test("damage after good records is told with them; before any of a file's own, thrown", async () => {
  const writer = new PcapWriter();
  for (const frame of frames(3)) writer.append(1, 0, frame);
  const length = writer.bytes.length;
  writer.append(1, 0, new Uint8Array(60));
  const bytes = writer.bytes.slice();
  new DataView(bytes.buffer).setUint32(length + 8, 0xffff_ffff, true);
  const info = await captureInfo(fileOf("damaged.pcap", bytes), { name: "x" });
  expect(info).toMatchObject({ name: "x", records: { packetCount: 3 }, damage: { fileOffset: length } });
  expect(info.damage?.message).toMatch(/^x: record 4 at file offset/);
  await expect(captureInfo(fileOf("text", new TextEncoder().encode("a text")))).rejects.toThrow(CaptureError);
});

test("link types that no Ethernet carries are told, with their packets and times", async () => {
  const section = new PcapngSection(true);
  const radio = new Uint8Array(30).fill(8);
  const bytes = concatenate([
    section.header(),
    section.description(105, 0),
    section.description(1, 0),
    section.enhancedPacket(0, 1_000_000n, radio, 30),
    section.enhancedPacket(1, 3_000_000n, new Uint8Array(60), 60),
    section.enhancedPacket(0, 2_000_000n, radio, 29),
    section.simplePacket(radio, 30),
  ]);
  const info = await captureInfo(fileOf("radio.pcapng", bytes));
  expect(info.records).toMatchObject({
    packetCount: 4,
    linkTypes: { 1: 1, 105: 3 },
    stepBackCount: 1,
    largestStepBackNs: 1e9,
    overlongCount: 1,
    untimedCount: 1,
    earliest: { seconds: 1, nanoseconds: 0 },
    latest: { seconds: 3, nanoseconds: 0 },
  });
  expect(info).toMatchObject({ otherPacketCount: 4, gaps: { smallestNs: 1e9, medianNs: 1e9, largestNs: 1e9 } });
});
