import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { openCapture } from "../../../emulator/wire/capture/open-capture.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../../emulator/wire/crc32.ts";
import { captureInfo } from "../../../harness/capture/capture-info.ts";
import { prepareRecords } from "../../../harness/replay/preparation.ts";
import { captureFolder, readCaptureIndex } from "../wire/real-captures.ts";

const captures = readCaptureIndex();
const pathOf = (file: string): string => join(captureFolder, file);
const WINDOWS: Record<number, string> = {
  1e4: "10us",
  1e5: "100us",
  1e6: "1ms",
  1e7: "10ms",
  1e8: "100ms",
  1e9: "1s",
};

/** The packets of it that a snap length has cut, and the bytes that are left: from the whole frames of its twin. */
const TORTURE = "cme-mdp3-v9.torture.pcapng";
const TORTURE_SNAP: Record<string, number> = { "0/2/true": 128, "1/0/false": 96 };

/** Lines A and B, as the index has them. */
function twinsOf(truth: unknown): Set<string> {
  const { ab, ab_pairs: pairs = {} } = (truth ?? {}) as { ab?: { a: string; b: string }; ab_pairs?: object };
  const all = ab === undefined ? Object.keys(pairs) : [`${ab.a} / ${ab.b}`];
  return new Set(all.map((pair) => pair.split(" / ").sort().join(" / ")));
}

describe.skipIf(captures.length === 0)(`recorded traffic (in ${captureFolder})`, () => {
  test.each(captures)("$file: everything that the index tells of it", async (truth) => {
    const info = await captureInfo(pathOf(truth.file));
    const { records, details } = info;
    expect(info).not.toHaveProperty("damage");
    expect(records).toMatchObject({
      packetCount: truth.packets,
      originalByteLength: truth.frame_len.total,
      shortestByteLength: truth.frame_len.min,
      longestByteLength: truth.frame_len.max,
      snappedCount: truth.truncated_packets,
      stepBackCount: truth.timing.ts_backwards_in_file_order,
      linkTypes: { 1: truth.packets },
    });
    if (truth.truncated_packets === 0) expect(records.capturedByteLength).toBe(truth.frame_len.total);
    expect(details.interfaces.reduce((sum, { packetCount }) => sum + packetCount, 0)).toBe(truth.packets);

    const { first, earliest, latest } = records;
    if (first === null || earliest === null || latest === null) return expect.fail("no time");
    const start = `${first.seconds}.${`${first.nanoseconds}`.padStart(9, "0")}`;
    if (truth.start !== "n/a") expect(start).toBe(truth.start.padEnd(start.length, "0"));
    const duration = latest.seconds - earliest.seconds + (latest.nanoseconds - earliest.nanoseconds) / 1e9;
    expect(duration).toBeCloseTo(truth.timing.duration_s, 5);

    // The index gives the 14 busiest lines at most.
    const lines = Object.fromEntries(info.lines.map(({ destination, packetCount }) => [destination, packetCount]));
    expect(lines).toMatchObject(truth.udp_destinations);
    const udpCount = info.lines.reduce((sum, { packetCount }) => sum + packetCount, 0);
    expect(udpCount).toBe(truth.ip_protocols[17] ?? 0);
    expect(info.otherPacketCount).toBe(truth.packets - udpCount);

    // Where the index says which lines are A and B, it says it of all.
    const twins = twinsOf(truth.ground_truth);
    if (twins.size > 0) expect(new Set(info.twins.map(({ lines }) => [...lines].sort().join(" / ")))).toEqual(twins);

    expect(info.vlans.map(({ vlanId }) => vlanId)).toEqual(truth.vlan_ids);
    // Where there is a tag in these captures, every packet has one.
    for (const { packetCount } of info.vlans) expect(packetCount).toBe(truth.packets);

    expect(info.lateCount).toBe(0);
    const bursts = info.bursts.slice(1).map(({ windowNs, packetCount }) => [WINDOWS[windowNs], packetCount]);
    expect(Object.fromEntries(bursts)).toEqual(truth.timing.peak_packets);
    const { gap_ns, zero_gaps } = truth.timing;
    expect(info.gaps).toMatchObject({ smallestNs: gap_ns.min, largestNs: gap_ns.max, zeroCount: zero_gaps });
    expect(Math.abs((info.gaps?.medianNs ?? 0) - gap_ns.median)).toBeLessThanOrEqual(gap_ns.median * 1e-4);

    // Every line of these captures carries a feed; what it counts is held to the index where the meter is tested. Of a line
    // whose packets are all cut it cannot be told.
    expect(info.feed.udpFrames).toBe(udpCount);
    const recognised = info.feed.lines.map(({ line }) => line);
    if (truth.truncated_packets === 0) expect(new Set(recognised)).toEqual(new Set(Object.keys(lines)));
    else expect(recognised.length).toBeGreaterThan(0);
    const messages = info.feed.sessions.map(({ session, messages }) => [session, messages]);
    const isMold = /^(nasdaq|ritch)/.test(truth.file);
    expect(messages).toEqual(
      isMold
        ? Object.entries(truth.ground_truth ?? {}).map(([name, session]) => [
            name.replaceAll("\0", "") || "(zeroed)",
            session.messages,
          ])
        : [],
    );
  });

  test("containers and byte orders are those of the index, whatever the names say", async () => {
    for (const { file, container } of captures) {
      const { format, compression, details } = await captureInfo(pathOf(file));
      const [described] = details.interfaces;
      const unit = described?.tick.exponent === -9 ? "nsec" : "usec";
      const order = described?.byteOrder === "little-endian" ? "LE" : "BE";
      const text = format === "pcapng" ? "pcapng" : `pcap ${order} ${unit}`;
      expect(compression === null ? text : `${text} in ${compression}`, file).toBe(container);
    }
  });

  test("the torture file: every interface, what was lost, and bytes captured of each frame of its twin", async () => {
    const info = await captureInfo(pathOf(TORTURE));
    expect(info.details).toMatchObject({ sectionCount: 2, unlistedInterfaceCount: 0 });
    expect(info.details.interfaces).toMatchObject([
      { byteOrder: "little-endian", tick: { base: 10, exponent: -6 }, packetCount: 20, droppedCount: null },
      { name: "feedA", tick: { base: 10, exponent: -9 }, packetCount: 20, droppedCount: 2, receivedCount: 60 },
      { tick: { base: 2, exponent: -20 }, timeOffsetSeconds: 1_500_000_000, snapByteLength: 128, packetCount: 20 },
      { byteOrder: "big-endian", snapByteLength: 96, packetCount: 40 },
    ]);
    expect(info.records.untimedCount).toBe(20);
    const lengths: number[] = [];
    for await (const { byteLength } of await openCapture(pathOf("cme-mdp3-v9-loss.pcap"))) lengths.push(byteLength);
    let capturedByteLength = 0;
    let index = 0;
    for await (const { sectionIndex, interfaceIndex, timed, byteLength } of await openCapture(pathOf(TORTURE))) {
      const snap = TORTURE_SNAP[`${sectionIndex}/${interfaceIndex}/${timed}`] ?? Number.POSITIVE_INFINITY;
      expect(byteLength).toBe(Math.min(snap, lengths[index++] as number));
      capturedByteLength += byteLength;
    }
    expect(info.records.capturedByteLength).toBe(capturedByteLength);
  });

  test("the A/B capture is replayed in order of time: 581 steps back are put right, none is late", async () => {
    const prepared = prepareRecords([await openCapture(pathOf("cme-mdp3-v6-ab.pcap"))], { order: "time", fcs: "auto" });
    const record = new CaptureRecord();
    let count = 0;
    let last = 0n;
    do {
      while (prepared.records.next(record)) {
        const ns = BigInt(record.seconds) * 1_000_000_000n + BigInt(record.nanoseconds);
        expect(ns >= last).toBe(true);
        last = ns;
        count++;
      }
    } while (await prepared.records.more());
    expect(count).toBe(10_000);
    expect(prepared.report().order).toEqual({ stepBackCount: 581, lateCount: 0, lateMaxNs: 0 });
  });

  test("all 20,560 frames of the MIAX capture have a right FCS; no flipped bit of a thousand of them gets by", async () => {
    const file = pathOf("miax-tom-vlan-fcs.pcap");
    const { records } = await captureInfo(file);
    expect(records.trailers).toEqual({
      lookedAtCount: 20_560,
      fcsCount: 20_560,
      wrongFcsCount: 0,
      devices: {},
      suggested: undefined,
    });
    let index = 0;
    let sampleCount = 0;
    let flipCount = 0;
    let missedCount = 0;
    for await (const record of await openCapture(file)) {
      if (index++ % 20 !== 0 || sampleCount === 1000) continue;
      sampleCount++;
      const { bytes, offset, byteLength } = record;
      for (let bit = 0; bit < 8 * byteLength; bit++) {
        const at = offset + (bit >> 3);
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
        if (hasValidFcs(bytes, offset, byteLength)) missedCount++;
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
        flipCount++;
      }
      expect(hasValidFcs(bytes, offset, byteLength)).toBe(true);
    }
    expect(sampleCount).toBe(1000);
    expect(flipCount).toBeGreaterThan(8 * 1000 * (64 + FCS_BYTE_LENGTH));
    expect(missedCount).toBe(0);
  });
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures.length).toBeGreaterThan(10);
});
