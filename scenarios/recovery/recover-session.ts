/**
 * A MoldUDP64 session over lines that lose frames into an 82599 and its reference driver, with a client that asks a
 * re-request server for what is missing: requests leave through the card, and answers come back by it. All of it runs in
 * one thread and in virtual time: the same options give the same run.
 */

import { VirtualClock } from "../../emulator/clock/clock.ts";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { deriveSeed, Rng } from "../../emulator/run/rng.ts";
import { ipv4Address, type UdpFlow } from "../../emulator/wire/build-frame.ts";
import type { MessageSink } from "../../emulator/wire/recovery/gap-recovery.ts";
import type { MoldClientOptions, MoldClientReport } from "../../emulator/wire/recovery/mold-client.ts";
import { MoldRequestServer, type MoldServerReport } from "../../emulator/wire/recovery/mold-request-server.ts";
import type { RecoveryOptions } from "../../emulator/wire/recovery/recovery-options.ts";
import type { ServiceOptions } from "../../emulator/wire/recovery/service-policy.ts";
import type { Testbed } from "../../harness/testbed.ts";
import type { IxgbeDriver } from "../drivers/ixgbe.ts";
import { type FeedSink, LossyFeed } from "./lossy-feed.ts";
import { CpuClock, RecoveringConsumer } from "./recovering-consumer.ts";

const SESSION = "SOFTBAR001";
const SERVER = { mac: 0x0200_0000_0055, ip: ipv4Address("192.0.2.55"), port: 18_000 };
const CONSUMER = { ip: ipv4Address("192.0.2.1"), port: 40_000 };
const lineTo = (group: string): UdpFlow => ({
  sourceMac: 0x0200_0000_00aa,
  sourceIp: ipv4Address("192.0.2.10"),
  destinationIp: ipv4Address(group),
  sourcePort: 49_653,
  destinationPort: 26_477,
});
const LINES: readonly UdpFlow[] = [lineTo("233.54.12.111"), lineTo("233.49.196.111")];

export interface RecoveryScenario {
  readonly seed: number;
  readonly frameCount: number;
  readonly lineCount: 1 | 2;
  /** Probability that a line loses a frame: each line by itself. */
  readonly lineLoss: number;
  /** Probability that a request, or an answer, is lost on the way. Default 0. */
  readonly requestLoss?: number;
  readonly server?: ServiceOptions;
  readonly recovery?: RecoveryOptions;
  /** Puts an arbiter before the client; see {@link MoldClientOptions}. */
  readonly arbitration?: MoldClientOptions["arbitration"];
}

export interface RecoveryResult {
  readonly client: MoldClientReport;
  readonly server: MoldServerReport;
  /** Messages of the session, and the sequences of those that no line carried. */
  readonly messageCount: number;
  readonly missedSequences: readonly number[];
}

/** Turns that a session may take for each of its frames, before it is called stuck. */
const TURNS_PER_FRAME = 20_000;
/** Frames are on the wire and in the card for a time that nobody here knows: after one was sent, so long and so often. */
const WATCH_NS = 20_000;
const LOOK_NS = 2000;
const RNG_STREAM_OF_REQUESTS = 200;

/**
 * Plays a made-up session into `bed`, a folded one, until the client has all of it or knows what is lost. `truth` is told of
 * every packet before any loss, `sink` what the client makes of it.
 * @throws Error when that does not come to an end.
 */
export function recoverSession(
  bed: Testbed,
  driver: IxgbeDriver,
  scenario: RecoveryScenario,
  truth: FeedSink["sent"],
  sink: MessageSink,
): RecoveryResult {
  const { seed, frameCount, lineCount, lineLoss } = scenario;
  const flows = LINES.slice(0, lineCount);
  const clock = new CpuClock(bed.pci.cpu);
  const consumer = new RecoveringConsumer(driver, clock, sink, {
    ...{ firstSequence: 1, session: SESSION, ...scenario.recovery },
    ...(scenario.arbitration === undefined ? {} : { arbitration: scenario.arbitration }),
    lines: flows.map(({ destinationIp, destinationPort }) => ({ group: destinationIp, port: destinationPort })),
    requests: {
      sourceMac: Number.parseInt(driver.macAddress.replaceAll(":", ""), 16),
      destinationMac: SERVER.mac,
      sourceIp: CONSUMER.ip,
      destinationIp: SERVER.ip,
      sourcePort: CONSUMER.port,
      destinationPort: SERVER.port,
    },
  });
  const network = new FarNetwork(bed, scenario);
  const feed = new LossyFeed(seed, frameCount, flows, lineLoss, {
    carry: (frame) => bed.wire.send(frame),
    sent(bytes, offset, byteLength) {
      network.server.record(bytes, offset, byteLength);
      truth(bytes, offset, byteLength);
    },
  });
  const startNs = clock.now[0] as number;
  let watchUntilNs = startNs;
  for (let turnsLeft = TURNS_PER_FRAME * frameCount; !consumer.client.isOver; turnsLeft--) {
    if (turnsLeft === 0) throw new Error(`client and server get nowhere: ${JSON.stringify(consumer.client.report())}`);
    const nowNs = bed.pci.cpu.nowNs();
    const nextNs = Math.min(startNs + feed.nextNs, network.server.next[0] as number, consumer.client.dueNs());
    const limitNs = nowNs < watchUntilNs ? nowNs + LOOK_NS : Number.POSITIVE_INFINITY;
    bed.advance(Math.max(0, Math.min(nextNs, limitNs) - nowNs));
    const isSent = startNs + feed.nextNs <= bed.pci.cpu.nowNs();
    if (isSent) feed.send();
    const frameCount = consumer.poll() + network.turn();
    if (isSent || frameCount > 0) watchUntilNs = bed.pci.cpu.nowNs() + WATCH_NS;
  }
  const { messageCount, missedSequences } = feed;
  return { client: consumer.client.report(), server: network.server.report(), messageCount, missedSequences };
}

/** What is behind the wire: the server, and a way to it that loses frames in both directions. */
class FarNetwork {
  readonly server: MoldRequestServer;
  readonly #bed: Testbed;
  readonly #clock = new VirtualClock();
  readonly #rng: Rng;
  readonly #requestLoss: number;
  readonly #frame = MemoryView.ofSize(2048);
  #carriedCount = 0;

  constructor(bed: Testbed, { seed, server, requestLoss = 0 }: RecoveryScenario) {
    this.#bed = bed;
    this.#rng = new Rng(deriveSeed(seed, RNG_STREAM_OF_REQUESTS));
    this.#requestLoss = requestLoss;
    this.#clock.advanceTo(bed.pci.cpu.nowNs());
    const wire = {
      deliver: (memory: MemoryView, offset: number, byteLength: number) => {
        if (this.#isLost()) return;
        this.#carriedCount++;
        bed.wire.send(memory.bytes.slice(offset, offset + byteLength));
      },
    };
    this.server = new MoldRequestServer(this.#clock, wire, {
      ...{ session: SESSION, retentionMessages: 1 << 16, retentionBytes: 1 << 22, seed },
      ...SERVER,
      ...server,
    });
  }

  /** Takes what the card sent to the server, and sends the answers that are due. Returns how many frames there were. */
  turn(): number {
    this.#clock.advanceTo(this.#bed.pci.cpu.nowNs());
    this.#carriedCount = 0;
    for (const frame of this.#bed.wire.takeSent()) {
      this.#carriedCount++;
      this.#frame.bytes.set(frame);
      if (!this.#isLost()) this.server.deliver(this.#frame, 0, frame.length);
    }
    this.server.pump();
    return this.#carriedCount;
  }

  #isLost(): boolean {
    return this.#rng.chance(this.#requestLoss);
  }
}
