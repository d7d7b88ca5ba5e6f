import { i32be, u16be, u32be } from "./big-endian.ts";
import type { FeedFormat } from "./feed-tracker.ts";
import { PacketTracker, type SequencedPacket } from "./packet-tracker.ts";
import { LONE_STREAM } from "./stream-table.ts";

/**
 * Packets of the options feeds that Cboe ran before PITCH ("CSM", the CBOE Streaming Market feeds), big-endian: version u8,
 * length u16 of the whole packet, send time u64 in milliseconds, count u8, sequence u32 of the first message. The header alone is
 * read: it says all that gaps need, and public tables of the messages contradict each other.
 */

const HEADER_BYTE_LENGTH = 16;
const TWO_TO_32 = 0x1_0000_0000;

/** One packet's header, parsed into again and again. Nothing is copied or allocated. */
export class CsmPacket implements SequencedPacket {
  readonly key0 = 0;
  readonly key1 = 0;
  version = 0;
  messageCount = 0;
  packetByteLength = 0;
  isHeartbeat = false;
  readonly isEndOfSession = false;
  readonly messageType = 0;
  // Sequence [0] and send time [1]: in a typed array, because fields above 2^31 would be heap numbers.
  readonly #numbers = new Float64Array(2);

  get sequence(): number {
    return this.#numbers[0] as number;
  }

  /** Milliseconds since 1970. */
  get sendTimeMs(): number {
    return this.#numbers[1] as number;
  }

  nameOf(): string {
    return LONE_STREAM;
  }

  /** Parses a UDP payload. False when its length field says something else than its length. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    if (byteLength < HEADER_BYTE_LENGTH || u16be(bytes, offset + 1) !== byteLength) return false;
    this.version = bytes[offset] as number;
    this.packetByteLength = byteLength;
    this.#numbers[1] = u32be(bytes, offset + 3) * TWO_TO_32 + (i32be(bytes, offset + 7) >>> 0);
    this.messageCount = bytes[offset + 11] as number;
    this.isHeartbeat = this.messageCount === 0;
    this.#numbers[0] = u32be(bytes, offset + 12);
    return true;
  }

  nextMessage(): boolean {
    return false;
  }
}

const probe = new CsmPacket();
// The length, a version below 16, and a send time between 2005 and 2035: one in 2^24 of all.
const HEADER_BITS = 16 + 4 + 24;
const EARLIEST_MS = 1_104_537_600_000;
const LATEST_MS = 2_051_222_400_000;

export const CBOE_CSM_FORMAT: FeedFormat = {
  name: "Cboe CSM",
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength) || probe.version >= 16) return -1;
    return probe.sendTimeMs >= EARLIEST_MS && probe.sendTimeMs <= LATEST_MS ? HEADER_BITS : -1;
  },
  openTracker: () => new PacketTracker("Cboe CSM", new CsmPacket(), [], "decimal"),
};
