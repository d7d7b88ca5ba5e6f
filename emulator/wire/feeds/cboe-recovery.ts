import { put16le, put32le, u16le, u32le } from "./little-endian.ts";

/**
 * The messages of Cboe's recovery services, which travel over TCP in unsequenced units ("Multicast PITCH", sections "Gap
 * Request Proxy Messages" and "Spin Messages"). A gap request proxy (GRP) is logged in to, asked for a range, answers with
 * a status, and the range itself comes on the gap-response group. A spin server says which image it has, is asked for one,
 * answers, sends the book as add orders and says that it has finished.
 */

export const CBOE_LOGIN = 0x01;
export const CBOE_LOGIN_RESPONSE = 0x02;
export const CBOE_GAP_REQUEST = 0x03;
export const CBOE_GAP_RESPONSE = 0x04;
export const CBOE_SPIN_IMAGE_AVAILABLE = 0x80;
export const CBOE_SPIN_REQUEST = 0x81;
export const CBOE_SPIN_RESPONSE = 0x82;
export const CBOE_SPIN_FINISHED = 0x83;

export interface CboeRecoveryMessageKind {
  readonly type: number;
  readonly name: string;
  readonly byteLength: number;
}

export const CBOE_RECOVERY_MESSAGES: readonly CboeRecoveryMessageKind[] = [
  { type: CBOE_LOGIN, name: "login", byteLength: 22 },
  { type: CBOE_LOGIN_RESPONSE, name: "login response", byteLength: 3 },
  { type: CBOE_GAP_REQUEST, name: "gap request", byteLength: 9 },
  { type: CBOE_GAP_RESPONSE, name: "gap response", byteLength: 10 },
  { type: CBOE_SPIN_IMAGE_AVAILABLE, name: "spin image available", byteLength: 6 },
  { type: CBOE_SPIN_REQUEST, name: "spin request", byteLength: 6 },
  { type: CBOE_SPIN_RESPONSE, name: "spin response", byteLength: 11 },
  { type: CBOE_SPIN_FINISHED, name: "spin finished", byteLength: 6 },
];

const BYTE_LENGTHS = new Uint8Array(256);
for (const { type, byteLength } of CBOE_RECOVERY_MESSAGES) BYTE_LENGTHS[type] = byteLength;

/** Statuses of a login response: accepted, not authorised, session in use, invalid session. */
export const CBOE_LOGIN_STATUSES = "ANBS";
/**
 * Statuses of a gap response: accepted, out of range, allocation of the day, minute or second exhausted, too many asked for
 * at once, invalid unit, unit unavailable.
 */
export const CBOE_GAP_STATUSES = "AODMSCIU";
/** Statuses of a spin response: accepted, out of range, a spin is in progress. */
export const CBOE_SPIN_STATUSES = "AOS";

/** What a session logs in with; each text is padded with blanks to its place. */
export interface CboeLogin {
  /** Four characters at most. */
  readonly sessionSubId: string;
  /** Four characters at most. */
  readonly username: string;
  /** Ten characters at most. */
  readonly password: string;
}

/** One recovery message, parsed into again and again. Nothing is allocated but by {@link login}. */
export class CboeRecoveryMessage {
  type = 0;
  /** Unit that is asked for, in gap requests and their responses. */
  unit = 0;
  /** Messages that are asked for, in gap requests and their responses. */
  messageCount = 0;
  /** Status in a response, by its character code; 0 in other messages. */
  status = 0;
  // Sequence [0] and orders [1]: in a typed array, because fields above 2^31 would be heap numbers.
  readonly #numbers = new Float64Array(2);
  #bytes: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** First sequence of a gap; in spin messages that of the last message which the image contains. */
  get sequence(): number {
    return this.#numbers[0] as number;
  }

  /** Orders that the image has, in a spin response. */
  get orderCount(): number {
    return this.#numbers[1] as number;
  }

  /** What a login message says; meaningful after `parse` has seen type 0x01 (allocates). */
  get login(): CboeLogin {
    const text = (from: number, to: number): string => {
      let letters = "";
      for (let index = from; index < to; index++)
        letters += String.fromCharCode(this.#bytes[this.#offset + index] ?? 0);
      return letters.trimEnd();
    };
    return { sessionSubId: text(2, 6), username: text(6, 10), password: text(12, 22) };
  }

  /** Parses the message at `offset`, its length byte first; false when it is none of these, or of another length. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    this.type = 0;
    this.unit = 0;
    this.messageCount = 0;
    this.status = 0;
    this.#numbers.fill(0);
    if (byteLength < 3) return false;
    const type = bytes[offset + 1] as number;
    if (BYTE_LENGTHS[type] === 0 || BYTE_LENGTHS[type] !== byteLength || bytes[offset] !== byteLength) return false;
    this.type = type;
    this.#bytes = bytes;
    this.#offset = offset;
    if (type === CBOE_LOGIN_RESPONSE) this.status = bytes[offset + 2] as number;
    else if (type === CBOE_GAP_REQUEST || type === CBOE_GAP_RESPONSE) {
      this.unit = bytes[offset + 2] as number;
      this.#numbers[0] = u32le(bytes, offset + 3);
      this.messageCount = u16le(bytes, offset + 7);
      if (type === CBOE_GAP_RESPONSE) this.status = bytes[offset + 9] as number;
    } else if (type !== CBOE_LOGIN) {
      this.#numbers[0] = u32le(bytes, offset + 2);
      if (type === CBOE_SPIN_RESPONSE) {
        this.#numbers[1] = u32le(bytes, offset + 6);
        this.status = bytes[offset + 10] as number;
      }
    }
    return true;
  }
}

/** Writes a login. Like all writers here: at `at`, returns the message's length; throws where a text is too long. */
export function writeCboeLogin(bytes: Uint8Array, at: number, login: CboeLogin): number {
  putText(bytes, at + 2, login.sessionSubId, 4, "session sub-id");
  putText(bytes, at + 6, login.username, 4, "username");
  putText(bytes, at + 10, "", 2, "filler");
  putText(bytes, at + 12, login.password, 10, "password");
  return begin(bytes, at, CBOE_LOGIN);
}

/** `status` is a letter of {@link CBOE_LOGIN_STATUSES}. */
export function writeCboeLoginResponse(bytes: Uint8Array, at: number, status: string): number {
  bytes[at + 2] = status.charCodeAt(0);
  return begin(bytes, at, CBOE_LOGIN_RESPONSE);
}

export function writeCboeGapRequest(
  bytes: Uint8Array,
  at: number,
  unit: number,
  sequence: number,
  messageCount: number,
): number {
  bytes[at + 2] = unit;
  put32le(bytes, at + 3, sequence);
  put16le(bytes, at + 7, messageCount);
  return begin(bytes, at, CBOE_GAP_REQUEST);
}

/** Repeats the request; `status` is a letter of {@link CBOE_GAP_STATUSES}. */
export function writeCboeGapResponse(
  bytes: Uint8Array,
  at: number,
  unit: number,
  sequence: number,
  messageCount: number,
  status: string,
): number {
  writeCboeGapRequest(bytes, at, unit, sequence, messageCount);
  bytes[at + 9] = status.charCodeAt(0);
  return begin(bytes, at, CBOE_GAP_RESPONSE);
}

export function writeCboeSpinImageAvailable(bytes: Uint8Array, at: number, sequence: number): number {
  put32le(bytes, at + 2, sequence);
  return begin(bytes, at, CBOE_SPIN_IMAGE_AVAILABLE);
}

export function writeCboeSpinRequest(bytes: Uint8Array, at: number, sequence: number): number {
  put32le(bytes, at + 2, sequence);
  return begin(bytes, at, CBOE_SPIN_REQUEST);
}

/** `status` is a letter of {@link CBOE_SPIN_STATUSES}. */
export function writeCboeSpinResponse(
  bytes: Uint8Array,
  at: number,
  sequence: number,
  orderCount: number,
  status: string,
): number {
  put32le(bytes, at + 2, sequence);
  put32le(bytes, at + 6, orderCount);
  bytes[at + 10] = status.charCodeAt(0);
  return begin(bytes, at, CBOE_SPIN_RESPONSE);
}

export function writeCboeSpinFinished(bytes: Uint8Array, at: number, sequence: number): number {
  put32le(bytes, at + 2, sequence);
  return begin(bytes, at, CBOE_SPIN_FINISHED);
}

/** Length and type; returns the length. */
function begin(bytes: Uint8Array, at: number, type: number): number {
  const byteLength = BYTE_LENGTHS[type] as number;
  bytes[at] = byteLength;
  bytes[at + 1] = type;
  return byteLength;
}

function putText(bytes: Uint8Array, at: number, text: string, byteLength: number, what: string): void {
  if (text.length > byteLength) {
    throw new RangeError(`The ${what} "${text}" of a Cboe login has ${text.length} characters; ${byteLength} fit.`);
  }
  for (let index = 0; index < byteLength; index++)
    bytes[at + index] = index < text.length ? text.charCodeAt(index) : 32;
}
