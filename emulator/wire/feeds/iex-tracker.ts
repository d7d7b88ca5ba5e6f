import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import {
  IEX_DEEP_MESSAGES,
  IEX_DEEP_PLUS_MESSAGES,
  IEX_TOPS_MESSAGES,
  type IexMessageKind,
  iexByteLength,
} from "./iex-messages.ts";
import { IEX_TP_DEEP, IEX_TP_DEEP_PLUS, IEX_TP_HEADER_BYTE_LENGTH, IEX_TP_TOPS, IexTpPacket } from "./iex-tp.ts";
import { type MessageCount, MessageCounts } from "./message-counts.ts";
import { STREAM_LIMIT, StreamTable, StreamTally } from "./stream-table.ts";

/** Follows one of the IEX feeds, and checks what IEX-TP promises: sequence and stream offset advance together. */
class IexTracker implements FeedTracker {
  readonly format: string;
  readonly numbers = "messages";
  unreadable = 0;
  /** Segments whose stream offset is not where the messages before it ended, or moved where no message was missing. */
  offsetGaps = 0;
  readonly #protocolId: number;
  readonly #packet = new IexTpPacket();
  readonly #counts: MessageCounts;
  readonly #table = new StreamTable(
    StreamTally,
    (channel, session) => `channel ${channel >>> 0}, session ${session >>> 0}`,
  );
  /** Stream offset expected next, by stream. */
  readonly #nextOffsets = new Float64Array(STREAM_LIMIT);

  constructor(format: string, protocolId: number, messages: readonly IexMessageKind[]) {
    this.format = format;
    this.#protocolId = protocolId;
    this.#counts = new MessageCounts(messages, "letter");
  }

  get streams(): readonly StreamTally[] {
    return this.#table.streams;
  }

  get streamChanges(): number {
    return this.#table.changes;
  }

  track(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength) || packet.protocolId !== this.#protocolId) {
      this.unreadable++;
      return false;
    }
    const stream = this.#table.at(packet.channel, packet.session);
    if (stream === undefined) return true;
    stream.packets++;
    if (packet.isHeartbeat) stream.heartbeats++;
    stream.messages += packet.messageCount;
    stream.range[0] = packet.sequence;
    stream.range[1] = packet.sequence + packet.messageCount;
    this.#checkOffset(stream);
    while (packet.nextMessage()) this.#countMessage(bytes, packet.messageOffset, packet.messageByteLength);
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    return { "stream offset gaps": this.offsetGaps, ...this.#counts.remarks() };
  }

  #checkOffset(stream: StreamTally): void {
    const order = stream.advance();
    const packet = this.#packet;
    if (order === "behind") return;
    const expected = this.#nextOffsets[stream.index] as number;
    // Bytes are missing exactly where messages are.
    if (order === "in-order" && packet.streamOffset !== expected) this.offsetGaps++;
    if (order === "gap" && packet.streamOffset <= expected) this.offsetGaps++;
    this.#nextOffsets[stream.index] = packet.streamOffset + packet.payloadByteLength;
  }

  #countMessage(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (byteLength === 0) {
      this.#counts.malformed++;
      return;
    }
    const type = bytes[offset] as number;
    this.#counts.count(type);
    if (byteLength < iexByteLength(type)) this.#counts.malformed++;
  }
}

const probe = new IexTpPacket();
// Version and reserved byte, protocol, payload length, message count in a heartbeat, high half of offset and sequence.
const HEADER_BITS = 16 + 16 + 16 + 22;
// Type and length: at most 16 of 2^24 that there are.
const MESSAGE_BITS = 18;

function weighIex(protocolId: number, bytes: Uint8Array, offset: number, byteLength: number): number {
  if (!probe.parse(bytes, offset, byteLength) || probe.protocolId !== protocolId || bytes[offset + 1] !== 0) return -1;
  if (IEX_TP_HEADER_BYTE_LENGTH + probe.payloadByteLength !== byteLength) return 0;
  let bits = HEADER_BITS;
  while (probe.nextMessage()) {
    if (probe.messageByteLength === 0) return 0;
    if (iexByteLength(bytes[probe.messageOffset] as number) === probe.messageByteLength) bits += MESSAGE_BITS;
  }
  return bits;
}

const iexFormat = (name: string, protocolId: number, messages: readonly IexMessageKind[]): FeedFormat => ({
  name,
  weigh: (bytes, offset, byteLength) => weighIex(protocolId, bytes, offset, byteLength),
  openTracker: () => new IexTracker(name, protocolId, messages),
});

export const IEX_TOPS_FORMAT: FeedFormat = iexFormat("IEX TOPS", IEX_TP_TOPS, IEX_TOPS_MESSAGES);
export const IEX_DEEP_FORMAT: FeedFormat = iexFormat("IEX DEEP", IEX_TP_DEEP, IEX_DEEP_MESSAGES);
export const IEX_DEEP_PLUS_FORMAT: FeedFormat = iexFormat("IEX DEEP+", IEX_TP_DEEP_PLUS, IEX_DEEP_PLUS_MESSAGES);
