import { i32be, u16be } from "../feeds/big-endian.ts";
import { MOLD_HEADER_BYTE_LENGTH, MOLD_SESSION_BYTE_LENGTH } from "../feeds/mold-udp64.ts";

/**
 * MoldUDP64 request packets ("MoldUDP64 Protocol Specification V 1.00", "Request Packet"), big-endian: session 10 bytes,
 * sequence u64 of the first message wanted, count u16; a downstream header, sent the other way, without messages behind.
 */

export const MOLD_REQUEST_BYTE_LENGTH: number = MOLD_HEADER_BYTE_LENGTH;

const TWO_TO_32 = 0x1_0000_0000;
/** Sequences stay below 2^53, as in downstream packets. */
const SEQUENCE_HIGH_LIMIT = 1 << 21;

/** One request, parsed into again and again. */
export class MoldRequest {
  messageCount = 0;
  // [0] is the sequence: in a typed array, because a field above 2^31 would be a heap number.
  readonly sequence: Float64Array = new Float64Array(1);

  /** False when it is no request: not 20 bytes long, or with a sequence of 2^53 or more. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (byteLength !== MOLD_REQUEST_BYTE_LENGTH) return false;
    const sequenceHigh = i32be(bytes, offset + 10);
    if (sequenceHigh >>> 0 >= SEQUENCE_HIGH_LIMIT) return false;
    this.sequence[0] = sequenceHigh * TWO_TO_32 + (i32be(bytes, offset + 14) >>> 0);
    this.messageCount = u16be(bytes, offset + 18);
    return true;
  }
}

/**
 * Writes the 20 bytes that requests and downstream packets begin with: session `session`, sequence `sequence[0]`. Returns
 * where they end.
 */
export function writeMoldHeader(
  bytes: Uint8Array,
  at: number,
  session: Uint8Array,
  sequence: Float64Array,
  messageCount: number,
): number {
  for (let index = 0; index < MOLD_SESSION_BYTE_LENGTH; index++) bytes[at + index] = session[index] as number;
  const high = Math.floor((sequence[0] as number) / TWO_TO_32);
  const low = (sequence[0] as number) | 0;
  for (let index = 0; index < 4; index++) {
    bytes[at + 10 + index] = high >>> (24 - 8 * index);
    bytes[at + 14 + index] = low >>> (24 - 8 * index);
  }
  bytes[at + 18] = messageCount >>> 8;
  bytes[at + 19] = messageCount;
  return at + MOLD_HEADER_BYTE_LENGTH;
}

/** The ten bytes of a session, from its text. @throws RangeError for more than ten characters. */
export function moldSessionBytes(session: string): Uint8Array {
  if (session.length > MOLD_SESSION_BYTE_LENGTH) {
    throw new RangeError(`A MoldUDP64 session has at most ${MOLD_SESSION_BYTE_LENGTH} characters, not "${session}".`);
  }
  return Uint8Array.from(session.padEnd(MOLD_SESSION_BYTE_LENGTH), (letter) => letter.charCodeAt(0));
}
