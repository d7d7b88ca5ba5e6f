/**
 * MoldUDP64 downstream packets ("MoldUDP64 Protocol Specification V 1.00"), big-endian: session 10 bytes, sequence u64 of
 * the first message, count u16; then for each message its length u16 and its bytes. Count 0 is a heartbeat, 0xFFFF the
 * end of the session; both carry the next expected sequence.
 */

export const MOLD_HEADER_BYTE_LENGTH = 20;
export const MOLD_SESSION_BYTE_LENGTH = 10;
export const MOLD_END_OF_SESSION = 0xffff;

const TWO_TO_32 = 0x1_0000_0000;
/** Sequences stay below 2^53 so that a Number holds them; a feed of 10^9 messages a second gets there in 104 days. */
const SEQUENCE_HIGH_LIMIT = 1 << 21;

/**
 * One packet, parsed into again and again, and a cursor over its messages. Nothing is copied or allocated.
 *
 * ```ts
 * if (packet.parse(bytes, headers.payloadOffset, headers.payloadByteLength)) {
 *   while (packet.nextMessage()) counters.count(bytes, packet.messageOffset, packet.messageByteLength);
 * }
 * ```
 */
export class MoldUdp64Packet {
  /** Where the 10 bytes of session begin, in the array that was parsed. */
  sessionOffset = 0;
  /** The same ten bytes as words (4, 4, 2 bytes), for comparing. */
  sessionWord0 = 0;
  sessionWord1 = 0;
  sessionWord2 = 0;
  /** Messages in the packet: 0 for heartbeats and for the end of the session. */
  messageCount = 0;
  isHeartbeat = false;
  isEndOfSession = false;
  /** After `nextMessage`: where the message lies in the array that was parsed. */
  messageOffset = 0;
  messageByteLength = 0;
  // [0] is the packet's sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly #sequence = new Float64Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #cursor = 0;
  #messageIndex = 0;

  /** Sequence of the first message, or the next expected one in a heartbeat or end of session. */
  get sequence(): number {
    return this.#sequence[0] as number;
  }

  /** Sequence of the message that `nextMessage` moved to. */
  get messageSequence(): number {
    return (this.#sequence[0] as number) + (this.#messageIndex - 1);
  }

  /** The session as text, for reports (allocates). */
  get session(): string {
    return sessionText(this.sessionWord0, this.sessionWord1, this.sessionWord2);
  }

  /**
   * Parses a UDP payload. False when it is no MoldUDP64 packet: shorter than its header, or with messages that run over
   * its end, or with a sequence of 2^53 or more. Bytes behind the last message are allowed.
   */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.messageCount = 0;
    this.#messageIndex = 0;
    this.isHeartbeat = false;
    this.isEndOfSession = false;
    if (byteLength < MOLD_HEADER_BYTE_LENGTH) return false;
    const sequenceHigh = word(bytes, offset + 10);
    if (sequenceHigh >>> 0 >= SEQUENCE_HIGH_LIMIT) return false;
    this.sessionOffset = offset;
    this.sessionWord0 = word(bytes, offset);
    this.sessionWord1 = word(bytes, offset + 4);
    this.sessionWord2 = ((bytes[offset + 8] as number) << 8) | (bytes[offset + 9] as number);
    this.#sequence[0] = sequenceHigh * TWO_TO_32 + (word(bytes, offset + 14) >>> 0);
    const count = ((bytes[offset + 18] as number) << 8) | (bytes[offset + 19] as number);
    const end = offset + byteLength;
    this.isHeartbeat = count === 0;
    this.isEndOfSession = count === MOLD_END_OF_SESSION;
    this.#bytes = bytes;
    this.#cursor = offset + MOLD_HEADER_BYTE_LENGTH;
    if (this.isEndOfSession) return true;
    if (!messagesFit(bytes, this.#cursor, end, count)) return false;
    this.messageCount = count;
    return true;
  }

  /** Moves to the next message; false behind the last. */
  nextMessage(): boolean {
    if (this.#messageIndex === this.messageCount) return false;
    const bytes = this.#bytes;
    const at = this.#cursor;
    this.messageByteLength = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    this.messageOffset = at + 2;
    this.#cursor = at + 2 + this.messageByteLength;
    this.#messageIndex++;
    return true;
  }
}

function messagesFit(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  let at = start;
  for (let messageIndex = 0; messageIndex < count; messageIndex++) {
    if (at + 2 > end) return false;
    at += 2 + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  }
  return at <= end;
}

/** The ten bytes of a session, given as words of 4, 4 and 2 bytes, as text. */
export function sessionText(word0: number, word1: number, word2: number): string {
  const shifts = [24, 16, 8, 0];
  const codes = [
    ...shifts.map((shift) => word0 >>> shift),
    ...shifts.map((shift) => word1 >>> shift),
    word2 >>> 8,
    word2,
  ];
  return String.fromCharCode(...codes.map((code) => code & 0xff));
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
