import { i32be, u16be } from "./big-endian.ts";
import type { FeedFormat } from "./feed-tracker.ts";
import type { MessageKind } from "./message-counts.ts";
import { PacketTracker, type SequencedPacket } from "./packet-tracker.ts";

/**
 * MEMX MEMOIR packets ("MEMX-UDP", over which the MEMOIR feeds run), big-endian: type u8 (0 heartbeat, 1 session shutdown, 2
 * sequenced messages), header length u8, session u64, sequence u64 of the first message, or the next one; then, in type 2, count
 * u16, and for each message its length u16 and an SBE message: block length u16, template u8, schema u8, version u16, body.
 */

const COMMON_HEADER_BYTE_LENGTH = 18;
const COUNT_BYTE_LENGTH = 2;
const SBE_HEADER_BYTE_LENGTH = 6;
const HEARTBEAT = 0;
const SESSION_SHUTDOWN = 1;
const SEQUENCED = 2;
/** Sequences stay below 2^53, so that a Number holds them. */
const SEQUENCE_HIGH_LIMIT = 1 << 21;
const TWO_TO_32 = 0x1_0000_0000;

/** The templates that all MEMOIR feeds share; from 10 on each feed has its own. */
export const MEMX_TEMPLATES: readonly MessageKind[] = [
  { type: 1, name: "instrument directory" },
  { type: 2, name: "Reg SHO restriction" },
  { type: 3, name: "security trading status" },
  { type: 4, name: "snapshot complete" },
  { type: 5, name: "trading session status" },
];

/** One packet, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated. */
export class MemxPacket implements SequencedPacket {
  /** The session as two words, the key of the stream. */
  key0 = 0;
  key1 = 0;
  messageCount = 0;
  isHeartbeat = false;
  isEndOfSession = false;
  /** After `nextMessage`: the template, and where the SBE message lies, its header included. */
  messageType = 0;
  messageOffset = 0;
  messageByteLength = 0;
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  get sequence(): number {
    return this.#sequence[0] as number;
  }

  nameOf(high: number, low: number): string {
    return `session ${(high >>> 0) * TWO_TO_32 + (low >>> 0)}`;
  }

  /** Parses a UDP payload. False when it is none of the three types, or its messages do not fill it exactly. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    if (byteLength < COMMON_HEADER_BYTE_LENGTH || bytes[offset + 1] !== COMMON_HEADER_BYTE_LENGTH) return false;
    const type = bytes[offset] as number;
    if (type > SEQUENCED || i32be(bytes, offset + 10) >>> 0 >= SEQUENCE_HIGH_LIMIT) return false;
    const end = offset + byteLength;
    let start = offset + COMMON_HEADER_BYTE_LENGTH;
    let count = 0;
    if (type === SEQUENCED) {
      if (start + COUNT_BYTE_LENGTH > end) return false;
      count = u16be(bytes, start);
      start += COUNT_BYTE_LENGTH;
    }
    if (!messagesFill(bytes, start, end, count)) return false;
    this.key0 = i32be(bytes, offset + 2);
    this.key1 = i32be(bytes, offset + 6);
    this.#sequence[0] = i32be(bytes, offset + 10) * TWO_TO_32 + (i32be(bytes, offset + 14) >>> 0);
    this.messageCount = count;
    this.isHeartbeat = type === HEARTBEAT;
    this.isEndOfSession = type === SESSION_SHUTDOWN;
    this.#bytes = bytes;
    this.#cursor = start;
    return true;
  }

  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const at = this.#cursor;
    this.messageByteLength = u16be(this.#bytes, at);
    this.messageOffset = at + 2;
    this.messageType = this.#bytes[this.messageOffset + 2] as number;
    this.#cursor = this.messageOffset + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

/** Whether `count` messages, each with room for its header and root block, end at `end`. */
function messagesFill(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + 2 + SBE_HEADER_BYTE_LENGTH > end) return false;
    const byteLength = u16be(bytes, at);
    if (byteLength < SBE_HEADER_BYTE_LENGTH + u16be(bytes, at + 2)) return false;
    at += 2 + byteLength;
  }
  return at === end;
}

const probe = new MemxPacket();
// Type, header length, the high bits of the sequence, and a payload that is as long as it should be.
const HEADER_BITS = 6 + 8 + 11 + 16;
// A block length that fits, in a message of a length that the walk bears out.
const MESSAGE_BITS = 8;

export const MEMX_MEMOIR_FORMAT: FeedFormat = {
  name: "MEMX MEMOIR",
  weigh(bytes, offset, byteLength) {
    return probe.parse(bytes, offset, byteLength) ? HEADER_BITS + MESSAGE_BITS * probe.messageCount : -1;
  },
  openTracker: () => new PacketTracker("MEMX MEMOIR", new MemxPacket(), MEMX_TEMPLATES, "decimal"),
};
