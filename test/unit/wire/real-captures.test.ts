import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { openCapture } from "../../../emulator/wire/capture/open-capture.ts";
import { checkL4Checksum, isIpv4HeaderChecksumValid } from "../../../emulator/wire/checksum.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../../emulator/wire/crc32.ts";
import { ItchCounters } from "../../../emulator/wire/feeds/itch50.ts";
import { MoldTracker } from "../../../emulator/wire/feeds/mold-tracker.ts";
import { MoldUdp64Packet } from "../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { type CaptureTruth, captureFolder, readCaptureIndex } from "./real-captures.ts";

const captures = readCaptureIndex();
const moldCaptures = captures.filter(({ file }) => /^(nasdaq|ritch)/.test(file));
const pathOf = (file: string): string => join(captureFolder, file);

const dotted = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");

function increment(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/** Counts for one file what the index has counts of. */
async function survey(file: string): Promise<Omit<CaptureTruth, "file" | "container" | "timing" | "ground_truth">> {
  const headers = new FrameHeaders();
  const protocols: Record<string, number> = {};
  const destinations: Record<string, number> = {};
  const vlans = new Set<number>();
  const lengths: number[] = [];
  let start = "";
  let truncated = 0;
  for await (const record of await openCapture(pathOf(file))) {
    if (lengths.length === 0) start = `${record.seconds}.${`${record.nanoseconds}`.padStart(9, "0")}`;
    lengths.push(record.originalByteLength);
    if (record.byteLength < record.originalByteLength) truncated++;
    headers.parse(record.bytes, record.offset, record.byteLength);
    if (headers.vlanTci >= 0) vlans.add(headers.vlanTci & 0xfff);
    increment(protocols, headers.ipProtocol);
    if (headers.ipProtocol === 17) {
      increment(destinations, `${dotted(headers.ipv4Destination)}:${headers.destinationPort}`);
    }
  }
  return {
    packets: lengths.length,
    start,
    truncated_packets: truncated,
    frame_len: {
      min: Math.min(...lengths),
      max: Math.max(...lengths),
      total: lengths.reduce((sum, byteLength) => sum + byteLength, 0),
    },
    vlan_ids: [...vlans],
    ip_protocols: protocols,
    udp_destinations: destinations,
  };
}

describe.skipIf(captures.length === 0)(`recorded traffic (in ${captureFolder})`, () => {
  test.each(captures)("$file has the packets, bytes, times and flows that tshark counted", async (truth) => {
    const found = await survey(truth.file);
    const { packets, start, truncated_packets, frame_len, vlan_ids, ip_protocols } = truth;
    expect(found).toMatchObject({ packets, truncated_packets, frame_len, vlan_ids, ip_protocols });
    // The index gives the 14 busiest flows of a file at most.
    expect(found.udp_destinations).toMatchObject(truth.udp_destinations);
    if (start !== "n/a") expect(found.start).toBe(start.padEnd(found.start.length, "0"));
  });

  test.each(moldCaptures)(
    "$file has the MoldUDP64 and ITCH tallies of the reference",
    async ({ file, ground_truth }) => {
      const headers = new FrameHeaders();
      const packet = new MoldUdp64Packet();
      const tracker = new MoldTracker();
      const counters = new ItchCounters();
      for await (const record of await openCapture(pathOf(file))) {
        headers.parse(record.bytes, record.offset, record.byteLength);
        expect(packet.parse(record.bytes, record.offset + headers.payloadOffset, headers.payloadByteLength)).toBe(true);
        tracker.track(packet);
        while (packet.nextMessage()) counters.count(record.bytes, packet.messageOffset, packet.messageByteLength);
      }
      const sessions = tracker.sessions.map((session) => [
        session.name,
        {
          packets: session.packets,
          heartbeats: session.heartbeats,
          end_of_session: session.endOfSession,
          messages: session.messages,
          first_seq: session.firstSequence,
          next_seq: session.nextSequence,
          gaps: session.gaps,
          missing: session.missing,
          out_of_order: session.outOfOrder,
          types: counters.toObject(),
        },
      ]);
      expect(Object.fromEntries(sessions)).toEqual(ground_truth);
      expect([counters.malformed, counters.unknown]).toEqual([0, 0]);
    },
  );

  test("the torture file has the times of the capture it was made from, as far as each clock can tell", async () => {
    const original: { seconds: number; nanoseconds: number; bytes: number[] }[] = [];
    for await (const { seconds, nanoseconds, bytes, offset, byteLength } of await openCapture(
      pathOf("cme-mdp3-v9-loss.pcap"),
    )) {
      original.push({ seconds, nanoseconds, bytes: [...bytes.subarray(offset, offset + byteLength)] });
    }
    const seen: Record<string, number> = {};
    let index = 0;
    for await (const record of await openCapture(pathOf("cme-mdp3-v9.torture.pcapng"))) {
      const { seconds, nanoseconds, bytes } = original[index++] as (typeof original)[number];
      const captured = [...record.bytes.subarray(record.offset, record.offset + record.byteLength)];
      expect(captured).toEqual(bytes.slice(0, captured.length));
      expect(record.originalByteLength).toBe(bytes.length);
      const clock = `${record.sectionIndex}/${record.interfaceIndex}/${record.timed}`;
      increment(seen, clock);
      if (!record.timed) continue;
      // Interface 2 of the first section ticks in 2^-20 s (954 ns); its writer took the tick behind each time.
      const late = (record.seconds - seconds) * 1e9 + record.nanoseconds - nanoseconds;
      if (clock === "0/2/true") expect(late >= 0 && late < 954).toBe(true);
      else expect([record.seconds, record.nanoseconds]).toEqual([seconds, nanoseconds]);
    }
    expect(index).toBe(100);
    expect(Object.keys(seen).sort()).toEqual(["0/0/true", "0/1/true", "0/2/true", "1/0/false", "1/0/true"]);
  });

  test("the four byte orders and precisions of one capture give the same records", async () => {
    const digest = async (file: string): Promise<string[]> => {
      const lines: string[] = [];
      for await (const { seconds, nanoseconds, bytes, offset, byteLength } of await openCapture(pathOf(file))) {
        lines.push(
          `${seconds}.${nanoseconds} ${Buffer.from(bytes.subarray(offset, offset + byteLength)).toString("hex")}`,
        );
      }
      return lines;
    };
    const reference = await digest("cme-mdp3-v9-loss.pcap");
    expect(reference).toHaveLength(100);
    expect(await digest("cme-mdp3-v9.be-usec.pcap")).toEqual(reference);
    expect(await digest("cme-mdp3-v9.be-nsec.pcap")).toEqual(reference);
  });

  test("all 20560 frames of the MIAX capture carry a right FCS, and right checksums before it", async () => {
    const headers = new FrameHeaders();
    let right = 0;
    let padded = 0;
    for await (const { bytes, offset, byteLength } of await openCapture(pathOf("miax-tom-vlan-fcs.pcap"))) {
      if (hasValidFcs(bytes, offset, byteLength)) right++;
      headers.parse(bytes, offset, byteLength - FCS_BYTE_LENGTH);
      if (headers.trailerByteLength === 6) padded++;
      expect(isIpv4HeaderChecksumValid(bytes, offset + headers.l3Offset, 20)).toBe(true);
      expect(checkL4Checksum(headers, bytes, offset)).not.toBe("wrong");
    }
    expect([right, padded]).toEqual([20_560, 60]);
  });

  test("all UDP checksums of the framed RITCH messages are right", async () => {
    const headers = new FrameHeaders();
    const record = new CaptureRecord();
    const verdicts: Record<string, number> = {};
    const capture = await openCapture(pathOf("ritch-artificial-itch50.mold64.nsec.pcap"));
    do {
      while (capture.next(record)) {
        headers.parse(record.bytes, record.offset, record.byteLength);
        increment(verdicts, checkL4Checksum(headers, record.bytes, record.offset));
      }
    } while (await capture.more());
    expect(verdicts).toEqual({ right: 2705 });
  });
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures.length).toBeGreaterThan(10);
  expect(moldCaptures).toHaveLength(3);
});
