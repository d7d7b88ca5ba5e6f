import { u16be, u32be } from "./big-endian.ts";
import type { FeedFormat } from "./feed-tracker.ts";
import type { MessageKind } from "./message-counts.ts";
import { PacketTracker, type SequencedPacket } from "./packet-tracker.ts";

/**
 * ICE iMpact multicast packets ("ICE iMpact Multicast Feed Message Specification"), big-endian: session u16, sequence u32 of the
 * first message, count u16, send time u64; then for each message its type u8, the length u16 of its body, and the body.
 */

const PACKET_HEADER_BYTE_LENGTH = 16;
const MESSAGE_HEADER_BYTE_LENGTH = 3;

const letter = (type: string, name: string): MessageKind => ({ type: type.charCodeAt(0), name });

export const ICE_MESSAGES: readonly MessageKind[] = [
  letter("C", "market snapshot"),
  letter("D", "market snapshot, order"),
  letter("m", "market snapshot, price level"),
  letter("E", "add or modify order"),
  letter("F", "delete order"),
  letter("t", "add price level"),
  letter("s", "change price level"),
  letter("r", "delete price level"),
  letter("G", "trade"),
  letter("Y", "spot market trade"),
  letter("H", "investigated trade"),
  letter("I", "cancelled trade"),
  letter("J", "market statistics"),
  letter("K", "market state change"),
  letter("L", "system text"),
  letter("M", "open interest"),
  letter("N", "open price"),
  letter("c", "close price"),
  letter("O", "settlement price"),
  letter("z", "index prices"),
  letter("u", "end of day market summary"),
  letter("f", "market event"),
  letter("g", "pre-open price indicator"),
  letter("i", "strip info"),
  letter("V", "interval price limit notification"),
  letter("9", "new futures strategy definition"),
  letter("R", "new expiry"),
  letter("b", "special field"),
  letter("T", "message bundle marker"),
  letter("e", "transaction end marker"),
  letter("U", "new options strategy definition"),
  letter("l", "new options market definition"),
  letter("k", "request for quote"),
  letter("v", "option open interest"),
  letter("w", "option settlement price"),
  letter("W", "old-style options trade"),
];

/** One packet, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated. */
export class IcePacket implements SequencedPacket {
  /** The session, the key of the stream. */
  key0 = 0;
  readonly key1 = 0;
  messageCount = 0;
  isHeartbeat = false;
  readonly isEndOfSession = false;
  /** After `nextMessage`: the type, and where the body lies. */
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

  nameOf(session: number): string {
    return `session ${session}`;
  }

  /** Parses a UDP payload. False when its messages do not fill it exactly. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    if (byteLength < PACKET_HEADER_BYTE_LENGTH) return false;
    const count = u16be(bytes, offset + 6);
    const start = offset + PACKET_HEADER_BYTE_LENGTH;
    if (!messagesFill(bytes, start, offset + byteLength, count)) return false;
    this.key0 = u16be(bytes, offset);
    this.#sequence[0] = u32be(bytes, offset + 2);
    this.messageCount = count;
    this.isHeartbeat = count === 0;
    this.#bytes = bytes;
    this.#cursor = start;
    return true;
  }

  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const at = this.#cursor;
    this.messageType = this.#bytes[at] as number;
    this.messageByteLength = u16be(this.#bytes, at + 1);
    this.messageOffset = at + MESSAGE_HEADER_BYTE_LENGTH;
    this.#cursor = this.messageOffset + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

function messagesFill(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + MESSAGE_HEADER_BYTE_LENGTH > end) return false;
    at += MESSAGE_HEADER_BYTE_LENGTH + u16be(bytes, at + 1);
  }
  return at === end;
}

const probe = new IcePacket();
const KNOWN_TYPES: ReadonlySet<number> = new Set(ICE_MESSAGES.map(({ type }) => type));
// The count, and lengths that fill the payload.
const HEADER_BITS = 16 + 16;
// One of 36 types of 256; the walk has used its length.
const TYPE_BITS = 2.8;

export const ICE_IMPACT_FORMAT: FeedFormat = {
  name: "ICE iMpact",
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength)) return -1;
    // Any 16 bytes with two zeros in the right place are a packet without messages.
    if (probe.messageCount === 0) return 0;
    let bits = HEADER_BITS;
    while (probe.nextMessage()) {
      if (!KNOWN_TYPES.has(probe.messageType)) return -1;
      bits += TYPE_BITS;
    }
    return bits;
  },
  openTracker: () => new PacketTracker("ICE iMpact", new IcePacket(), ICE_MESSAGES, "letter"),
};
