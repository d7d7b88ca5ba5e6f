import type { Clock } from "../../clock/clock.ts";
import {
  CBOE_GAP_RESPONSE,
  CBOE_LOGIN_RESPONSE,
  type CboeLogin,
  CboeRecoveryMessage,
  writeCboeGapRequest,
  writeCboeLogin,
} from "../feeds/cboe-recovery.ts";
import { CBOE_UNIT_HEADER_BYTE_LENGTH, CboeUnitPacket, writeCboeUnitHeader } from "../feeds/cboe-unit.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";
import type { ByteStream } from "./byte-stream.ts";
import { GapRecovery, type MessageSink, type RecoveryReport } from "./gap-recovery.ts";
import type { RecoveryOptions } from "./recovery-options.ts";
import { UnitAssembler } from "./unit-assembler.ts";

export interface CboeClientOptions extends RecoveryOptions {
  readonly unit: number;
  readonly login: CboeLogin;
  /** Realtime groups: one, or several lines. */
  readonly lines: readonly { readonly group: number; readonly port: number }[];
  /** Where what was asked for comes. */
  readonly gapGroup: { readonly group: number; readonly port: number };
  /** Between two heartbeats to the proxy. Default 1 s. */
  readonly heartbeatNs?: number;
  /** A proxy silent for so long is given up. Default 5 s. */
  readonly silenceLimitNs?: number;
  /** A proxy that has not answered the login for so long is given up, however alive it is otherwise. Default 5 s. */
  readonly loginLimitNs?: number;
}

export interface CboeClientReport extends RecoveryReport {
  readonly units: number;
  /** Units with messages on the gap-response group. */
  readonly retransmissions: number;
  readonly heartbeats: number;
  readonly otherUnits: number;
  readonly unreadable: number;
  readonly otherFrames: number;
  /** Responses by status letter, other than A. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Why nothing can be asked for any more; undefined while it can. */
  readonly failure: string | undefined;
}

const NS_PER_SECOND = 1e9;
const A = "A".charCodeAt(0);

/**
 * Receives one unit of a Cboe feed from its realtime lines, asks a gap request proxy for what is missing, and hands the
 * messages on in order, each once. Logs in with the first {@link pump}; nothing is asked for before the login is
 * answered. Where the proxy is gone, refuses or does not answer the login or has no allocation left for the day, what is
 * missing is reported lost when it would be asked for, and the lines are received on.
 *
 * Without a `firstSequence` the lines say where the stream begins. What comes on the gap group before that is the answer to
 * another client, and is not taken.
 */
export class CboeGapClient {
  readonly recovery: GapRecovery;
  readonly #clock: Clock;
  readonly #options: CboeClientOptions;
  readonly #toProxy: ByteStream;
  readonly #fromProxy: ByteStream;
  readonly #headers = new FrameHeaders();
  readonly #packet = new CboeUnitPacket();
  readonly #assembler = new UnitAssembler();
  readonly #message = new CboeRecoveryMessage();
  readonly #bytes = new Uint8Array(64);
  // When the next heartbeat to the proxy is due [0], when the proxy was last heard [1], when the login is given up [2].
  readonly #times = new Float64Array(3);
  #state: "new" | "logging in" | "ready" | "failed" = "new";
  #failure: string | undefined;
  readonly #refusals = new Float64Array(256);
  readonly #counts = { units: 0, retransmissions: 0, heartbeats: 0, otherUnits: 0, unreadable: 0, otherFrames: 0 };

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: MessageSink, toProxy: ByteStream, fromProxy: ByteStream, options: CboeClientOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#toProxy = toProxy;
    this.#fromProxy = fromProxy;
    this.recovery = new GapRecovery(clock, sink, { request: (range) => this.#request(range) }, options);
  }

  report(): CboeClientReport {
    const refusals: Record<string, number> = {};
    for (const [code, count] of this.#refusals.entries()) if (count > 0) refusals[String.fromCharCode(code)] = count;
    return { ...this.recovery.report(), ...this.#counts, refusals, failure: this.#failure };
  }

  /** A frame of any kind, without FCS. Its messages are delivered before this returns, or kept. */
  receive(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    const isGapGroup = this.#isFor(this.#options.gapGroup.group, this.#options.gapGroup.port);
    if (!isGapGroup && !this.#isLine()) {
      this.#counts.otherFrames++;
      return;
    }
    this.#clock.refresh();
    const end = offset + headers.payloadOffset + headers.payloadByteLength;
    // A datagram may hold several units.
    for (let at = offset + headers.payloadOffset; at < end; at += this.#packet.unitByteLength) {
      if (!this.#packet.parse(bytes, at, end - at)) {
        this.#counts.unreadable++;
        break;
      }
      this.#takeUnit(bytes, isGapGroup);
    }
  }

  /** When {@link pump} has something to do: as of now, because the proxy may write at any time. */
  dueNs(): number {
    if (this.#state === "new") return this.#clock.now[0] as number;
    const dueNs = this.#state === "logging in" ? (this.#times[2] as number) : (this.recovery.due[0] as number);
    if (this.#state === "failed") return dueNs;
    return Math.min(dueNs, this.#fromProxy.next[0] as number, this.#times[0] as number, this.#silenceEndNs);
  }

  /** Logs in, reads the proxy's responses, asks for what is due, keeps the connection alive. */
  pump(): void {
    this.#clock.refresh();
    if (this.#state === "new") this.#logIn();
    while (this.#state !== "failed" && this.#fromProxy.read()) {
      this.#times[1] = this.#clock.now[0] as number;
      this.#assembler.push(this.#fromProxy.bytes, this.#fromProxy.offset, this.#fromProxy.byteLength);
      while (this.#assembler.next()) this.#readResponses();
      if (this.#assembler.isBroken) this.#fail("what the proxy sent is no sequenced unit");
    }
    if (this.#fromProxy.isAtEnd) this.#fail("the proxy has closed the connection");
    else if ((this.#clock.now[0] as number) >= this.#silenceEndNs) this.#fail("the proxy was silent for too long");
    else if (this.#state === "logging in" && (this.#clock.now[0] as number) >= (this.#times[2] as number)) {
      this.#fail("the proxy did not answer the login");
    }
    if (this.#state !== "failed") this.#keepAlive();
    if (this.#state !== "logging in") this.recovery.pump();
  }

  #takeUnit(bytes: Uint8Array, isGapGroup: boolean): void {
    const packet = this.#packet;
    const counts = this.#counts;
    if (packet.unit !== this.#options.unit) {
      counts.otherUnits++;
      return;
    }
    counts.units++;
    if (packet.isHeartbeat) counts.heartbeats++;
    else if (isGapGroup) counts.retransmissions++;
    if (!packet.isSequenced) return;
    const { recovery } = this;
    if (isGapGroup && !recovery.hasBegun) return;
    if (packet.isHeartbeat && !isGapGroup) {
      recovery.range[0] = packet.sequence;
      recovery.announce();
    }
    while (packet.nextMessage()) {
      recovery.range[0] = packet.messageSequence;
      recovery.take(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  #logIn(): void {
    const end =
      CBOE_UNIT_HEADER_BYTE_LENGTH + writeCboeLogin(this.#bytes, CBOE_UNIT_HEADER_BYTE_LENGTH, this.#options.login);
    writeCboeUnitHeader(this.#bytes, 0, end, 1, 0, 0);
    if (this.#toProxy.write(this.#bytes, 0, end)) this.#state = "logging in";
    else this.#fail("the login could not be sent");
    this.#times[0] = (this.#clock.now[0] as number) + this.#heartbeatNs;
    this.#times[1] = this.#clock.now[0] as number;
    this.#times[2] = (this.#clock.now[0] as number) + (this.#options.loginLimitNs ?? 5 * NS_PER_SECOND);
  }

  #readResponses(): void {
    const { packet, bytes } = this.#assembler;
    while (packet.nextMessage()) {
      const message = this.#message;
      if (!message.parse(bytes, packet.messageOffset, packet.messageByteLength)) {
        this.#fail("what the proxy sent is no message of this service");
        return;
      }
      if (message.type === CBOE_LOGIN_RESPONSE) {
        if (message.status !== A) {
          this.#fail(`the proxy refused the login with status ${String.fromCharCode(message.status)}`);
        } else if (this.#state === "logging in") this.#state = "ready";
      } else if (message.type === CBOE_GAP_RESPONSE && message.unit === this.#options.unit) this.#takeResponse();
    }
  }

  /** What to do about each status: "Multicast PITCH", "Gap Response". */
  #takeResponse(): void {
    const { recovery } = this;
    const { status, sequence, messageCount } = this.#message;
    const { range } = recovery;
    range[0] = sequence;
    range[1] = sequence + messageCount;
    if (status !== A) this.#refusals[status] = (this.#refusals[status] as number) + 1;
    switch (String.fromCharCode(status)) {
      case "A":
        recovery.promise();
        break;
      case "C":
        // Too many at once: half as many, down to one.
        if (messageCount === 1) recovery.refuse();
        else {
          recovery.schedule.requestMessageLimit = Math.min(recovery.schedule.requestMessageLimit, messageCount >> 1);
          recovery.askAgain();
        }
        break;
      case "S":
        recovery.postpone(NS_PER_SECOND);
        break;
      case "M":
        recovery.postpone(60 * NS_PER_SECOND);
        break;
      case "U":
        recovery.postpone(0);
        break;
      case "D":
        this.#fail("the allocation of the day is exhausted");
        break;
      default:
        // O: out of range, I: invalid unit. Asking again would not help.
        recovery.refuse();
    }
  }

  #keepAlive(): void {
    const now = this.#clock.now[0] as number;
    if (now < (this.#times[0] as number)) return;
    this.#times[0] = now + this.#heartbeatNs;
    this.#toProxy.write(this.#bytes, 0, writeCboeUnitHeader(this.#bytes, 0, CBOE_UNIT_HEADER_BYTE_LENGTH, 0, 0, 0));
  }

  get #heartbeatNs(): number {
    return this.#options.heartbeatNs ?? NS_PER_SECOND;
  }

  get #silenceEndNs(): number {
    return (this.#times[1] as number) + (this.#options.silenceLimitNs ?? 5 * NS_PER_SECOND);
  }

  #fail(why: string): void {
    this.#failure ??= why;
    this.#state = "failed";
    this.recovery.schedule.isHopeless = true;
    this.recovery.schedule.wake();
    this.#toProxy.close();
  }

  #request(range: Float64Array): boolean {
    const at = CBOE_UNIT_HEADER_BYTE_LENGTH;
    const first = range[0] as number;
    const count = (range[1] as number) - first;
    const end = at + writeCboeGapRequest(this.#bytes, at, this.#options.unit, first, count);
    writeCboeUnitHeader(this.#bytes, 0, end, 1, 0, 0);
    this.#times[0] = (this.#clock.now[0] as number) + this.#heartbeatNs;
    return this.#toProxy.write(this.#bytes, 0, end);
  }

  #isLine(): boolean {
    for (const { group, port } of this.#options.lines) if (this.#isFor(group, port)) return true;
    return false;
  }

  #isFor(group: number, port: number): boolean {
    const { ipProtocol, ipv4Destination, destinationPort } = this.#headers;
    return ipProtocol === IP_PROTOCOL_UDP && ipv4Destination === (group | 0) && destinationPort === port;
  }
}
