import type { Clock } from "../../clock/clock.ts";
import { MemoryView } from "../../memory/memory-view.ts";
import { UdpFrameTemplate } from "../build-frame.ts";
import { SequenceSet } from "../damage/sequence-set.ts";
import { MOLD_HEADER_BYTE_LENGTH, MoldUdp64Packet } from "../feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";
import type { WireSink } from "../wire.ts";
import type { MessageSource } from "./message-source.ts";
import { MessageStore } from "./message-store.ts";
import { MoldRequest, moldSessionBytes, writeMoldHeader } from "./mold-request.ts";
import { Outbox } from "./outbox.ts";
import {
  DEFAULT_RETENTION_BYTES,
  DEFAULT_RETENTION_MESSAGES,
  type ServiceOptions,
  ServicePolicy,
} from "./service-policy.ts";

/** Where a server is, and what it serves. */
export interface MoldServerOptions extends ServiceOptions {
  /** Ten characters at most. */
  readonly session: string;
  readonly mac: number;
  readonly ip: number;
  readonly port: number;
  /** Largest UDP payload of an answer. Default 1,472: an Ethernet frame without fragments. */
  readonly payloadByteLimit?: number;
  /** Sequence of the session's first message. Default 1. */
  readonly firstSequence?: number;
}

/** What a server did with what came. Plain data; every request is in exactly one of the first eight. */
export interface MoldServerReport {
  readonly answered: number;
  readonly refused: number;
  readonly overRate: number;
  /** Requests for messages that are forgotten, and for some that do not exist yet. */
  readonly tooOld: number;
  readonly tooNew: number;
  /** Requests that begin with a message which the server's own record of the session lacks. */
  readonly absent: number;
  /** Requests for another session, and for no messages. */
  readonly otherSession: number;
  readonly empty: number;
  /** Frames that are no request to this server. */
  readonly foreignFrames: number;
  readonly messagesSent: number;
  /** Answers with fewer messages than were asked for, for whichever reason. */
  readonly partial: number;
  readonly answersDropped: number;
  /** What refused requests asked for, in order, as [first, behind the last): each sequence once, however often it was refused. */
  readonly refusedRanges: readonly (readonly [number, number])[];
}

/** Requesters that are told apart; frames of further ones are foreign. */
const REQUESTER_LIMIT = 64;
const MAC_OFFSET = 6;

/**
 * A MoldUDP64 re-request server at the far end of a wire: frames in through {@link deliver}, answers out to the wire it was
 * given, each to whoever asked. One answer for each request, with as many messages as fit and the options allow; what it
 * refuses it does not mention, as the protocol has no word for it. The requester's address is taken from its frame: ARP is
 * not modelled. Allocates only for a requester that is new, and as the list of refused ranges grows.
 */
export class MoldRequestServer implements WireSink {
  /** [0]: when {@link pump} has an answer to send; Infinity when none waits. */
  readonly next: Float64Array;
  /** What {@link record} fills; undefined where the whole session was given. */
  readonly #store: MessageStore | undefined;
  readonly #source: MessageSource;
  readonly #options: MoldServerOptions;
  readonly #clock: Clock;
  readonly #policy: ServicePolicy;
  readonly #outbox: Outbox;
  readonly #session: Uint8Array;
  readonly #payloadByteLimit: number;
  readonly #headers = new FrameHeaders();
  readonly #request = new MoldRequest();
  readonly #packet = new MoldUdp64Packet();
  readonly #frame: MemoryView;
  readonly #requesters: { readonly ip: number; readonly port: number; readonly template: UdpFrameTemplate }[] = [];
  readonly #refused = new SequenceSet();
  readonly #counts = {
    answered: 0,
    refused: 0,
    overRate: 0,
    tooOld: 0,
    tooNew: 0,
    absent: 0,
    otherSession: 0,
    empty: 0,
    foreignFrames: 0,
    messagesSent: 0,
    partial: 0,
  };

  /**
   * With an `archive` it serves a session that is over, or known before it begins; without one what {@link record} was given.
   * @throws RangeError for options that cannot be.
   */
  constructor(clock: Clock, wire: WireSink, options: MoldServerOptions, archive?: MessageSource) {
    this.#clock = clock;
    this.#options = options;
    this.#policy = new ServicePolicy(clock, options);
    this.#outbox = new Outbox(wire, clock.now);
    this.next = this.#outbox.next;
    this.#session = moldSessionBytes(options.session);
    this.#payloadByteLimit = options.payloadByteLimit ?? 1472;
    this.#frame = MemoryView.ofSize(this.#payloadByteLimit + 64);
    const { retentionMessages = DEFAULT_RETENTION_MESSAGES, retentionBytes = DEFAULT_RETENTION_BYTES } = options;
    this.#store =
      archive === undefined ? new MessageStore(retentionMessages, retentionBytes, options.firstSequence) : undefined;
    this.#source = archive ?? (this.#store as MessageStore);
  }

  /** What answers are taken from. */
  get store(): MessageSource {
    return this.#source;
  }

  report(): MoldServerReport {
    return { ...this.#counts, answersDropped: this.#outbox.droppedCount, refusedRanges: this.#refused.ranges() };
  }

  /**
   * Takes the messages of a downstream packet into the store, as it goes out on the lines. Those it has it leaves as they are.
   * @throws RangeError for a packet that cannot be read, is of another session, or begins beyond the next message: the server
   * must see them all. Nothing of it is taken then; nor where it was given an archive, which has all of them.
   */
  record(bytes: Uint8Array, offset: number, byteLength: number): void {
    const packet = this.#packet;
    const store = this.#store;
    if (store === undefined) throw new RangeError("this server has an archive of the session, and records nothing");
    if (!packet.parse(bytes, offset, byteLength)) throw new RangeError("this is no MoldUDP64 packet to record");
    if (!this.#isMySession(bytes, packet.sessionOffset)) {
      throw new RangeError(
        `a packet of session "${packet.session.trimEnd()}" is recorded, but this server has session "${this.#options.session}"`,
      );
    }
    if (packet.messageCount > 0 && packet.sequence > store.nextSequence) {
      throw new RangeError(`a packet from ${packet.sequence} on is recorded, but ${store.nextSequence} comes next`);
    }
    while (packet.nextMessage()) {
      if (packet.messageSequence < store.nextSequence) continue;
      store.add(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  /** A frame from the wire. */
  deliver(memory: MemoryView, offset: number, byteLength: number): void {
    this.#clock.refresh();
    const { bytes } = memory;
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    const { ip, port } = this.#options;
    const isMine =
      headers.ipProtocol === IP_PROTOCOL_UDP &&
      headers.ipv4Destination === (ip | 0) &&
      headers.destinationPort === port;
    const payload = offset + headers.payloadOffset;
    if (!isMine || !this.#request.parse(bytes, payload, headers.payloadByteLength)) {
      this.#counts.foreignFrames++;
      return;
    }
    const template = this.#templateFor(bytes, offset);
    if (template === undefined) this.#counts.foreignFrames++;
    else if (!this.#isMySession(bytes, payload)) this.#counts.otherSession++;
    else this.#serve(template);
  }

  /** Sends the answers that are due. */
  pump(): void {
    this.#clock.refresh();
    if ((this.next[0] as number) <= (this.#clock.now[0] as number)) this.#outbox.pump();
  }

  #serve(template: UdpFrameTemplate): void {
    const store = this.#source;
    const counts = this.#counts;
    const { sequence, messageCount } = this.#request;
    const first = sequence[0] as number;
    if (messageCount === 0) counts.empty++;
    else if (first < store.firstSequence) counts.tooOld++;
    else if (first >= store.nextSequence) counts.tooNew++;
    else if (!store.holds(first)) counts.absent++;
    else if (!this.#policy.admit()) counts.overRate++;
    else if (this.#policy.refuses()) this.#refuse();
    else this.#answer(template, this.#policy.portion(Math.min(messageCount, store.nextSequence - first)));
  }

  #refuse(): void {
    const { sequence, messageCount } = this.#request;
    const { range } = this.#refused;
    this.#counts.refused++;
    range[0] = sequence[0] as number;
    range[1] = range[0] + messageCount;
    this.#refused.add();
  }

  #answer(template: UdpFrameTemplate, most: number): void {
    const store = this.#source;
    const { bytes } = this.#frame;
    const first = this.#request.sequence[0] as number;
    const start = template.headerByteLength;
    const end = start + this.#payloadByteLimit;
    let at = start + MOLD_HEADER_BYTE_LENGTH;
    let count = 0;
    for (; count < most && store.holds(first + count); count++) {
      const byteLength = store.byteLengthOf(first + count);
      if (at + 2 + byteLength > end) break;
      bytes[at] = byteLength >>> 8;
      bytes[at + 1] = byteLength;
      const from = store.offsetOf(first + count);
      for (let index = 0; index < byteLength; index++) bytes[at + 2 + index] = store.bytes[from + index] as number;
      at += 2 + byteLength;
    }
    const counts = this.#counts;
    counts.answered++;
    counts.messagesSent += count;
    if (count < this.#request.messageCount) counts.partial++;
    writeMoldHeader(bytes, start, this.#session, this.#request.sequence, count);
    const byteLength = template.stamp(bytes, 0, at - start);
    this.#policy.delay();
    this.#outbox.put(this.#frame, 0, byteLength, this.#policy.answerNs);
  }

  #isMySession(bytes: Uint8Array, at: number): boolean {
    const session = this.#session;
    for (let index = 0; index < session.length; index++) if (bytes[at + index] !== session[index]) return false;
    return true;
  }

  /** The headers of answers to whoever sent the frame; undefined when there are too many of them. */
  #templateFor(bytes: Uint8Array, offset: number): UdpFrameTemplate | undefined {
    const { ipv4Source, sourcePort } = this.#headers;
    for (const requester of this.#requesters) {
      if (requester.ip === ipv4Source && requester.port === sourcePort) return requester.template;
    }
    if (this.#requesters.length === REQUESTER_LIMIT) return undefined;
    let destinationMac = 0;
    for (let index = 0; index < 6; index++) {
      destinationMac = destinationMac * 256 + (bytes[offset + MAC_OFFSET + index] as number);
    }
    const { mac, ip, port } = this.#options;
    const template = new UdpFrameTemplate({
      sourceMac: mac,
      destinationMac,
      sourceIp: ip,
      destinationIp: ipv4Source >>> 0,
      sourcePort: port,
      destinationPort: sourcePort,
    });
    this.#requesters.push({ ip: ipv4Source, port: sourcePort, template });
    return template;
  }
}
