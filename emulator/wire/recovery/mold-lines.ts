import type { Clock } from "../../clock/clock.ts";
import { MoldUdp64Packet } from "../feeds/mold-udp64.ts";
import type { ArbiterOptions } from "../lines/arbiter-options.ts";
import type { ArbiterSink } from "../lines/arbiter-sink.ts";
import { StreamArbiter } from "../lines/stream-arbiter.ts";
import type { GapRecovery } from "./gap-recovery.ts";

/** The lines of a MoldUDP64 session before a recovery: what their arbiter passes is taken, what it declares lost is asked for. */
export class MoldLines implements ArbiterSink {
  readonly arbiter: StreamArbiter;
  readonly #recovery: GapRecovery;
  /** The packet that messages are passed of: one that was held is no longer the one at hand. */
  readonly #passed = new MoldUdp64Packet();

  constructor(clock: Clock, recovery: GapRecovery, options: ArbiterOptions) {
    this.#recovery = recovery;
    this.arbiter = new StreamArbiter(clock, this, options);
    const { firstSequence } = recovery.options;
    if (firstSequence === undefined) return;
    this.arbiter.sequence[0] = firstSequence;
    this.arbiter.startAt();
  }

  /** A packet came on `line`, whose payload is `bytes` from `offset` on. */
  offer(line: number, packet: MoldUdp64Packet, bytes: Uint8Array, offset: number, byteLength: number): void {
    this.arbiter.sequence[0] = packet.sequence;
    this.arbiter.offer(line, 0, bytes, offset, byteLength, packet.messageCount);
  }

  pass(
    _streamKey: number,
    _line: number,
    _range: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
    messageCount: number,
  ): void {
    const packet = this.#passed;
    packet.parse(bytes, offset, byteLength);
    for (let index = 0; index < messageIndex; index++) packet.nextMessage();
    for (let left = messageCount; left > 0 && packet.nextMessage(); left--) {
      this.#recovery.range[0] = packet.messageSequence;
      this.#recovery.take(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  /** The recovery may still want it: then nobody has to be asked, or the answer comes twice. */
  late(
    streamKey: number,
    line: number,
    range: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
  ): void {
    this.pass(streamKey, line, range, bytes, offset, byteLength, messageIndex, 1);
  }

  lose(_streamKey: number, range: Float64Array): void {
    const recovery = this.#recovery;
    recovery.range[0] = range[1] as number;
    recovery.announce();
    recovery.range.set(range);
    recovery.hasten();
  }
}
