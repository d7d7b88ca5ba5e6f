import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { EthernetRecords } from "../../../../emulator/wire/capture/ethernet-records.ts";
import type { RecordStream } from "../../../../emulator/wire/capture/record-stream.ts";
import { TimeOrderedRecords } from "../../../../emulator/wire/capture/time-ordered-records.ts";
import { TrailerRecords } from "../../../../emulator/wire/capture/trailer-records.ts";
import { appendFcs } from "../../../../emulator/wire/crc32.ts";
import { BurstMeter } from "../../../../harness/capture/burst-meter.ts";
import { FileOrderTap } from "../../../../harness/capture/file-order-tap.ts";
import { GapMeter } from "../../../../harness/capture/gap-meter.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

const RECORDS = 1_000_000;
/** For a machine that is busy with other things. */
const LIMIT_MS = 60_000;
const SECONDS = 1_700_000_000;

/** The same bytes for ever, 1 µs apart and every fifth 7 µs too early, at odd places of one buffer. */
function endless(bytes: Uint8Array, linkType: number): RecordStream {
  const buffer = new Uint8Array(bytes.length + 8);
  let count = 0;
  return {
    end: null,
    next(record) {
      const offset = count & 7;
      buffer.set(bytes, offset);
      record.bytes = buffer;
      record.offset = offset;
      record.byteLength = bytes.length;
      record.originalByteLength = bytes.length;
      record.linkType = linkType;
      const us = count % 5 === 4 ? count - 7 : count;
      record.seconds = SECONDS + Math.floor(us / 1e6);
      record.nanoseconds = (us - Math.floor(us / 1e6) * 1e6) * 1000;
      count++;
      return true;
    },
    more: async () => false,
    close: async () => {},
  };
}

/** 200 bytes with the stamp of a Metamako behind them. */
function stamped(): Uint8Array {
  const bytes = new Uint8Array(216).fill(3);
  appendFcs(bytes, 0, 200);
  const view = new DataView(bytes.buffer);
  view.setUint32(204, SECONDS);
  view.setUint32(208, 5);
  view.setUint32(212, 0x0100_0102);
  return bytes;
}

const streams: Record<string, () => RecordStream> = {
  "a frame that is put in order of time": () => new TimeOrderedRecords(endless(new Uint8Array(203), 1)),
  "a window that is always full": () =>
    new TimeOrderedRecords(endless(new Uint8Array(90), 1), { recordCount: 64, byteLength: 4000 }),
  "a cooked frame that gets an Ethernet header": () => new EthernetRecords(endless(new Uint8Array(100).fill(8), 113)),
  "a frame whose trailer comes off": () =>
    new TrailerRecords(endless(stamped(), 1), { kind: "metamako", asClock: true }),
  "a frame that is surveyed": () => new FileOrderTap(endless(stamped(), 1)),
};

/** Takes so many records; the collector's news come with the event loop. */
async function take(stream: RecordStream, count: number): Promise<void> {
  const record = new CaptureRecord();
  for (let index = 0; index < count; index++) stream.next(record);
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test.each(Object.keys(streams))("%s leaves no garbage", { timeout: LIMIT_MS }, async (name) => {
  const stream = streams[name]?.() as RecordStream;
  // Compiled code is what counts: a Number that is boxed before that is not boxed afterwards.
  for (let round = 0; round < 10; round++) await take(stream, RECORDS / 20);
  scavenges = 0;
  await take(stream, RECORDS);
  // Thirty-two bytes a record, a sub-array, would make two.
  expect(scavenges).toBeLessThan(2);
});

test("a packet that is measured for bursts and gaps leaves no garbage", { timeout: LIMIT_MS }, async () => {
  const [bursts, gaps] = [new BurstMeter(4096), new GapMeter()];
  const measure = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n++) {
      bursts.record(SECONDS + Math.floor(n / 1000), (n % 1000) * 1_000_000);
      gaps.record(SECONDS + Math.floor(n / 1000), (n % 1000) * 1_000_000);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  for (let round = 0; round < 10; round++) await measure((round * RECORDS) / 20, RECORDS / 20);
  scavenges = 0;
  await measure(RECORDS / 2, RECORDS);
  expect(scavenges).toBeLessThan(2);
});
