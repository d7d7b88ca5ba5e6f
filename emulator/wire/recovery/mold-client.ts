import type { Clock } from "../../clock/clock.ts";
import { MemoryView } from "../../memory/memory-view.ts";
import { type UdpFlow, UdpFrameTemplate } from "../build-frame.ts";
import { MOLD_SESSION_BYTE_LENGTH, MoldUdp64Packet } from "../feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";
import type { ArbiterOptions } from "../lines/arbiter-options.ts";
import type { LineReport } from "../lines/line-tally.ts";
import type { StreamArbiter } from "../lines/stream-arbiter.ts";
import { GapRecovery, type MessageSink, type RecoveryReport } from "./gap-recovery.ts";
import { MoldLines } from "./mold-lines.ts";
import { MOLD_REQUEST_BYTE_LENGTH, moldSessionBytes, writeMoldHeader } from "./mold-request.ts";
import type { RecoveryOptions } from "./recovery-options.ts";

/** Sends frames: a driver's transmit queue. */
export interface FramePort {
  /** Takes a copy of the frame; false when there is no room at the moment. */
  transmit(memory: MemoryView, offset: number, byteLength: number): boolean;
}

export interface MoldClientOptions extends RecoveryOptions {
  /** Ten characters at most; the session of the first packet when left out. Packets of another one are counted, not taken. */
  readonly session?: string;
  /** Multicast groups and ports that carry the session: one, or lines A and B. */
  readonly lines: readonly { readonly group: number; readonly port: number }[];
  /**
   * Puts an arbiter before the recovery, for two lines or more: what it declares lost is asked for at once, and what may
   * still come on the other line is not asked for before `gapLimitNs`. Without it the lines are merged, and not counted.
   */
  readonly arbitration?: Pick<
    ArbiterOptions,
    "mode" | "gapLimitNs" | "reorderSequences" | "windowSequences" | "packetByteLimit"
  >;
  /** From this client to the re-request server; the answers come back the other way. */
  readonly requests: UdpFlow;
}

export interface MoldClientReport extends RecoveryReport {
  readonly packets: number;
  /** Packets from the re-request server. */
  readonly answers: number;
  readonly heartbeats: number;
  readonly otherSession: number;
  /** Packets for this client that cannot be read, and frames that are not for it. */
  readonly unreadable: number;
  readonly otherFrames: number;
  /** What each line brought; empty without arbitration. What it missed is counted once it is a window behind. */
  readonly lines: readonly LineReport[];
}

/**
 * Receives a MoldUDP64 session from its lines and from a re-request server, and hands its messages on in order, each once.
 * Gaps show in packets, in heartbeats and in the end of the session. It takes frames where a driver left them and sends
 * its requests through the same card; it has no thread and no timer: whoever owns it calls {@link pump} at {@link dueNs}.
 *
 * Without a `session` or a `firstSequence` the lines say which it is. What the server sends before that is no answer to this
 * client, which has asked for nothing yet, and is not taken.
 */
export class MoldRecoveryClient {
  readonly recovery: GapRecovery;
  /** The sender has said that the session is over. */
  hasEnded = false;
  readonly #clock: Clock;
  readonly #options: MoldClientOptions;
  readonly #port: FramePort;
  readonly #template: UdpFrameTemplate;
  readonly #frame = MemoryView.ofSize(128);
  readonly #session = new Uint8Array(MOLD_SESSION_BYTE_LENGTH);
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();
  #isSessionKnown = false;
  readonly #lines: MoldLines | undefined;
  readonly #counts = { packets: 0, answers: 0, heartbeats: 0, otherSession: 0, unreadable: 0, otherFrames: 0 };

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: MessageSink, port: FramePort, options: MoldClientOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#port = port;
    this.#template = new UdpFrameTemplate(options.requests);
    const { arbitration, lines } = options;
    const graces = arbitration === undefined ? options : { graceNs: arbitration.gapLimitNs ?? 1_000_000, ...options };
    this.recovery = new GapRecovery(clock, sink, { request: (range) => this.#request(range) }, graces);
    if (arbitration !== undefined) {
      this.#lines = new MoldLines(clock, this.recovery, { ...arbitration, lineCount: lines.length });
    }
    if (options.session !== undefined) {
      this.#session.set(moldSessionBytes(options.session));
      this.#isSessionKnown = true;
    }
  }

  /** Whether the session is over and every message of it was delivered, or reported lost. */
  get isOver(): boolean {
    return this.hasEnded && this.recovery.isSynchronized;
  }

  report(): MoldClientReport {
    return { ...this.recovery.report(), ...this.#counts, lines: this.#lines?.arbiter.report() ?? [] };
  }

  /** What stands before the recovery; undefined without arbitration. */
  get arbiter(): StreamArbiter | undefined {
    return this.#lines?.arbiter;
  }

  /** When {@link pump} has something to do; Infinity when nothing is missing. */
  dueNs(): number {
    const dueNs = this.recovery.due[0] as number;
    return this.#lines === undefined ? dueNs : Math.min(dueNs, this.#lines.arbiter.next[0] as number);
  }

  /** A frame of any kind, without FCS. Its messages are delivered before this returns, or kept. */
  receive(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    const line = this.#lineIndex();
    const isUnasked = !this.#isSessionKnown || !this.recovery.hasBegun;
    if (line < 0 && (isUnasked || !this.#isAnswer())) {
      this.#counts.otherFrames++;
      return;
    }
    this.#clock.refresh();
    this.#take(bytes, offset + headers.payloadOffset, headers.payloadByteLength, line);
  }

  /** No frame of the lines will follow: what they left out is asked for at once. Call {@link pump} until nothing is due. */
  finish(): void {
    this.#lines?.arbiter.finish();
  }

  /** Asks for what is due, and gives up what was asked for too often. */
  pump(): void {
    this.#lines?.arbiter.expire();
    this.recovery.pump();
  }

  /** `line` is -1 for what the server sent. */
  #take(bytes: Uint8Array, offset: number, byteLength: number, line: number): void {
    const packet = this.#packet;
    const counts = this.#counts;
    if (!packet.parse(bytes, offset, byteLength)) {
      counts.unreadable++;
      return;
    }
    if (!this.#isMySession(bytes, packet.sessionOffset)) {
      counts.otherSession++;
      return;
    }
    counts.packets++;
    const isAnswer = line < 0;
    if (isAnswer) counts.answers++;
    if (packet.isHeartbeat) counts.heartbeats++;
    const { recovery } = this;
    const { range } = recovery;
    if (isAnswer) {
      range[0] = packet.sequence;
      range[1] = packet.sequence + packet.messageCount;
      recovery.answered();
    }
    if (packet.isEndOfSession) this.hasEnded = true;
    if (packet.messageCount === 0) {
      range[0] = packet.sequence;
      recovery.announce();
    }
    if (this.#lines !== undefined && !isAnswer) {
      this.#lines.offer(line, packet, bytes, offset, byteLength);
      return;
    }
    while (packet.nextMessage()) {
      range[0] = packet.messageSequence;
      recovery.take(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  /** The line that the frame came on, -1 when it is none of them. */
  #lineIndex(): number {
    const { ipProtocol, ipv4Destination, destinationPort } = this.#headers;
    if (ipProtocol !== IP_PROTOCOL_UDP) return -1;
    const { lines } = this.#options;
    for (let line = 0; line < lines.length; line++) {
      const { group, port } = lines[line] as (typeof lines)[number];
      if (ipv4Destination === (group | 0) && destinationPort === port) return line;
    }
    return -1;
  }

  #isAnswer(): boolean {
    const headers = this.#headers;
    const { sourceIp, sourcePort, destinationIp, destinationPort } = this.#options.requests;
    return (
      headers.ipProtocol === IP_PROTOCOL_UDP &&
      headers.ipv4Source === (destinationIp | 0) &&
      headers.sourcePort === destinationPort &&
      headers.ipv4Destination === (sourceIp | 0) &&
      headers.destinationPort === sourcePort
    );
  }

  #isMySession(bytes: Uint8Array, at: number): boolean {
    const session = this.#session;
    if (!this.#isSessionKnown) {
      for (let index = 0; index < session.length; index++) session[index] = bytes[at + index] as number;
      this.#isSessionKnown = true;
      return true;
    }
    for (let index = 0; index < session.length; index++) if (session[index] !== bytes[at + index]) return false;
    return true;
  }

  #request(range: Float64Array): boolean {
    const { bytes } = this.#frame;
    const start = this.#template.headerByteLength;
    writeMoldHeader(bytes, start, this.#session, range, (range[1] as number) - (range[0] as number));
    const byteLength = this.#template.stamp(bytes, 0, MOLD_REQUEST_BYTE_LENGTH);
    return this.#port.transmit(this.#frame, 0, byteLength);
  }
}
