/**
 * SoupBinTCP, the client's side ("SoupBinTCP", version 3.00 and 4.00): over a TCP stream, length u16 (counts type and
 * payload), type, payload. A server answers a login with `A` (session, and the sequence of the next sequenced packet) or
 * `J`; then come `S` sequenced data, `U` unsequenced data, `H` heartbeats after a second of silence, and `Z` at the end
 * of the session. Packets carry no sequence: a client counts the `S` packets from the number in `A`. A client that hears
 * nothing for 15 seconds takes the connection for dead.
 */
import { LengthPrefixFramer } from "./length-prefix-framer.ts";

const code = (letter: string): number => letter.charCodeAt(0);
const DEBUG = code("+");
const LOGIN_ACCEPTED = code("A");
const LOGIN_REJECTED = code("J");
const SEQUENCED = code("S");
const UNSEQUENCED = code("U");
const HEARTBEAT = code("H");
const END_OF_SESSION = code("Z");
const BLANK = code(" ");
const ZERO = code("0");

const SESSION_BYTE_LENGTH = 10;
const SEQUENCE_BYTE_LENGTH = 20;
const LOGIN_ACCEPTED_BYTE_LENGTH = SESSION_BYTE_LENGTH + SEQUENCE_BYTE_LENGTH;

/** Where the connection stands. */
export type SoupState = "awaiting login" | "logged in" | "rejected" | "ended";

/**
 * Reads what a SoupBinTCP server sends, in chunks of any size. Nothing is allocated a packet.
 *
 * ```ts
 * soup.push(chunk, 0, chunk.length);
 * while (soup.next()) handle(soup.sequence, soup.bytes, soup.dataOffset, soup.dataByteLength);
 * ```
 *
 * {@link next} stops at data; logins, heartbeats and the end of the session change the state and the counters on the way.
 * What breaks the protocol is counted in `malformed` and `unexpected`, and skipped.
 */
export class SoupBinReader {
  state: SoupState = "awaiting login";
  /** "A" not authorised, "S" session not available; empty while the login was not rejected. */
  rejectReason = "";
  /** Whether {@link next} stopped at sequenced data. */
  isSequenced = false;
  sequencedPackets = 0;
  unsequencedPackets = 0;
  heartbeats = 0;
  debugPackets = 0;
  logins = 0;
  /** Without a type, of a type that no server sends, a login of the wrong length or with a sequence that is no number. */
  malformed = 0;
  /** Data before the login was accepted, or after the end of the session; a second login in one connection. */
  unexpected = 0;
  readonly #framer = new LengthPrefixFramer();
  readonly #session = new Uint8Array(SESSION_BYTE_LENGTH);
  // Sequence of the next sequenced packet [0], and of the first one behind the login [1]: in a typed array, because fields
  // above 2^31 would be heap numbers.
  readonly #nextSequence = new Float64Array(2);

  /** The session that the server has put the client in, blanks cut off (allocates); empty before the login. */
  get session(): string {
    return this.logins === 0 ? "" : String.fromCharCode(...this.#session).trim();
  }

  /** Sequence of the sequenced packet that comes next: what to log in with after the connection was lost. */
  get nextSequence(): number {
    return this.#nextSequence[0] as number;
  }

  /** Where the sequenced packets of this connection begin, as the server said when it accepted the login. */
  get loginSequence(): number {
    return this.#nextSequence[1] as number;
  }

  /** Sequence of the packet that {@link next} stopped at, if it is sequenced. */
  get sequence(): number {
    return (this.#nextSequence[0] as number) - 1;
  }

  /** After {@link next}: where the data lies, without the packet's type; good until the next call. */
  get bytes(): Uint8Array {
    return this.#framer.bytes;
  }

  get dataOffset(): number {
    return this.#framer.bodyOffset + 1;
  }

  get dataByteLength(): number {
    return this.#framer.bodyByteLength - 1;
  }

  /** Bytes of a packet that has begun: more than 0 when the connection ends is a packet lost. */
  get pendingByteLength(): number {
    return this.#framer.pendingByteLength;
  }

  /** Gives the next bytes of the stream. @throws Error when the chunk before was not read to its end. */
  push(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#framer.push(bytes, offset, byteLength);
  }

  /** Moves to the next packet of data, sequenced or not; false when more of the stream is needed. */
  next(): boolean {
    while (this.#framer.next()) if (this.#isData()) return true;
    return false;
  }

  /** A new connection: its login is to come. Counters, session and the next sequence stay. */
  reconnect(): void {
    this.#framer.reset();
    this.state = "awaiting login";
    this.rejectReason = "";
  }

  #isData(): boolean {
    const framer = this.#framer;
    const type = framer.bodyByteLength === 0 ? -1 : (framer.bytes[framer.bodyOffset] as number);
    switch (type) {
      case SEQUENCED:
      case UNSEQUENCED:
        return this.#receive(type);
      case HEARTBEAT:
        this.heartbeats++;
        return false;
      case LOGIN_ACCEPTED:
        this.#login();
        return false;
      case LOGIN_REJECTED:
        this.#reject();
        return false;
      case END_OF_SESSION:
        if (this.state === "logged in") this.state = "ended";
        else this.unexpected++;
        return false;
      case DEBUG:
        this.debugPackets++;
        return false;
      default:
        this.malformed++;
        return false;
    }
  }

  #receive(type: number): boolean {
    if (this.state !== "logged in") {
      this.unexpected++;
      return false;
    }
    this.isSequenced = type === SEQUENCED;
    if (this.isSequenced) {
      this.sequencedPackets++;
      this.#nextSequence[0] = (this.#nextSequence[0] as number) + 1;
    } else {
      this.unsequencedPackets++;
    }
    return true;
  }

  #login(): void {
    if (this.state !== "awaiting login") {
      this.unexpected++;
      return;
    }
    if (this.dataByteLength !== LOGIN_ACCEPTED_BYTE_LENGTH || !this.#readSequence()) {
      this.malformed++;
      return;
    }
    for (let index = 0; index < SESSION_BYTE_LENGTH; index++) {
      this.#session[index] = this.bytes[this.dataOffset + index] as number;
    }
    this.logins++;
    this.state = "logged in";
  }

  #reject(): void {
    if (this.state !== "awaiting login") {
      this.unexpected++;
    } else if (this.dataByteLength !== 1) {
      this.malformed++;
    } else {
      this.state = "rejected";
      this.rejectReason = String.fromCharCode(this.bytes[this.dataOffset] as number);
    }
  }

  /** Digits behind blanks, below 2^53; leaves the next sequence as it was when they are none. */
  #readSequence(): boolean {
    const { bytes } = this;
    const end = this.dataOffset + LOGIN_ACCEPTED_BYTE_LENGTH;
    let at = end - SEQUENCE_BYTE_LENGTH;
    while (at < end && bytes[at] === BLANK) at++;
    if (at === end) return false;
    let sequence = 0;
    for (; at < end; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) return false;
      sequence = sequence * 10 + digit;
    }
    if (!Number.isSafeInteger(sequence)) return false;
    this.#nextSequence.fill(sequence);
    return true;
  }
}
