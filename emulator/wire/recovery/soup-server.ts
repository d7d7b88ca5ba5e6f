import type { Clock } from "../../clock/clock.ts";
import { LengthPrefixFramer } from "../feeds/length-prefix-framer.ts";
import {
  checkSoupText,
  readSoupLogin,
  SOUP_CLIENT_HEARTBEAT,
  SOUP_END_OF_SESSION,
  SOUP_HEADER_BYTE_LENGTH,
  SOUP_LOGIN_REJECTED,
  SOUP_LOGIN_REQUEST,
  SOUP_LOGOUT,
  SOUP_SEQUENCED,
  SOUP_SERVER_HEARTBEAT,
  SOUP_UNSEQUENCED,
  type SoupLogin,
  writeSoupHeader,
  writeSoupLoginAccepted,
} from "../feeds/soup-packets.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { MessageSource } from "./message-source.ts";

export interface SoupServerOptions {
  readonly login: SoupLogin;
  /** Ten characters at most. */
  readonly session: string;
  /** Between two packets to the client, at most. Default 1 s. */
  readonly heartbeatNs?: number;
  /** A client silent for so long is taken for dead. Default 15 s. */
  readonly silenceLimitNs?: number;
  /** Takes the unsequenced data that the client sends; good until it returns. */
  readonly received?: (bytes: Uint8Array, offset: number, byteLength: number) => void;
}

export interface SoupServerReport {
  /** By answer: accepted, and rejected for user or password (A) or for the session (S). */
  readonly logins: { readonly accepted: number; readonly A: number; readonly S: number };
  readonly messagesSent: number;
  readonly received: number;
  readonly heartbeats: number;
  /** What was no packet of a client, or none that it may send now. */
  readonly unexpected: number;
  /**
   * Connections that ended, by why: `gone`, `silent`, `logged out`, `rejected`, `session over`, `replaced`, `too slow` for what
   * the source keeps, `message too long` for the connection.
   */
  readonly closed: Readonly<Record<string, number>>;
}

const NS_PER_SECOND = 1e9;
const LONGEST_PACKET = 2 + 0xffff;
const A = "A".charCodeAt(0);
const S = "S".charCodeAt(0);

/**
 * A SoupBinTCP server for one client at a time, the twin of `SoupClient`: accepts a login, sends the messages of a source from
 * the sequence on that the client asks for, as the connection takes them, and heartbeats between them. What a source has
 * forgotten is left out, which the sequence in the acceptance says. {@link pump} it at {@link nextNs}, and
 * when the source has got messages.
 */
export class SoupServer {
  readonly #clock: Clock;
  readonly #source: MessageSource;
  readonly #options: SoupServerOptions;
  readonly #framer = new LengthPrefixFramer();
  readonly #packet = new Uint8Array(LONGEST_PACKET);
  #fromClient: ByteStream | undefined;
  #toClient: ByteStream | undefined;
  #isLoggedIn = false;
  #isSessionOver = false;
  // The message that is sent next [0].
  readonly #next = new Float64Array(1);
  // When a heartbeat is due [0], and when the client was last heard [1].
  readonly #times = new Float64Array(2);
  readonly #logins = { accepted: 0, A: 0, S: 0 };
  readonly #counts = { messagesSent: 0, received: 0, heartbeats: 0, unexpected: 0 };
  readonly #closed: Record<string, number> = {};

  /** @throws RangeError for texts that do not fit. */
  constructor(clock: Clock, source: MessageSource, options: SoupServerOptions) {
    checkSoupText("user", options.login.user, 6);
    checkSoupText("password", options.login.password, 10);
    checkSoupText("session", options.session, 10);
    this.#clock = clock;
    this.#source = source;
    this.#options = options;
  }

  report(): SoupServerReport {
    return { logins: { ...this.#logins }, ...this.#counts, closed: { ...this.#closed } };
  }

  /** A client connects; the connection before, if there still is one, is given up. */
  connect(fromClient: ByteStream, toClient: ByteStream): void {
    this.#close("replaced");
    this.#framer.reset();
    this.#fromClient = fromClient;
    this.#toClient = toClient;
    this.#isLoggedIn = false;
    this.#clock.refresh();
    this.#times.fill(this.#clock.now[0] as number);
    this.#times[0] = (this.#times[0] as number) + this.#heartbeatNs;
  }

  /** The source gets no more messages: behind the last one the client is told that the session is over. */
  endSession(): void {
    this.#isSessionOver = true;
  }

  /** When {@link pump} has something to do; Infinity without a connection. */
  nextNs(): number {
    const from = this.#fromClient;
    if (from === undefined) return Number.POSITIVE_INFINITY;
    const isBehind = this.#isLoggedIn && ((this.#next[0] as number) < this.#source.nextSequence || this.#isSessionOver);
    const dueNs = Math.min(from.next[0] as number, this.#times[0] as number, this.#silenceEndNs);
    if (!isBehind) return dueNs;
    // There was no room in the connection: there is when the client has read what is under way.
    const underWayNs = this.#toClient?.next[0] as number;
    return Math.min(dueNs, underWayNs === Number.POSITIVE_INFINITY ? (this.#clock.now[0] as number) : underWayNs);
  }

  pump(): void {
    this.#clock.refresh();
    const now = this.#clock.now[0] as number;
    while (this.#fromClient?.read() === true) {
      this.#times[1] = now;
      this.#framer.push(this.#fromClient.bytes, this.#fromClient.offset, this.#fromClient.byteLength);
      while (this.#framer.next()) this.#take();
    }
    if (this.#fromClient?.isAtEnd === true) this.#close("gone");
    else if (now >= this.#silenceEndNs) this.#close("silent");
    if (this.#toClient === undefined) return;
    if (this.#isLoggedIn) this.#sendMessages();
    if (now >= (this.#times[0] as number)) this.#write(writeSoupHeader(this.#packet, 0, SOUP_SERVER_HEARTBEAT, 0));
  }

  #take(): void {
    const { bytes, bodyOffset, bodyByteLength } = this.#framer;
    // What follows on a login that was rejected, or on a logout, is nobody's.
    if (this.#toClient === undefined) return;
    const type = bodyByteLength === 0 ? -1 : (bytes[bodyOffset] as number);
    if (type === SOUP_CLIENT_HEARTBEAT) this.#counts.heartbeats++;
    else if (type === SOUP_LOGOUT) this.#close("logged out");
    else if (type === SOUP_LOGIN_REQUEST && !this.#isLoggedIn) this.#logIn(bytes, bodyOffset + 1, bodyByteLength - 1);
    else if (type === SOUP_UNSEQUENCED && this.#isLoggedIn) {
      this.#counts.received++;
      this.#options.received?.(bytes, bodyOffset + 1, bodyByteLength - 1);
    } else this.#counts.unexpected++;
  }

  #logIn(bytes: Uint8Array, at: number, byteLength: number): void {
    const asked = readSoupLogin(bytes, at, byteLength);
    const { login, session } = this.#options;
    if (asked === undefined) {
      this.#counts.unexpected++;
      return;
    }
    const isKnown = asked.user === login.user && asked.password === login.password;
    if (!isKnown || (asked.session !== "" && asked.session !== session)) {
      this.#reject(isKnown ? S : A);
      return;
    }
    const { firstSequence, nextSequence } = this.#source;
    const wanted = asked.sequence === 0 ? nextSequence : asked.sequence;
    this.#next[0] = Math.min(Math.max(wanted, firstSequence), nextSequence);
    this.#isLoggedIn = true;
    this.#logins.accepted++;
    this.#write(writeSoupLoginAccepted(this.#packet, 0, session, this.#next));
  }

  #reject(reason: typeof A | typeof S): void {
    this.#logins[reason === A ? "A" : "S"]++;
    const at = writeSoupHeader(this.#packet, 0, SOUP_LOGIN_REJECTED, 1);
    this.#packet[at] = reason;
    this.#write(at + 1);
    this.#close("rejected");
  }

  /** As many as the connection has room for. */
  #sendMessages(): void {
    const source = this.#source;
    // Forgotten while the client was slow: a server that cannot go on in sequence can only hang up.
    if ((this.#next[0] as number) < source.firstSequence) {
      this.#close("too slow");
      return;
    }
    while ((this.#next[0] as number) < source.nextSequence) {
      const byteLength = source.byteLengthOf(this.#next[0] as number);
      const from = source.offsetOf(this.#next[0] as number);
      const at = writeSoupHeader(this.#packet, 0, SOUP_SEQUENCED, byteLength);
      for (let index = 0; index < byteLength; index++) this.#packet[at + index] = source.bytes[from + index] as number;
      if (!this.#write(SOUP_HEADER_BYTE_LENGTH + byteLength)) {
        // A connection with nothing under way has all its room, and will not have more.
        if (this.#toClient?.next[0] === Number.POSITIVE_INFINITY) this.#close("message too long");
        return;
      }
      this.#next[0] = (this.#next[0] as number) + 1;
      this.#counts.messagesSent++;
    }
    if (!this.#isSessionOver || !this.#write(writeSoupHeader(this.#packet, 0, SOUP_END_OF_SESSION, 0))) return;
    this.#close("session over");
  }

  #write(byteLength: number): boolean {
    if (this.#toClient?.write(this.#packet, 0, byteLength) !== true) return false;
    this.#times[0] = (this.#clock.now[0] as number) + this.#heartbeatNs;
    return true;
  }

  #close(why: string): void {
    if (this.#toClient === undefined) return;
    this.#closed[why] = (this.#closed[why] ?? 0) + 1;
    this.#toClient.close();
    this.#toClient = undefined;
    this.#fromClient = undefined;
  }

  get #heartbeatNs(): number {
    return this.#options.heartbeatNs ?? NS_PER_SECOND;
  }

  get #silenceEndNs(): number {
    return (this.#times[1] as number) + (this.#options.silenceLimitNs ?? 15 * NS_PER_SECOND);
  }
}
