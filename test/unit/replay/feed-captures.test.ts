import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCapture } from "../../../emulator/wire/capture/open-capture.ts";
import { CboeRecoveryMessage } from "../../../emulator/wire/feeds/cboe-recovery.ts";
import { CboeUnitPacket } from "../../../emulator/wire/feeds/cboe-unit.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { FeedMeter, type FeedReport, type LineReport, type StreamReport } from "../../../harness/replay/feed-meter.ts";
import { captureFolder, readCaptureIndex } from "../wire/real-captures.ts";

/** Ground truth of the index as it is laid out for each format: counted by other tools. */
const truths = new Map(readCaptureIndex().map(({ file, ground_truth }) => [file, ground_truth as unknown]));
const truthOf = <Truth>(file: string): Truth => truths.get(file) as Truth;

interface CmeTruth {
  readonly templates: Readonly<Record<string, number>>;
  readonly lines: Readonly<Record<string, CmeLineTruth>>;
}

interface CmeLineTruth {
  readonly packets: number;
  readonly messages: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly unique: number;
  readonly gaps: number;
  readonly missing: number;
  readonly out_of_order: number;
  readonly duplicates: number;
}

interface CboeTruth {
  readonly packets: number;
  readonly heartbeats: number;
  readonly messages: number;
  readonly first_seq: number | null;
  readonly next_seq: number | null;
  readonly gaps: number;
  readonly missing: number;
  readonly out_of_order: number;
  readonly types: Readonly<Record<string, number>>;
}

type Keep = (payload: Uint8Array) => boolean;

/** What the meter says of a capture, fed with the frames whose UDP payload `keep` wants. */
async function measure(file: string, keep: Keep = () => true): Promise<FeedReport> {
  const meter = new FeedMeter();
  const headers = new FrameHeaders();
  for await (const { bytes, offset, byteLength } of await openCapture(join(captureFolder, file))) {
    headers.parse(bytes, offset, byteLength);
    const payload = bytes.subarray(
      offset + headers.payloadOffset,
      offset + headers.payloadOffset + headers.payloadByteLength,
    );
    if (keep(payload)) meter.count(bytes, offset, byteLength);
  }
  return meter.report();
}

function typesOf(lines: readonly LineReport[]): Record<string, number> {
  const types: Record<string, number> = {};
  for (const { messageTypes } of lines) {
    for (const { type, name, count } of messageTypes) {
      expect(name).not.toBe("unknown");
      types[type] = (types[type] ?? 0) + count;
    }
  }
  return types;
}

function onlyStream(line: LineReport | undefined): StreamReport {
  expect(line?.streams).toHaveLength(1);
  return line?.streams[0] as StreamReport;
}

describe.skipIf(truths.size === 0)(`feeds of recorded traffic (in ${captureFolder})`, () => {
  test.each(["cme-mdp3-v6-ab.pcap", "cme-mdp3-v9-loss.pcap", "cme-mdp3-v9.be-usec.pcap", "cme-mdp3-v9.be-nsec.pcap"])(
    "%s has the templates and the sequences of every line that the reference counted",
    async (file) => {
      const truth = truthOf<CmeTruth>(file);
      const { lines, unreadablePackets } = await measure(file);
      expect(new Set(lines.map(({ format }) => format))).toEqual(new Set(["CME MDP 3.0"]));
      expect(unreadablePackets).toBe(0);
      expect(typesOf(lines)).toEqual(truth.templates);
      const found = lines.map((line): [string, CmeLineTruth] => {
        const stream = onlyStream(line);
        const { packets, messages, gaps, missing, outOfOrder, duplicates, recovered } = stream;
        expect(recovered).toBe(0);
        return [
          line.line,
          {
            packets,
            messages,
            first_seq: stream.firstSequence as number,
            last_seq: (stream.nextSequence as number) - 1,
            unique: packets - duplicates,
            gaps,
            missing,
            out_of_order: outOfOrder,
            duplicates,
          },
        ];
      });
      expect(Object.keys(truth.lines).length).toBeGreaterThan(1);
      for (const [line, expected] of Object.entries(truth.lines))
        expect(Object.fromEntries(found)[line]).toMatchObject(pick(expected));
      expect(found).toHaveLength(Object.keys(truth.lines).length);
    },
  );

  test("a lost packet of CME shows in RptSeq where its instrument changed again, and nowhere else", async () => {
    const whole = await measure("cme-mdp3-v6-ab.pcap");
    expect(whole.lines.map(({ remarks }) => [remarks.instruments, remarks["RptSeq gaps"]])).toEqual([
      [127, 0],
      [127, 0],
    ]);
    const { lines } = await measure("cme-mdp3-v9-loss.pcap");
    const torn = lines.filter(({ remarks }) => (remarks["RptSeq gaps"] ?? 0) > 0).map(({ line }) => line);
    expect(torn).toEqual(["224.0.28.19:14360"]);
    expect(lines.filter((line) => onlyStream(line).missing > 0).map(({ line }) => line)).toContain("224.0.28.19:14360");
  });

  test("iex-tops16.pcapng.gz has the messages, the sequence and the stream offsets of the reference", async () => {
    const truth = truthOf<{
      readonly packets: number;
      readonly heartbeats: number;
      readonly messages: number;
      readonly first_seq: number;
      readonly next_seq: number;
      readonly seq_gaps: number;
      readonly offset_gaps: number;
      readonly types: Readonly<Record<string, number>>;
      readonly sessions: Readonly<Record<string, number>>;
    }>("iex-tops16.pcapng.gz");
    const { lines } = await measure("iex-tops16.pcapng.gz");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.format).toBe("IEX TOPS");
    expect(typesOf(lines)).toEqual(truth.types);
    expect(lines[0]?.remarks).toEqual({ "stream offset gaps": truth.offset_gaps });
    const [session = ""] = Object.keys(truth.sessions);
    expect(onlyStream(lines[0])).toMatchObject({
      stream: `channel 1, session ${session}`,
      packets: truth.packets,
      heartbeats: truth.heartbeats,
      messages: truth.messages,
      firstSequence: truth.first_seq,
      nextSequence: truth.next_seq,
      gaps: truth.seq_gaps,
      missing: 0,
      outOfOrder: 0,
      duplicates: 0,
    });
  });

  test("nyse-xdp-2ms.pcap has the messages and the sequence of the reference", async () => {
    const truth = truthOf<CboeTruth>("nyse-xdp-2ms.pcap");
    const { lines } = await measure("nyse-xdp-2ms.pcap");
    expect(lines.map(({ format }) => format)).toEqual(["NYSE XDP"]);
    expect(typesOf(lines)).toEqual(truth.types);
    expect(onlyStream(lines[0])).toMatchObject({
      packets: truth.packets,
      messages: truth.messages,
      firstSequence: truth.first_seq,
      nextSequence: truth.next_seq,
      gaps: truth.gaps,
      missing: truth.missing,
      outOfOrder: truth.out_of_order,
      heartbeats: 0,
      restarts: 0,
    });
  });

  test("miax-tom-vlan-fcs.pcap has the messages and the sequence of the reference", async () => {
    const truth = truthOf<{
      readonly packets: number;
      readonly app_messages: number;
      readonly first_seq: number;
      readonly next_seq: number;
      readonly gaps: number;
      readonly missing: number;
      readonly out_of_order: number;
      readonly packet_types: Readonly<Record<string, number>>;
      readonly message_types: Readonly<Record<string, number>>;
      readonly sessions: Readonly<Record<string, number>>;
    }>("miax-tom-vlan-fcs.pcap");
    const { lines } = await measure("miax-tom-vlan-fcs.pcap");
    expect(lines.map(({ format }) => format)).toEqual(["MIAX MACH"]);
    expect(typesOf(lines)).toEqual(truth.message_types);
    expect(Object.keys(truth.sessions)).toEqual(["1"]);
    expect(onlyStream(lines[0])).toMatchObject({
      stream: "session 1",
      packets: truth.packets,
      messages: truth.app_messages,
      firstSequence: truth.first_seq,
      nextSequence: truth.next_seq,
      gaps: truth.gaps,
      missing: truth.missing,
      outOfOrder: truth.out_of_order,
      heartbeats: truth.packet_types["0"],
    });
  });

  test("cboe-pitch-realtime.pcap has the messages and sequences of the reference", async () => {
    const file = "cboe-pitch-realtime.pcap";
    const truth = truthOf<Record<string, CboeTruth>>(file);
    const { lines } = await measure(file);
    for (const [key, { packets, heartbeats, messages, types }] of Object.entries(truth)) {
      const [place, unit = ""] = key.split("/unit");
      const line = lines.find((other) => other.line === place);
      expect(onlyStream(line)).toMatchObject({ stream: `unit ${unit}`, packets, heartbeats, messages });
      expect(typesOf(line === undefined ? [] : [line])).toEqual(types);
    }
    // The reference begins with the first message. Heartbeats before it show that the two first ones are not in the file.
    expect(onlyStream(lines[0])).toMatchObject({ firstSequence: 1, nextSequence: 43, gaps: 1, missing: 2 });
    const withoutHeartbeats = await measure(file, (payload) => payload[2] !== 0);
    const realtime = truth["239.39.62.190:32001/unit1"] as CboeTruth;
    expect(onlyStream(withoutHeartbeats.lines[0])).toMatchObject({
      messages: realtime.messages,
      firstSequence: realtime.first_seq,
      nextSequence: realtime.next_seq,
      gaps: realtime.gaps,
      missing: realtime.missing,
      outOfOrder: realtime.out_of_order,
    });
    expect(onlyStream(lines[1])).toMatchObject({ firstSequence: null, nextSequence: null, gaps: 0, missing: 0 });
  });

  test("cboe-pitch-gap-request.pcap: both directions are units of sequence 0, with the messages of the reference", async () => {
    const truth = truthOf<{
      readonly node0: string;
      readonly node0_to_node1: { sequenced_units: number; empty_units: number; types: Record<string, number> };
      readonly node1_to_node0: { sequenced_units: number; empty_units: number; types: Record<string, number> };
    }>("cboe-pitch-gap-request.pcap");
    const headers = new FrameHeaders();
    const unit = new CboeUnitPacket();
    const message = new CboeRecoveryMessage();
    const found = {
      node0_to_node1: { sequenced_units: 0, empty_units: 0, types: {} as Record<string, number> },
      node1_to_node0: { sequenced_units: 0, empty_units: 0, types: {} as Record<string, number> },
    };
    const asked: unknown[] = [];
    for await (const record of await openCapture(join(captureFolder, "cboe-pitch-gap-request.pcap"))) {
      headers.parse(record.bytes, record.offset, record.byteLength);
      const way = `${headers.sourcePort}` === truth.node0.split(":")[1] ? found.node0_to_node1 : found.node1_to_node0;
      let at = record.offset + headers.payloadOffset;
      const end = at + headers.payloadByteLength;
      // Nothing is retransmitted and no unit is split in this capture, so segments are read as they come.
      for (; at < end; at += unit.unitByteLength) {
        expect(unit.parse(record.bytes, at, end - at)).toBe(true);
        expect(unit.isSequenced).toBe(false);
        way.sequenced_units++;
        if (unit.isHeartbeat) way.empty_units++;
        while (unit.nextMessage()) {
          expect(message.parse(record.bytes, unit.messageOffset, unit.messageByteLength)).toBe(true);
          const type = `0x${unit.messageType.toString(16)}`;
          way.types[type] = (way.types[type] ?? 0) + 1;
          if (message.unit > 0) asked.push([message.unit, message.sequence, message.messageCount, message.status]);
        }
      }
    }
    expect(found.node0_to_node1).toEqual(pickUnits(truth.node0_to_node1));
    expect(found.node1_to_node0).toEqual(pickUnits(truth.node1_to_node0));
    expect(asked).toEqual([
      [1, 14, 1, 0],
      [1, 14, 1, "A".charCodeAt(0)],
    ]);
  });

  test.each(["nasdaq-itch50-mold64-000010059B.pcap", "ritch-artificial-itch50.mold64.nsec.pcap"])(
    "%s is told by the meter as by the reference",
    async (file) => {
      const [session, truth] = Object.entries(truthOf<Record<string, CboeTruth>>(file))[0] as [string, CboeTruth];
      const { lines, sessions, itchMessages } = await measure(file);
      expect(lines.map(({ format }) => format)).toEqual(["MoldUDP64, ITCH 5.0"]);
      expect(typesOf(lines)).toEqual(truth.types);
      expect(itchMessages).toEqual(truth.types);
      const figures = {
        packets: truth.packets,
        heartbeats: truth.heartbeats,
        messages: truth.messages,
        firstSequence: truth.first_seq,
        nextSequence: truth.next_seq,
        gaps: truth.gaps,
        missing: truth.missing,
        outOfOrder: truth.out_of_order,
      };
      expect(onlyStream(lines[0])).toMatchObject({ stream: session, ...figures });
      expect(sessions[0]).toMatchObject({ session, ...figures });
    },
  );

  test("messages behind a zeroed MoldUDP64 header are told, and that their session and sequence are not", async () => {
    const file = "nasdaq-itch50-alltypes-zeroedmold-20230822.pcap";
    const truth = Object.values(truthOf<Record<string, CboeTruth>>(file))[0] as CboeTruth;
    const { lines } = await measure(file);
    expect(typesOf(lines)).toEqual(truth.types);
    expect(onlyStream(lines[0])).toMatchObject({
      stream: "(zeroed)",
      packets: truth.packets,
      outOfOrder: truth.out_of_order,
      gaps: truth.gaps,
    });
  });

  test("the torture file has the lines of the capture it was made from, and what it cut is unreadable", async () => {
    const whole = await measure("cme-mdp3-v9-loss.pcap");
    const cut = await measure("cme-mdp3-v9.torture.pcapng");
    const packetsOf = ({ streams, unreadablePackets }: LineReport): number =>
      streams.reduce((sum, { packets }) => sum + packets, unreadablePackets);
    expect(cut.unreadablePackets).toBeGreaterThan(0);
    for (const line of cut.lines) {
      expect(line.format).toBe("CME MDP 3.0");
      const original = whole.lines.find((other) => other.line === line.line);
      expect(packetsOf(line)).toBeLessThanOrEqual(packetsOf(original as LineReport));
    }
  });
});

/** What the meter can say of a line; the rest of the truth is about time. */
function pick(truth: CmeLineTruth): CmeLineTruth {
  const { packets, messages, first_seq, last_seq, unique, gaps, missing, out_of_order, duplicates } = truth;
  return { packets, messages, first_seq, last_seq, unique, gaps, missing, out_of_order, duplicates };
}

function pickUnits(truth: { sequenced_units: number; empty_units: number; types: Record<string, number> }): unknown {
  const { sequenced_units, empty_units, types } = truth;
  return { sequenced_units, empty_units, types };
}

test("recorded feeds are there, or their absence is said", (context) => {
  context.skip(truths.size === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(truths.size).toBeGreaterThan(10);
});
