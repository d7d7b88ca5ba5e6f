import { u16le, u32le } from "./little-endian.ts";
import type { MessageKind } from "./message-counts.ts";

/**
 * NYSE XDP packets ("NYSE Group XDP Common Client Specification"), little-endian: size u16 of the whole packet, delivery flag
 * u8, message count u8, sequence u32 of the first message, send time as seconds u32 and nanoseconds u32; then for each message
 * its whole size u16, type u16 and body.
 */

const XDP_PACKET_HEADER_BYTE_LENGTH = 16;
const XDP_MESSAGE_HEADER_BYTE_LENGTH = 4;

const XDP_HEARTBEAT = 1;
export const XDP_FAILOVER = 10;
const XDP_ORIGINAL = 11;
export const XDP_SEQUENCE_RESET = 12;
const XDP_RETRANSMISSION = 13;
const XDP_RETRANSMISSION_PART = 15;
const XDP_REFRESH = 17;
const XDP_REFRESH_START = 18;
const XDP_REFRESH_PART = 19;
const XDP_REFRESH_END = 20;
export const XDP_UNAVAILABLE = 21;

const DELIVERY_FLAGS: ReadonlySet<number> = new Set([
  XDP_HEARTBEAT,
  XDP_FAILOVER,
  XDP_ORIGINAL,
  XDP_SEQUENCE_RESET,
  XDP_RETRANSMISSION,
  XDP_RETRANSMISSION_PART,
  XDP_REFRESH,
  XDP_REFRESH_START,
  XDP_REFRESH_PART,
  XDP_REFRESH_END,
  XDP_UNAVAILABLE,
]);

/** Names of the types that the equities feeds share; the same number may be of another length in another feed. */
export const XDP_MESSAGES: readonly MessageKind[] = [
  { type: 1, name: "sequence number reset" },
  { type: 2, name: "source time reference" },
  { type: 3, name: "symbol index mapping" },
  { type: 10, name: "retransmission request" },
  { type: 11, name: "request response" },
  { type: 12, name: "heartbeat response" },
  { type: 13, name: "symbol index mapping request" },
  { type: 15, name: "refresh request" },
  { type: 31, name: "message unavailable" },
  { type: 32, name: "symbol clear" },
  { type: 33, name: "trading session change" },
  { type: 34, name: "security status" },
  { type: 35, name: "refresh header" },
  { type: 100, name: "add order" },
  { type: 101, name: "modify order" },
  { type: 102, name: "delete order" },
  { type: 103, name: "order execution" },
  { type: 104, name: "replace order" },
  { type: 105, name: "imbalance" },
  { type: 106, name: "add order refresh" },
  { type: 110, name: "non-displayed trade" },
  { type: 111, name: "cross trade" },
  { type: 112, name: "trade cancel" },
  { type: 113, name: "cross correction" },
  { type: 114, name: "retail price improvement" },
  { type: 140, name: "quote" },
  { type: 220, name: "trade" },
  { type: 221, name: "trade cancel or bust" },
  { type: 222, name: "trade correction" },
  { type: 223, name: "stock summary" },
];

/** One packet, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated. */
export class XdpPacket {
  deliveryFlag = 0;
  messageCount = 0;
  isHeartbeat = false;
  packetByteLength = 0;
  sendSeconds = 0;
  sendNanoseconds = 0;
  /** After `nextMessage`: where the message begins (its size field), its whole length and its type. */
  messageOffset = 0;
  messageByteLength = 0;
  messageType = 0;
  // [0] is the sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  /** Sequence of the first message, or the next expected one in a heartbeat. */
  get sequence(): number {
    return this.#sequence[0] as number;
  }

  /** Puts the sequence, and the one behind the last message, into an array: a double that is returned may be a heap number. */
  rangeInto(range: Float64Array): void {
    range[0] = this.#sequence[0] as number;
    range[1] = (this.#sequence[0] as number) + this.messageCount;
  }

  /** Sent again because somebody asked: the sequence is that of the original. */
  get isRetransmission(): boolean {
    return this.deliveryFlag === XDP_RETRANSMISSION || this.deliveryFlag === XDP_RETRANSMISSION_PART;
  }

  /** Part of a refresh, whose sequence is no part of the stream. */
  get isRefresh(): boolean {
    return this.deliveryFlag >= XDP_REFRESH && this.deliveryFlag <= XDP_REFRESH_END;
  }

  /**
   * Parses a UDP payload. False when it is no packet: an unknown delivery flag, fewer bytes than its size says, or messages that
   * do not fill that size. Bytes behind the packet are allowed.
   */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    this.isHeartbeat = false;
    if (byteLength < XDP_PACKET_HEADER_BYTE_LENGTH) return false;
    const packetByteLength = u16le(bytes, offset);
    const deliveryFlag = bytes[offset + 2] as number;
    if (packetByteLength < XDP_PACKET_HEADER_BYTE_LENGTH || packetByteLength > byteLength) return false;
    if (!DELIVERY_FLAGS.has(deliveryFlag)) return false;
    const count = bytes[offset + 3] as number;
    const start = offset + XDP_PACKET_HEADER_BYTE_LENGTH;
    if (!messagesFill(bytes, start, offset + packetByteLength, count)) return false;
    this.packetByteLength = packetByteLength;
    this.deliveryFlag = deliveryFlag;
    this.messageCount = count;
    this.isHeartbeat = deliveryFlag === XDP_HEARTBEAT;
    this.#sequence[0] = u32le(bytes, offset + 4);
    this.sendSeconds = u32le(bytes, offset + 8);
    this.sendNanoseconds = u32le(bytes, offset + 12);
    this.#bytes = bytes;
    this.#cursor = start;
    return true;
  }

  /** Moves to the next message; false behind the last. */
  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const at = this.#cursor;
    this.messageOffset = at;
    this.messageByteLength = u16le(this.#bytes, at);
    this.messageType = u16le(this.#bytes, at + 2);
    this.#cursor = at + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

function messagesFill(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + XDP_MESSAGE_HEADER_BYTE_LENGTH > end) return false;
    const byteLength = u16le(bytes, at);
    if (byteLength < XDP_MESSAGE_HEADER_BYTE_LENGTH) return false;
    at += byteLength;
  }
  return at === end;
}
