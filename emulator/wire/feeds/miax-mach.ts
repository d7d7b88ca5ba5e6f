import { i32le, u16le } from "./little-endian.ts";
import type { MessageKind } from "./message-counts.ts";

/**
 * MIAX MACH packets ("MIAX Options Top of Market Feed", "SesM and MACH Protocols"), little-endian: sequence u64, length u16 of
 * the whole packet, type u8, session u8; then one message, whose first byte is its type. **A datagram holds several packets**, one
 * behind the other. A heartbeat carries the sequence of the last data packet sent.
 */

const MACH_HEADER_BYTE_LENGTH = 12;
export const MACH_HEARTBEAT = 0;
export const MACH_END_OF_SESSION = 2;
export const MACH_DATA = 3;

/** Sequences stay below 2^53, so that a Number holds them. */
const SEQUENCE_HIGH_LIMIT = 1 << 21;
const TWO_TO_32 = 0x1_0000_0000;

const letter = (type: string, name: string): MessageKind => ({ type: type.charCodeAt(0), name });

/** The messages of the top-of-market feed. */
export const MIAX_TOM_MESSAGES: readonly MessageKind[] = [
  letter("1", "system time"),
  letter("S", "system state"),
  letter("P", "series update"),
  letter("B", "best bid"),
  letter("O", "best offer"),
  letter("W", "best bid, wide"),
  letter("A", "best offer, wide"),
  letter("d", "best bid and offer"),
  letter("D", "best bid and offer, wide"),
  letter("T", "last sale"),
  letter("X", "trade cancel"),
  letter("H", "underlying trading status"),
];

/** The packets of one datagram: parsed into again and again, with a cursor. Nothing is copied or allocated. */
export class MachDatagram {
  packetCount = 0;
  /** After `nextPacket`: of this packet. */
  packetType = 0;
  session = 0;
  /** Where its message begins, and its length; 0 where the packet has none. */
  messageOffset = 0;
  messageByteLength = 0;
  // [0] is the sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #packetIndex = 0;

  /** Sequence of the packet that `nextPacket` moved to. */
  get sequence(): number {
    return this.#sequence[0] as number;
  }

  /** Parses a UDP payload. False when its packets do not fill it, or one has a type above 3 or a sequence of 2^53 and more. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.packetCount = 0;
    this.#packetIndex = 0;
    const count = countPackets(bytes, offset, offset + byteLength);
    if (count <= 0) return false;
    this.packetCount = count;
    this.#bytes = bytes;
    this.#cursor = offset;
    return true;
  }

  /** Moves to the next packet; false behind the last. */
  nextPacket(): boolean {
    if (this.#packetIndex === this.packetCount) return false;
    const bytes = this.#bytes;
    const at = this.#cursor;
    const byteLength = u16le(bytes, at + 8);
    this.#sequence[0] = i32le(bytes, at + 4) * TWO_TO_32 + (i32le(bytes, at) >>> 0);
    this.packetType = bytes[at + 10] as number;
    this.session = bytes[at + 11] as number;
    this.messageOffset = at + MACH_HEADER_BYTE_LENGTH;
    this.messageByteLength = byteLength - MACH_HEADER_BYTE_LENGTH;
    this.#cursor = at + byteLength;
    this.#packetIndex++;
    return true;
  }
}

/** Packets between `start` and `end`; −1 where they do not end there. */
function countPackets(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let at = start;
  for (; at + MACH_HEADER_BYTE_LENGTH <= end; count++) {
    const byteLength = u16le(bytes, at + 8);
    if (byteLength < MACH_HEADER_BYTE_LENGTH || (bytes[at + 10] as number) > MACH_DATA) return -1;
    if (i32le(bytes, at + 4) >>> 0 >= SEQUENCE_HIGH_LIMIT) return -1;
    at += byteLength;
  }
  return at === end ? count : -1;
}
