import { put16le, put32le, u16le, u32le } from "./little-endian.ts";

/**
 * Cboe sequenced units ("Cboe US Equities/Options Multicast PITCH", section "Sequenced Unit Header"), little-endian: length
 * u16 of the whole unit, count u8, unit u8, sequence u32 of the first message; then messages that each begin with their
 * length u8 and type u8. The same framing carries PITCH over UDP, and gap requests and spins over TCP.
 *
 * Sequences count per unit, and several units may share a group and a port. Count 0 is a heartbeat: on a realtime group it
 * carries the next expected sequence, on a gap-response group and over TCP sequence 0. Sequence 0 means "not sequenced".
 */

export const CBOE_UNIT_HEADER_BYTE_LENGTH = 8;
/** Length and type, which every message begins with. */
const CBOE_MESSAGE_HEADER_BYTE_LENGTH = 2;

/**
 * One unit, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated.
 *
 * ```ts
 * if (packet.parse(bytes, headers.payloadOffset, headers.payloadByteLength)) {
 *   while (packet.nextMessage()) counts[packet.messageType]++;
 * }
 * ```
 */
export class CboeUnitPacket {
  /** The matching unit, the key of the sequence. */
  unit = 0;
  /** Messages in the unit; 0 in a heartbeat. */
  messageCount = 0;
  isHeartbeat = false;
  /** False where the sequence is 0: over TCP, and in the heartbeats of a gap-response group. */
  isSequenced = false;
  /** Header and messages. What follows in a TCP stream is the next unit. */
  unitByteLength = 0;
  /** After `nextMessage`: where the message begins (its length byte), its whole length and its type. */
  messageOffset = 0;
  messageByteLength = 0;
  messageType = 0;
  // [0] is the sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  /** Sequence of the first message; in a heartbeat the next expected one, or 0. */
  get sequence(): number {
    return this.#sequence[0] as number;
  }

  /** Sequence of the message that `nextMessage` moved to. */
  get messageSequence(): number {
    return (this.#sequence[0] as number) + (this.#messageIndex - 1);
  }

  /**
   * Parses the unit at `offset`. False when there is none: fewer bytes than its length says, or messages that do not fill
   * that length exactly. Bytes behind the unit are allowed; nothing outside `byteLength` is read.
   */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.unitByteLength = 0;
    this.isHeartbeat = false;
    this.isSequenced = false;
    this.#messageIndex = 0;
    if (byteLength < CBOE_UNIT_HEADER_BYTE_LENGTH) return false;
    const unitByteLength = u16le(bytes, offset);
    if (unitByteLength < CBOE_UNIT_HEADER_BYTE_LENGTH || unitByteLength > byteLength) return false;
    const count = bytes[offset + 2] as number;
    if (!messagesFill(bytes, offset + CBOE_UNIT_HEADER_BYTE_LENGTH, offset + unitByteLength, count)) return false;
    this.unitByteLength = unitByteLength;
    this.messageCount = count;
    this.unit = bytes[offset + 3] as number;
    this.#sequence[0] = u32le(bytes, offset + 4);
    this.isHeartbeat = count === 0;
    this.isSequenced = this.#sequence[0] !== 0;
    this.#bytes = bytes;
    this.#cursor = offset + CBOE_UNIT_HEADER_BYTE_LENGTH;
    return true;
  }

  /** Moves to the next message; false behind the last. */
  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const at = this.#cursor;
    this.messageOffset = at;
    this.messageByteLength = this.#bytes[at] as number;
    this.messageType = this.#bytes[at + 1] as number;
    this.#cursor = at + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

/**
 * Writes a unit header and returns its length. `unitByteLength` counts the header too; `sequence` is that of the first
 * message, the next one in a heartbeat of a realtime group, 0 over TCP and in a heartbeat of a gap-response group.
 */
export function writeCboeUnitHeader(
  bytes: Uint8Array,
  at: number,
  unitByteLength: number,
  messageCount: number,
  unit: number,
  sequence: number,
): number {
  put16le(bytes, at, unitByteLength);
  bytes[at + 2] = messageCount;
  bytes[at + 3] = unit;
  put32le(bytes, at + 4, sequence);
  return CBOE_UNIT_HEADER_BYTE_LENGTH;
}

function messagesFill(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + CBOE_MESSAGE_HEADER_BYTE_LENGTH > end) return false;
    const byteLength = bytes[at] as number;
    if (byteLength < CBOE_MESSAGE_HEADER_BYTE_LENGTH) return false;
    at += byteLength;
  }
  return at === end;
}
