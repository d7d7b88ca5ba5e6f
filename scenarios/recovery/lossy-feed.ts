import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { deriveSeed, Rng } from "../../emulator/run/rng.ts";
import type { UdpFlow } from "../../emulator/wire/build-frame.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import { MoldUdp64Packet } from "../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";

/** Takes what a feed does: frames that a line carries, and every packet as it was sent, before any loss. */
export interface FeedSink {
  carry(frame: Uint8Array): void;
  /** A MoldUDP64 packet, which is `bytes` from `offset` on. */
  sent(bytes: Uint8Array, offset: number, byteLength: number): void;
}

const NS_PER_SECOND = 1e9;
const RNG_STREAM_OF_LINES = 100;

/** One ITCH session on several lines, each of which loses frames of its own. The end of the session is repeated for ever. */
export class LossyFeed {
  /** When the next frame goes out, in nanoseconds since the first one. */
  nextNs = 0;
  /** Sequences of the messages that no line carried. */
  readonly missedSequences: number[] = [];
  readonly #sink: FeedSink;
  readonly #lineLoss: number;
  readonly #sessions: readonly ItchSession[];
  readonly #rngs: readonly Rng[];
  readonly #record = new CaptureRecord();
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();
  /** The next frame, by line; at the end of the session they stay. */
  readonly #frames: Uint8Array[];
  readonly #startSeconds: number;

  /** One line for each of `flows`. The same seed gives the same session and the same losses. */
  constructor(seed: number, frameCount: number, flows: readonly UdpFlow[], lineLoss: number, sink: FeedSink) {
    this.#sink = sink;
    this.#lineLoss = lineLoss;
    this.#sessions = flows.map((flow) => new ItchSession({ seed, frameCount, flow }));
    this.#rngs = flows.map((_, line) => new Rng(deriveSeed(seed, RNG_STREAM_OF_LINES + line)));
    this.#frames = flows.map(() => MemoryView.ofSize(0).bytes);
    this.#advance();
    this.#startSeconds = this.#record.seconds;
    this.nextNs = 0;
    this.#originNs = this.#record.nanoseconds;
  }

  readonly #originNs: number;

  get messageCount(): number {
    return (this.#sessions[0] as ItchSession).messagesWritten;
  }

  /** Sends the next frame on all lines, as far as they carry it. */
  send(): void {
    const [frame] = this.#frames as [Uint8Array];
    const { payloadOffset, payloadByteLength } = this.#parse(frame);
    this.#sink.sent(frame, payloadOffset, payloadByteLength);
    let carried = 0;
    for (const [line, copy] of this.#frames.entries()) {
      if ((this.#rngs[line] as Rng).chance(this.#lineLoss)) continue;
      this.#sink.carry(copy);
      carried++;
    }
    if (carried === 0) this.#noteMissed(frame, payloadOffset, payloadByteLength);
    if (!this.#advance()) this.nextNs += NS_PER_SECOND;
  }

  #noteMissed(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#packet.parse(bytes, offset, byteLength);
    while (this.#packet.nextMessage()) this.missedSequences.push(this.#packet.messageSequence);
  }

  #parse(frame: Uint8Array): FrameHeaders {
    this.#headers.parse(frame, 0, frame.length);
    return this.#headers;
  }

  /** Gets the next frame of every line; false at the end of the session. */
  #advance(): boolean {
    const record = this.#record;
    for (const [line, session] of this.#sessions.entries()) {
      if (!session.next(record)) return false;
      this.#frames[line] = record.bytes.slice(record.offset, record.offset + record.byteLength);
    }
    this.nextNs = (record.seconds - this.#startSeconds) * NS_PER_SECOND + record.nanoseconds - this.#originNs;
    return true;
  }
}
