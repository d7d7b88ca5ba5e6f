import { writeFileSync } from "node:fs";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { createTables, loadDevice } from "../../../emulator/run/machine.ts";
import { ipv4Address } from "../../../emulator/wire/build-frame.ts";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { PcapWriter } from "../../../emulator/wire/capture/write-pcap.ts";
import { Damage } from "../../../emulator/wire/damage/damage.ts";
import type { DamagePlan } from "../../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../../emulator/wire/damage/ledger.ts";
import { ItchSession } from "../../../emulator/wire/feeds/itch-session.ts";
import { MoldUdp64Packet } from "../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { foldedReplay } from "../../../harness/replay/folded-replay.ts";
import { FrameReader } from "../../../harness/replay/frame-reader.ts";
import { ReplayChannel } from "../../../harness/replay/replay-channel.ts";
import { balanceOf, type ReplayDriverResult, streamsReport } from "../../../harness/replay/replay-report.ts";
import { openSource } from "../../../harness/replay/replay-source.ts";
import { planStreams } from "../../../harness/replay/streams/plan-streams.ts";
import type { StreamOptions } from "../../../harness/replay/streams/stream-plan.ts";
import type { StreamsReport } from "../../../harness/replay/streams/stream-report.ts";
import { surveyStreams } from "../../../harness/replay/streams/stream-survey.ts";
import { ixgbeTarget } from "../../../scenarios/index.ts";

/** Line A and line B of a made-up session. */
export const LINES = ["233.54.12.111:26477", "233.54.12.112:26478"] as const;

const B_LATER_NS = 700;

/**
 * Writes a session as a capture has it: every frame on each of its lines, line B 700 ns behind A; from `firstLine` on, so many.
 * Returns all its messages.
 */
export function writeSession(
  path: string,
  seed: number,
  frameCount: number,
  lineCount: number,
  firstLine = 0,
): Uint8Array[] {
  const lines = LINES.slice(firstLine, firstLine + lineCount).map((line) => {
    const [address = "", port] = line.split(":");
    const flow = { destinationIp: ipv4Address(address), destinationPort: Number(port) };
    const ends = { sourceMac: 0x0200_0000_00aa, sourceIp: ipv4Address("192.0.2.10"), sourcePort: 49_653 };
    return new ItchSession({ seed, frameCount, flow: { ...ends, ...flow } });
  });
  const writer = new PcapWriter();
  const record = new CaptureRecord();
  const headers = new FrameHeaders();
  const packet = new MoldUdp64Packet();
  const messages: Uint8Array[] = [];
  for (;;) {
    for (const [index, line] of lines.entries()) {
      if (!line.next(record)) {
        writeFileSync(path, writer.bytes);
        return messages;
      }
      const { bytes, offset, byteLength } = record;
      const nanoseconds = record.nanoseconds + (firstLine + index) * B_LATER_NS;
      writer.append(
        record.seconds + Math.floor(nanoseconds / 1e9),
        nanoseconds % 1e9,
        bytes.slice(offset, offset + byteLength),
      );
      if (index > 0) continue;
      headers.parse(bytes, offset, byteLength);
      packet.parse(bytes, offset + headers.payloadOffset, headers.payloadByteLength);
      while (packet.nextMessage()) {
        messages.push(bytes.slice(packet.messageOffset, packet.messageOffset + packet.messageByteLength));
      }
    }
  }
}

export interface StreamsRun {
  readonly streams: StreamsReport;
  readonly ledger: DamageLedger;
}

/**
 * One replay of a capture in virtual time and in this thread: through the wire's damage, the 82599 and its reference
 * driver, into what is made of the streams. Throws when a frame is unaccounted for, or a rule was broken.
 */
export async function runStreams(file: string, options: StreamOptions, plan: DamagePlan): Promise<StreamsRun> {
  const target = ixgbeTarget();
  const survey = await surveyStreams({ target, file, ...options }, options.recover !== undefined);
  const planned = planStreams(survey, options, file);
  const { recovery } = planned.plan;
  const damage = new Damage(plan, MemoryView.ofSize(4));
  const queue = FrameQueue.createBuffer(1 << 22);
  const source = await openSource({ file });
  const limits = { limit: Number.POSITIVE_INFINITY, speed: 1 } as const;
  const reader = new FrameReader(source.frames, new FrameQueue(queue), { ...limits, damage });
  while (!reader.isDone) if (!(await reader.fill())) throw new Error("the queue is too small for the session");
  await reader.close();
  const channel = new ReplayChannel(ReplayChannel.createTables());
  channel.start();
  const sentFrames = recovery === undefined ? "count" : "keep";
  const { result, card, findings } = await foldedReplay(
    {
      device: target.device,
      tables: createTables([await loadDevice(target.device)], { clock: "virtual", sentFrames }),
      replayer: {
        channel: channel.tables,
        queue,
        device: 0,
        port: 0,
        isPaced: true,
        lossless: false,
        inFlightLimit: 0,
        dropCounters: target.drops.map(({ counter }) => counter),
        ...(recovery === undefined ? {} : { recovery }),
      },
      trace: undefined,
      eventLogPath: undefined,
    },
    {
      driverUrl: target.driverUrl,
      argument: { channel: channel.tables, drainLimitMs: 2000, options: undefined, streams: planned.plan },
    },
  );
  const driver = result as ReplayDriverResult;
  const counts = { replayer: card.replayer, driver, after: card.after };
  const streams = streamsReport(counts, planned.notes);
  if (!balanceOf(target, counts).holds) throw new Error(`the balance does not hold: ${JSON.stringify(counts)}`);
  if (findings.some(({ kind }) => kind === "violation")) throw new Error(JSON.stringify(findings));
  if (streams === undefined) throw new Error("nothing was made of the streams");
  return { streams, ledger: damage.ledger };
}
