/**
 * SoupBinTCP packets as they are written ("SoupBinTCP" 4.00, sections 2.2 and 2.3): length u16 big-endian, which counts type
 * and data, type, data. Texts are padded with blanks on the right, sequences are digits with blanks on the left.
 */
const code = (letter: string): number => letter.charCodeAt(0);
const BLANK = code(" ");
const ZERO = code("0");

export const SOUP_LOGIN_REQUEST: number = code("L");
const SOUP_LOGIN_ACCEPTED = code("A");
export const SOUP_LOGIN_REJECTED: number = code("J");
export const SOUP_SEQUENCED: number = code("S");
export const SOUP_UNSEQUENCED: number = code("U");
export const SOUP_SERVER_HEARTBEAT: number = code("H");
export const SOUP_CLIENT_HEARTBEAT: number = code("R");
export const SOUP_END_OF_SESSION: number = code("Z");
export const SOUP_LOGOUT: number = code("O");

/** Length and type: what stands before the data. */
export const SOUP_HEADER_BYTE_LENGTH = 3;
const SESSION_BYTE_LENGTH = 10;
const SEQUENCE_BYTE_LENGTH = 20;
/** Data of a login request. */
const SOUP_LOGIN_BYTE_LENGTH = 6 + 10 + SESSION_BYTE_LENGTH + SEQUENCE_BYTE_LENGTH;

/** Who logs in. User of up to 6 characters, password of up to 10. */
export interface SoupLogin {
  readonly user: string;
  readonly password: string;
}

/** Writes length and type of a packet with so much data; returns where the data goes. */
export function writeSoupHeader(bytes: Uint8Array, at: number, type: number, dataByteLength: number): number {
  bytes[at] = (1 + dataByteLength) >> 8;
  bytes[at + 1] = 1 + dataByteLength;
  bytes[at + 2] = type;
  return at + SOUP_HEADER_BYTE_LENGTH;
}

/** A login that asks for `sequence[0]` of a session, "" for the current one. Returns where the packet ends. */
export function writeSoupLogin(
  bytes: Uint8Array,
  at: number,
  { user, password }: SoupLogin,
  session: string,
  sequence: Float64Array,
): number {
  let end = writeSoupHeader(bytes, at, SOUP_LOGIN_REQUEST, SOUP_LOGIN_BYTE_LENGTH);
  end = writeText(bytes, end, user, 6);
  end = writeText(bytes, end, password, 10);
  end = writeText(bytes, end, session, SESSION_BYTE_LENGTH);
  return writeSequence(bytes, end, sequence);
}

/** Returns where the packet ends. */
export function writeSoupLoginAccepted(bytes: Uint8Array, at: number, session: string, sequence: Float64Array): number {
  const start = writeSoupHeader(bytes, at, SOUP_LOGIN_ACCEPTED, SESSION_BYTE_LENGTH + SEQUENCE_BYTE_LENGTH);
  return writeSequence(bytes, writeText(bytes, start, session, SESSION_BYTE_LENGTH), sequence);
}

/** What a login request asks for. */
export interface SoupLoginRequest extends SoupLogin {
  readonly session: string;
  readonly sequence: number;
}

/** Reads the data of a login request (allocates); undefined where it is none. */
export function readSoupLogin(bytes: Uint8Array, at: number, byteLength: number): SoupLoginRequest | undefined {
  if (byteLength !== SOUP_LOGIN_BYTE_LENGTH) return undefined;
  const text = (from: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(at + from, at + from + length)).trim();
  const digits = text(26, SEQUENCE_BYTE_LENGTH);
  const sequence = Number(digits);
  if (!/^\d+$/.test(digits) || !Number.isSafeInteger(sequence)) return undefined;
  return { user: text(0, 6), password: text(6, 10), session: text(16, SESSION_BYTE_LENGTH), sequence };
}

/** @throws RangeError for a text that does not fit. */
export function checkSoupText(what: string, text: string, byteLimit: number): void {
  if (/^[ -~]*$/.test(text) && text.length <= byteLimit) return;
  throw new RangeError(`"${text}" is no ${what} of SoupBinTCP: up to ${byteLimit} printable ASCII characters.`);
}

function writeText(bytes: Uint8Array, at: number, text: string, byteLength: number): number {
  for (let index = 0; index < byteLength; index++) {
    bytes[at + index] = index < text.length ? text.charCodeAt(index) : BLANK;
  }
  return at + byteLength;
}

function writeSequence(bytes: Uint8Array, at: number, sequence: Float64Array): number {
  let rest = sequence[0] as number;
  for (let index = SEQUENCE_BYTE_LENGTH - 1; index >= 0; index--) {
    const isDigit = rest > 0 || index === SEQUENCE_BYTE_LENGTH - 1;
    bytes[at + index] = isDigit ? ZERO + (rest % 10) : BLANK;
    rest = Math.floor(rest / 10);
  }
  return at + SEQUENCE_BYTE_LENGTH;
}
