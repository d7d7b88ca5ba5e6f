import type { Clock } from "../../clock/clock.ts";
import { MemoryView } from "../../memory/memory-view.ts";
import { type UdpFlow, UdpFrameTemplate } from "../build-frame.ts";
import { MOLD_SESSION_BYTE_LENGTH, MoldUdp64Packet } from "../feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";
import { GapRecovery, type MessageSink, type RecoveryReport } from "./gap-recovery.ts";
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
}

/**
 * Receives a MoldUDP64 session from its lines and from a re-request server, and hands its messages on in order, each once.
 * Gaps show in packets, in heartbeats and in the end of the session. It takes frames where a driver left them and sends
 * its requests through the same card; it has no thread and no timer: whoever owns it calls {@link pump} at {@link due}.
 */
export class MoldRecoveryClient {
  readonly recovery: GapRecovery;
  /** [0]: when {@link pump} has something to do; Infinity when nothing is missing. */
  readonly due: Float64Array;
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
  readonly #counts = { packets: 0, answers: 0, heartbeats: 0, otherSession: 0, unreadable: 0, otherFrames: 0 };

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: MessageSink, port: FramePort, options: MoldClientOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#port = port;
    this.#template = new UdpFrameTemplate(options.requests);
    this.recovery = new GapRecovery(clock, sink, { request: (range) => this.#request(range) }, options);
    this.due = this.recovery.due;
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
    return { ...this.recovery.report(), ...this.#counts };
  }

  /** A frame of any kind, without FCS. Its messages are delivered before this returns, or kept. */
  receive(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    const isLine = this.#isLine();
    if (!isLine && !this.#isAnswer()) {
      this.#counts.otherFrames++;
      return;
    }
    this.#clock.refresh();
    this.#take(bytes, offset + headers.payloadOffset, headers.payloadByteLength, !isLine);
  }

  /** Asks for what is due, and gives up what was asked for too often. */
  pump(): void {
    this.recovery.pump();
  }

  #take(bytes: Uint8Array, offset: number, byteLength: number, isAnswer: boolean): void {
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
    while (packet.nextMessage()) {
      range[0] = packet.messageSequence;
      recovery.take(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  #isLine(): boolean {
    const { ipProtocol, ipv4Destination, destinationPort } = this.#headers;
    if (ipProtocol !== IP_PROTOCOL_UDP) return false;
    for (const { group, port } of this.#options.lines) {
      if (ipv4Destination === (group | 0) && destinationPort === port) return true;
    }
    return false;
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
