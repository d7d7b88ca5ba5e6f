import { EpochTime } from "./epoch-time.ts";
import { i32le, u16le, u32le } from "./little-endian.ts";

/**
 * CME MDP 3.0 packets ("CME MDP 3.0 – Binary Packet Header" and "– Message Header"), little-endian: sequence u32, send time
 * u64 in nanoseconds UTC; then messages: size u16 that counts itself, block length u16, template u16, schema u16, version u16,
 * the root block, and groups. Sequences number packets, per channel; sequence 1 returns every week.
 */

const CME_PACKET_HEADER_BYTE_LENGTH = 12;
/** Size, and the SBE header behind it. */
const CME_MESSAGE_HEADER_BYTE_LENGTH = 10;

/** One packet, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated. */
export class CmePacket {
  readonly sendTime: EpochTime = new EpochTime();
  messageCount = 0;
  /** After `nextMessage`: where the message begins (its size field) and its whole length. */
  messageOffset = 0;
  messageByteLength = 0;
  templateId = 0;
  schemaId = 0;
  version = 0;
  /** Where the root block begins, and its length in this message: groups begin behind it, whatever the reader knows of it. */
  rootOffset = 0;
  blockLength = 0;
  /** Behind the message's last byte. */
  messageEnd = 0;
  // [0] is the sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  get sequence(): number {
    return this.#sequence[0] as number;
  }

  /**
   * Parses a UDP payload. False when it is no MDP 3.0 packet: messages that do not fill it exactly, or whose root block does
   * not fit in them.
   */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    if (byteLength < CME_PACKET_HEADER_BYTE_LENGTH) return false;
    const count = countMessages(bytes, offset + CME_PACKET_HEADER_BYTE_LENGTH, offset + byteLength);
    if (count < 0) return false;
    this.#sequence[0] = u32le(bytes, offset);
    this.sendTime.set(i32le(bytes, offset + 8), i32le(bytes, offset + 4));
    this.messageCount = count;
    this.#bytes = bytes;
    this.#cursor = offset + CME_PACKET_HEADER_BYTE_LENGTH;
    return true;
  }

  /** Moves to the next message; false behind the last. */
  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const bytes = this.#bytes;
    const at = this.#cursor;
    this.messageOffset = at;
    this.messageByteLength = u16le(bytes, at);
    this.blockLength = u16le(bytes, at + 2);
    this.templateId = u16le(bytes, at + 4);
    this.schemaId = u16le(bytes, at + 6);
    this.version = u16le(bytes, at + 8);
    this.rootOffset = at + CME_MESSAGE_HEADER_BYTE_LENGTH;
    this.messageEnd = at + this.messageByteLength;
    this.#cursor = this.messageEnd;
    this.#messageIndex++;
    return true;
  }
}

/** Messages between `start` and `end`; −1 where they do not end there. */
function countMessages(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let at = start;
  for (; at + CME_MESSAGE_HEADER_BYTE_LENGTH <= end; count++) {
    const byteLength = u16le(bytes, at);
    if (byteLength < CME_MESSAGE_HEADER_BYTE_LENGTH + u16le(bytes, at + 2)) return -1;
    at += byteLength;
  }
  return at === end ? count : -1;
}
