import type { Clock } from "../../clock/clock.ts";
import { SoupBinReader } from "../feeds/soup-bin-tcp.ts";
import {
  checkSoupText,
  SOUP_CLIENT_HEARTBEAT,
  SOUP_HEADER_BYTE_LENGTH,
  SOUP_LOGOUT,
  SOUP_UNSEQUENCED,
  type SoupLogin,
  writeSoupHeader,
  writeSoupLogin,
} from "../feeds/soup-packets.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { MessageSink } from "./gap-recovery.ts";

export interface SoupClientOptions {
  readonly login: SoupLogin;
  /** Ten characters at most; the current session when left out. */
  readonly session?: string;
  /** The first message that is wanted. Default 1; 0 for whatever comes next. */
  readonly firstSequence?: number;
  /** Between two packets to the server, at most. Default 1 s. */
  readonly heartbeatNs?: number;
  /** A server silent for so long is taken for dead. Default 15 s. */
  readonly silenceLimitNs?: number;
}

/** Where the client stands. `disconnected` is to be connected again; `over` and `rejected` are for good. */
export type SoupClientState = "new" | "logging in" | "logged in" | "disconnected" | "rejected" | "over";

export interface SoupClientReport {
  readonly state: SoupClientState;
  readonly session: string;
  /** Messages handed on, those of a login that had come before, and those that the server had no more. */
  readonly delivered: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly unsequenced: number;
  readonly logins: number;
  readonly heartbeats: number;
  readonly malformed: number;
  readonly unexpected: number;
  /** Why the connection ended last, in a sentence; undefined while it has not. */
  readonly failure: string | undefined;
}

const NS_PER_SECOND = 1e9;
const LONGEST_PACKET = 2 + 0xffff;

/**
 * A SoupBinTCP client: logs in, keeps the connection alive, and hands sequenced messages on in order, each once. After a
 * connection was lost, {@link connect} goes on over a new one where the last message was: the login asks for the next
 * sequence, which is how this protocol recovers. What the server does not have any more is reported lost.
 *
 * It has no thread and no timer: whoever owns it calls {@link pump} at {@link dueNs}. The connection is a pair of
 * {@link ByteStream}s, which stand in for TCP.
 */
export class SoupClient {
  readonly #clock: Clock;
  readonly #sink: MessageSink;
  readonly #options: SoupClientOptions;
  readonly #reader = new SoupBinReader();
  readonly #packet = new Uint8Array(LONGEST_PACKET);
  #toServer: ByteStream | undefined;
  #fromServer: ByteStream | undefined;
  #state: SoupClientState = "new";
  #session: string;
  #failure: string | undefined;
  // The message that is wanted next [0]: 0 while any will do.
  readonly #wanted: Float64Array;
  readonly #range = new Float64Array(2);
  // When a heartbeat is due [0], and when the server was last heard [1].
  readonly #times = new Float64Array(2);
  #logins = 0;
  readonly #counts = { delivered: 0, duplicates: 0, lost: 0, unsequenced: 0 };

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: MessageSink, options: SoupClientOptions) {
    const { login, session = "", firstSequence = 1 } = options;
    checkSoupText("user", login.user, 6);
    checkSoupText("password", login.password, 10);
    checkSoupText("session", session, 10);
    if (!(Number.isSafeInteger(firstSequence) && firstSequence >= 0)) {
      throw new RangeError(`firstSequence is a whole number from 0 on, not ${firstSequence}.`);
    }
    this.#clock = clock;
    this.#sink = sink;
    this.#options = options;
    this.#session = session;
    this.#wanted = Float64Array.of(firstSequence);
  }

  get state(): SoupClientState {
    return this.#state;
  }

  /** What the next login asks for: one behind the last message that was handed on. */
  get nextSequence(): number {
    return this.#wanted[0] as number;
  }

  report(): SoupClientReport {
    const { heartbeats, malformed, unexpected } = this.#reader;
    const read = { heartbeats, malformed, unexpected };
    return {
      state: this.#state,
      session: this.#session,
      ...this.#counts,
      logins: this.#logins,
      ...read,
      failure: this.#failure,
    };
  }

  /**
   * Begins a connection, the first one or another after one was lost, and logs in.
   * @throws Error while there is a connection, or where none is of use any more.
   */
  connect(toServer: ByteStream, fromServer: ByteStream): void {
    if (this.#state !== "new" && this.#state !== "disconnected") {
      throw new Error(`the client is ${this.#state}: a connection begins when it is new or disconnected`);
    }
    this.#toServer = toServer;
    this.#fromServer = fromServer;
    this.#reader.reconnect();
    this.#clock.refresh();
    this.#times[1] = this.#clock.now[0] as number;
    this.#state = "logging in";
    this.#failure = undefined;
    const end = writeSoupLogin(this.#packet, 0, this.#options.login, this.#session, this.#wanted);
    if (!this.#write(end)) this.#drop("the login could not be sent");
  }

  /** Sends unsequenced data, as orders are. False when there is no connection, or no room in it. */
  send(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (this.#state !== "logged in" || byteLength > LONGEST_PACKET - SOUP_HEADER_BYTE_LENGTH) return false;
    const at = writeSoupHeader(this.#packet, 0, SOUP_UNSEQUENCED, byteLength);
    for (let index = 0; index < byteLength; index++) this.#packet[at + index] = bytes[offset + index] as number;
    return this.#write(at + byteLength);
  }

  /** Says good-bye, and takes nothing more. */
  logOut(): void {
    if (this.#toServer === undefined) return;
    this.#write(writeSoupHeader(this.#packet, 0, SOUP_LOGOUT, 0));
    this.#leave("over");
  }

  /** When {@link pump} has something to do; Infinity without a connection. */
  dueNs(): number {
    const from = this.#fromServer;
    if (from === undefined) return Number.POSITIVE_INFINITY;
    return Math.min(from.next[0] as number, this.#times[0] as number, this.#silenceEndNs);
  }

  /** Takes what the server has sent, and keeps the connection alive. */
  pump(): void {
    this.#clock.refresh();
    const now = this.#clock.now[0] as number;
    while (this.#fromServer?.read() === true) {
      this.#times[1] = now;
      this.#reader.push(this.#fromServer.bytes, this.#fromServer.offset, this.#fromServer.byteLength);
      this.#take();
    }
    if (this.#fromServer === undefined) return;
    if (this.#fromServer.isAtEnd) this.#drop("the server has closed the connection");
    else if (now >= this.#silenceEndNs) this.#drop("the server was silent for too long");
    else if (now >= (this.#times[0] as number)) this.#write(writeSoupHeader(this.#packet, 0, SOUP_CLIENT_HEARTBEAT, 0));
  }

  /** Everything that is whole in what was read. */
  #take(): void {
    const reader = this.#reader;
    for (;;) {
      const hasData = reader.next();
      // The login stands before the first data, which the reader moves to in the same step.
      if (this.#state === "logging in" && reader.state !== "awaiting login") this.#loggedIn();
      if (!hasData) break;
      if (this.#state !== "logged in") continue;
      if (reader.isSequenced) this.#deliver();
      else this.#counts.unsequenced++;
    }
    if (reader.state === "ended" && this.#state === "logged in") this.#leave("over");
  }

  #loggedIn(): void {
    const reader = this.#reader;
    if (reader.state === "rejected") {
      const why = reader.rejectReason === "S" ? "the session is not available" : "user or password are wrong";
      this.#failure = `the server rejected the login (${reader.rejectReason}): ${why}`;
      this.#leave("rejected");
      return;
    }
    if (this.#session !== "" && reader.session !== this.#session) {
      this.#drop(`the server is in session ${reader.session}, and ${this.#session} was asked for`);
      return;
    }
    this.#session = reader.session;
    this.#state = "logged in";
    this.#logins++;
    this.#lose(reader.loginSequence);
  }

  /** What lies between what is wanted and `first` is there no more. */
  #lose(first: number): void {
    const wanted = this.#wanted[0] as number;
    if (wanted > 0 && first > wanted) {
      this.#range[0] = wanted;
      this.#range[1] = first;
      this.#counts.lost += first - wanted;
      this.#sink.lost(this.#range);
    }
    if (wanted === 0 || first > wanted) this.#wanted[0] = first;
  }

  #deliver(): void {
    const reader = this.#reader;
    if (reader.sequence < (this.#wanted[0] as number)) {
      this.#counts.duplicates++;
      return;
    }
    this.#range[0] = reader.sequence;
    this.#wanted[0] = reader.sequence + 1;
    this.#counts.delivered++;
    this.#sink.message(this.#range, reader.bytes, reader.dataOffset, reader.dataByteLength);
  }

  #write(byteLength: number): boolean {
    this.#times[0] = (this.#clock.now[0] as number) + (this.#options.heartbeatNs ?? NS_PER_SECOND);
    return this.#toServer?.write(this.#packet, 0, byteLength) === true;
  }

  #drop(why: string): void {
    this.#failure = why;
    this.#leave("disconnected");
  }

  #leave(state: SoupClientState): void {
    this.#state = state;
    this.#toServer?.close();
    this.#toServer = undefined;
    this.#fromServer = undefined;
  }

  get #silenceEndNs(): number {
    return (this.#times[1] as number) + (this.#options.silenceLimitNs ?? 15 * NS_PER_SECOND);
  }
}
