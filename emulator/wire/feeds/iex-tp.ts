import { EpochTime } from "./epoch-time.ts";
import { i32le, i64le, u16le } from "./little-endian.ts";

/**
 * IEX-TP segments ("IEX Transport Specification"), little-endian: version u8 (1), reserved u8, protocol u16, channel u32,
 * session u32, payload length u16, message count u16, stream offset i64 in bytes, sequence i64 of the first message, send
 * time i64 in nanoseconds UTC; then for each message its length u16 and its bytes. Count 0 is a heartbeat, sent every second;
 * it carries the next expected sequence and offset.
 */

export const IEX_TP_HEADER_BYTE_LENGTH = 40;
export const IEX_TP_TOPS = 0x8003;
export const IEX_TP_DEEP = 0x8004;
export const IEX_TP_DEEP_PLUS = 0x8005;

const IEX_TP_VERSION = 1;
/** High words from here on make sequences and offsets of 2^53 or more, or negative ones. */
const HIGH_LIMIT = 1 << 21;

/** One segment, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated. */
export class IexTpPacket {
  protocolId = 0;
  /** Channel and session as signed words: the key of the stream. */
  channel = 0;
  session = 0;
  /** Bytes behind the header: messages and their lengths. */
  payloadByteLength = 0;
  messageCount = 0;
  isHeartbeat = false;
  readonly sendTime: EpochTime = new EpochTime();
  /** After `nextMessage`: where the message lies in the array that was parsed. */
  messageOffset = 0;
  messageByteLength = 0;
  // Sequence [0] and stream offset [1]: in a typed array, because fields above 2^31 would be heap numbers.
  readonly #numbers = new Float64Array(2);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  /** Sequence of the first message, or the next expected one in a heartbeat. */
  get sequence(): number {
    return this.#numbers[0] as number;
  }

  /** Bytes of the stream before this payload. */
  get streamOffset(): number {
    return this.#numbers[1] as number;
  }

  /**
   * Parses a UDP payload. False when it is no segment: another version, messages that do not fill the payload length, fewer
   * bytes than that, a sequence or offset below 0 or of 2^53 and more. Bytes behind the segment are allowed.
   */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    this.isHeartbeat = false;
    if (byteLength < IEX_TP_HEADER_BYTE_LENGTH || bytes[offset] !== IEX_TP_VERSION) return false;
    const payloadByteLength = u16le(bytes, offset + 12);
    if (IEX_TP_HEADER_BYTE_LENGTH + payloadByteLength > byteLength) return false;
    if (i32le(bytes, offset + 20) >>> 0 >= HIGH_LIMIT || i32le(bytes, offset + 28) >>> 0 >= HIGH_LIMIT) return false;
    const count = u16le(bytes, offset + 14);
    const start = offset + IEX_TP_HEADER_BYTE_LENGTH;
    if (!messagesFill(bytes, start, start + payloadByteLength, count)) return false;
    this.protocolId = u16le(bytes, offset + 2);
    this.channel = i32le(bytes, offset + 4);
    this.session = i32le(bytes, offset + 8);
    this.payloadByteLength = payloadByteLength;
    this.messageCount = count;
    this.isHeartbeat = count === 0;
    this.#numbers[1] = i64le(bytes, offset + 16);
    this.#numbers[0] = i64le(bytes, offset + 24);
    this.sendTime.set(i32le(bytes, offset + 36), i32le(bytes, offset + 32));
    this.#bytes = bytes;
    this.#cursor = start;
    return true;
  }

  /** Moves to the next message; false behind the last. */
  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const at = this.#cursor;
    this.messageByteLength = u16le(this.#bytes, at);
    this.messageOffset = at + 2;
    this.#cursor = at + 2 + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

function messagesFill(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + 2 > end) return false;
    at += 2 + u16le(bytes, at);
  }
  return at === end;
}
