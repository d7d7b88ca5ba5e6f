import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { openCapture } from "../../../../emulator/wire/capture/open-capture.ts";
import { CmePacket } from "../../../../emulator/wire/feeds/cme-packet.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../../../emulator/wire/frame.ts";
import type { ArbiterOptions } from "../../../../emulator/wire/lines/arbiter-options.ts";
import { LineArbiter } from "../../../../emulator/wire/lines/line-arbiter.ts";
import type { StreamArbiter } from "../../../../emulator/wire/lines/stream-arbiter.ts";
import { captureFolder, readCaptureIndex } from "../real-captures.ts";

// CME names its lines so: line A is 224.0.31.x (224.0.28.1–127) on a port of 14xxx, line B the same channel on port + 1000.

interface LineTruth {
  readonly unique: number;
  readonly missing: number;
  readonly min_seq: number;
}

interface PairTruth {
  readonly union: number;
  readonly both: number;
  readonly a_first: number;
  readonly b_first: number;
  readonly identical_payload: number;
  readonly union_missing: number;
  readonly b_minus_a_ns: Readonly<Record<"min" | "p1" | "median" | "p99" | "max", number>>;
}

interface LinesTruth {
  readonly lines: Readonly<Record<string, LineTruth>>;
  readonly ab?: PairTruth;
  readonly ab_pairs?: Readonly<Record<string, PairTruth>>;
}

const index = readCaptureIndex();
const truthOf = (file: string): LinesTruth =>
  index.find((capture) => capture.file === file)?.ground_truth as unknown as LinesTruth;

interface Datagram {
  readonly timeNs: number;
  readonly port: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** All UDP datagrams in the order of their time stamps, which is not that of the file. */
async function datagrams(file: string): Promise<Datagram[]> {
  const headers = new FrameHeaders();
  const packet = new CmePacket();
  const all: Datagram[] = [];
  let startSeconds = -1;
  for await (const { bytes, offset, byteLength, seconds, nanoseconds } of await openCapture(
    join(captureFolder, file),
  )) {
    if (startSeconds < 0) startSeconds = seconds;
    headers.parse(bytes, offset, byteLength);
    if (headers.ipProtocol !== IP_PROTOCOL_UDP) continue;
    const at = offset + headers.payloadOffset;
    const payload = bytes.slice(at, at + headers.payloadByteLength);
    expect(packet.parse(payload, 0, payload.length)).toBe(true);
    const { sequence } = packet;
    all.push({
      timeNs: (seconds - startSeconds) * 1e9 + nanoseconds,
      port: headers.destinationPort,
      sequence,
      payload,
    });
  }
  return all.sort((left, right) => left.timeNs - right.timeNs);
}

/** Line 0 is A, line 1 is B; the stream is the port of line A. */
async function arbitrate(file: string, mode: ArbiterOptions["mode"]): Promise<Arbitrated> {
  const clock = new VirtualClock();
  const passed: string[] = [];
  const lost: string[] = [];
  const sink = {
    pass: (key: number, _line: number, range: Float64Array) => passed.push(`${key}:${range[0]}`),
    lose: (key: number, range: Float64Array) => lost.push(`${key}:${range[0]}–${range[1]}`),
  };
  const arbiter = new LineArbiter(clock, sink, { mode, streamLimit: 16, sequenceBits: 32, gapLimitNs: 1e9 });
  for (const { timeNs, port, sequence, payload } of await datagrams(file)) {
    clock.advanceTo(timeNs);
    const line = port >= 15_000 ? 1 : 0;
    arbiter.sequence[0] = sequence;
    arbiter.offer(line, port - 1000 * line, 0, payload, 0, payload.length, 1);
  }
  arbiter.finish();
  return { passed, lost, streams: arbiter.streams, refused: arbiter.refusedPackets };
}

interface Arbitrated {
  readonly passed: readonly string[];
  readonly lost: readonly string[];
  readonly streams: readonly StreamArbiter[];
  readonly refused: number;
}

/** As near as three significant digits come. */
function expectAbout(found: number | undefined, wanted: number): void {
  expect(Math.abs((found as number) - wanted)).toBeLessThanOrEqual(Math.abs(wanted) / 1000 + 1);
}

describe.skipIf(index.length === 0)(`both lines of a real feed (in ${captureFolder})`, () => {
  test.for(["latency", "reliability"] as const)(
    "v6, no loss: 5,000 packets pass, B was first 4,807 times (%s)",
    async (mode) => {
      const { passed, lost, streams, refused } = await arbitrate("cme-mdp3-v6-ab.pcap", mode);
      expect([passed.length, new Set(passed).size, lost.length, refused]).toEqual([5000, 5000, 0, 0]);
      const [a, b] = (streams[0] as StreamArbiter).report();
      expect(a).toMatchObject({
        packets: 5000,
        firstPackets: 193,
        firstMessages: 193,
        secondMessages: 4807,
        missed: 0,
      });
      expect(b).toMatchObject({
        packets: 5000,
        firstPackets: 4807,
        firstMessages: 4807,
        secondMessages: 193,
        missed: 0,
      });
      expect([a?.payloadMismatches, b?.payloadMismatches, a?.duplicates, b?.duplicates]).toEqual([0, 0, 0, 0]);
      // The index calls the line that it met first "a", which is B.
      const truth = truthOf("cme-mdp3-v6-ab.pcap").ab as PairTruth;
      expect([truth.union, truth.a_first, truth.b_first]).toEqual([5000, b?.firstPackets, a?.firstPackets]);
      const { min, p1, median, p99, max } = truth.b_minus_a_ns;
      expect(b?.lead).toMatchObject({ sampleCount: 5000, minNs: min, maxNs: max });
      expectAbout(b?.lead?.p1Ns, p1);
      expectAbout(b?.lead?.medianNs, median);
      expectAbout(b?.lead?.p99Ns, p99);
      expect(a?.lead).toMatchObject({ sampleCount: 5000, minNs: 0 - max, maxNs: 0 - min });
    },
  );

  test.for(["latency", "reliability"] as const)(
    "v9: the four losses of single lines are filled, none is reported (%s)",
    async (mode) => {
      const { passed, lost, streams, refused } = await arbitrate("cme-mdp3-v9-loss.pcap", mode);
      const { lines, ab_pairs: pairs = {} } = truthOf("cme-mdp3-v9-loss.pcap");
      expect(lost).toEqual([]);
      expect([streams.length, refused]).toEqual([9, 0]);
      const unions = Object.values(pairs).reduce((sum, { union }) => sum + union, 0);
      expect([passed.length, new Set(passed).size]).toEqual([unions, unions]);
      for (const lossy of ["14315:1160085", "14360:911523", "14361:1028099", "14348:579465"])
        expect(passed).toContain(lossy);
      const filled: string[] = [];
      for (const [name, { missing, unique }] of Object.entries(lines)) {
        const port = Number(name.split(":")[1]);
        const line = port >= 15_000 ? 1 : 0;
        const stream = streams.find(({ streamKey }) => streamKey === port - 1000 * line);
        const report = stream?.report()[line];
        expect(report, name).toMatchObject({ packets: unique, missed: missing, filledByOthers: missing, lostOnAll: 0 });
        expect([report?.payloadMismatches, report?.restarts]).toEqual([0, 0]);
        if (report?.filledByOthers === 1) filled.push(name);
      }
      for (const [names, { a_first, b_first }] of Object.entries(pairs)) {
        const [portA, portB] = names.split(" / ").map((name) => Number(name.split(":")[1])) as [number, number];
        expect(portB - portA, names).toBe(1000);
        const [a, b] = streams.find(({ streamKey }) => streamKey === portA)?.report() ?? [];
        expect([b?.secondMessages, a?.secondMessages], names).toEqual([a_first, b_first]);
      }
      expect(filled.sort()).toEqual([
        "224.0.28.156:15348",
        "224.0.28.19:14360",
        "224.0.28.20:14361",
        "224.0.28.6:14315",
      ]);
    },
  );
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(index.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(truthOf("cme-mdp3-v6-ab.pcap").ab?.union).toBe(5000);
});
