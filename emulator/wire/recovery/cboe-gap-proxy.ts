import type { Clock } from "../../clock/clock.ts";
import { MemoryView } from "../../memory/memory-view.ts";
import { UdpFrameTemplate } from "../build-frame.ts";
import {
  CBOE_GAP_REQUEST,
  CBOE_GAP_STATUSES,
  CBOE_LOGIN,
  CBOE_LOGIN_STATUSES,
  CboeRecoveryMessage,
  writeCboeGapResponse,
  writeCboeLoginResponse,
} from "../feeds/cboe-recovery.ts";
import { CBOE_UNIT_HEADER_BYTE_LENGTH, CboeUnitPacket, writeCboeUnitHeader } from "../feeds/cboe-unit.ts";
import type { WireSink } from "../wire.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { CboeProxyOptions, CboeProxyReport } from "./cboe-gap-options.ts";
import { MessageStore } from "./message-store.ts";
import { Outbox } from "./outbox.ts";
import { DEFAULT_RETENTION_BYTES, DEFAULT_RETENTION_MESSAGES, ServicePolicy } from "./service-policy.ts";
import { UnitAssembler } from "./unit-assembler.ts";

const NS_PER_MINUTE = 60e9;
/** The count of a unit is a u8. */
const UNIT_MESSAGE_LIMIT = 255;

/**
 * Cboe's gap request proxy at the far end of a wire, for one client: a login, gap requests and their statuses on a
 * connection, the messages themselves on the gap-response group. The connection is a pair of {@link ByteStream}s, which
 * stand in for TCP; the group's frames are whole, and go to the wire that the proxy was given.
 */
export class CboeGapProxy {
  readonly #options: CboeProxyOptions;
  readonly #clock: Clock;
  readonly #policy: ServicePolicy;
  readonly #fromClient: ByteStream;
  readonly #toClient: ByteStream;
  readonly #outbox: Outbox;
  readonly #template: UdpFrameTemplate;
  readonly #stores = new Map<number, MessageStore>();
  readonly #assembler = new UnitAssembler();
  readonly #message = new CboeRecoveryMessage();
  readonly #recorded = new CboeUnitPacket();
  readonly #frame: MemoryView;
  readonly #answer = new Uint8Array(64);
  readonly #payloadByteLimit: number;
  readonly #requestCounts = new Float64Array(CBOE_GAP_STATUSES.length);
  readonly #loginCounts = new Float64Array(CBOE_LOGIN_STATUSES.length);
  // When the next heartbeat is due [0], when the client was last heard [1], the minute [2] that is counted.
  readonly #times = new Float64Array(3);
  #requestsThisMinute = 0;
  #requestsToday = 0;
  #isLoggedIn = false;
  #messagesSent = 0;
  #heartbeatsReceived = 0;
  #answersDropped = 0;
  #closedBecause: string | undefined;

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, fromClient: ByteStream, toClient: ByteStream, wire: WireSink, options: CboeProxyOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#fromClient = fromClient;
    this.#toClient = toClient;
    this.#policy = new ServicePolicy(clock, options);
    this.#outbox = new Outbox(wire, clock.now);
    this.#template = new UdpFrameTemplate(options.gapGroup);
    this.#payloadByteLimit = options.payloadByteLimit ?? 1472;
    this.#frame = MemoryView.ofSize(this.#payloadByteLimit + 64);
    const { retentionMessages = DEFAULT_RETENTION_MESSAGES, retentionBytes = DEFAULT_RETENTION_BYTES } = options;
    for (const unit of options.units) this.#stores.set(unit, new MessageStore(retentionMessages, retentionBytes));
    clock.refresh();
    this.#times[0] = (clock.now[0] as number) + this.#heartbeatNs;
    this.#times[1] = clock.now[0] as number;
  }

  report(): CboeProxyReport {
    const named = (letters: string, counts: Float64Array): Record<string, number> =>
      Object.fromEntries([...letters].map((letter, index) => [letter, counts[index] as number]));
    return {
      requests: named(CBOE_GAP_STATUSES, this.#requestCounts),
      logins: named(CBOE_LOGIN_STATUSES, this.#loginCounts),
      messagesSent: this.#messagesSent,
      heartbeatsReceived: this.#heartbeatsReceived,
      dropped: this.#answersDropped + this.#outbox.droppedCount,
      closedBecause: this.#closedBecause,
    };
  }

  /**
   * Keeps the messages of a sequenced unit, as it goes out on the realtime group. Those it has it leaves as they are.
   * @throws RangeError for what cannot be read, is of a unit that is not served, or begins beyond the next message.
   */
  record(bytes: Uint8Array, offset: number, byteLength: number): void {
    const packet = this.#recorded;
    if (!packet.parse(bytes, offset, byteLength)) throw new RangeError("this is no sequenced unit to record");
    const store = this.#stores.get(packet.unit);
    if (store === undefined) throw new RangeError(`unit ${packet.unit} is not among the units of this proxy`);
    if (packet.messageCount > 0 && packet.sequence > store.nextSequence) {
      throw new RangeError(`messages from ${packet.sequence} on are recorded, but ${store.nextSequence} comes next`);
    }
    while (packet.nextMessage()) {
      if (packet.messageSequence < store.nextSequence) continue;
      store.add(bytes, packet.messageOffset, packet.messageByteLength);
    }
  }

  /** When {@link pump} has something to do: as of now, because the client may write at any time. */
  nextNs(): number {
    const nextNs = this.#outbox.next[0] as number;
    if (this.#closedBecause !== undefined) return nextNs;
    return Math.min(nextNs, this.#fromClient.next[0] as number, this.#times[0] as number, this.#silenceEndNs);
  }

  /** Reads what has arrived, sends what is due. */
  pump(): void {
    this.#clock.refresh();
    while (this.#closedBecause === undefined && this.#fromClient.read()) {
      this.#times[1] = this.#clock.now[0] as number;
      this.#assembler.push(this.#fromClient.bytes, this.#fromClient.offset, this.#fromClient.byteLength);
      while (this.#assembler.next()) this.#serveUnit();
      if (this.#assembler.isBroken) this.#close("what came is no sequenced unit");
    }
    if (this.#closedBecause === undefined) this.#keepAlive();
    this.#outbox.pump();
  }

  get #heartbeatNs(): number {
    return this.#options.heartbeatNs ?? 1e9;
  }

  get #silenceEndNs(): number {
    return (this.#times[1] as number) + (this.#options.silenceLimitNs ?? 5e9);
  }

  #keepAlive(): void {
    const now = this.#clock.now[0] as number;
    if (this.#fromClient.isAtEnd) this.#close("the client has closed");
    else if (now >= this.#silenceEndNs) this.#close("the client was silent for too long");
    if (this.#closedBecause !== undefined || now < (this.#times[0] as number)) return;
    this.#times[0] = now + this.#heartbeatNs;
    this.#send(writeCboeUnitHeader(this.#answer, 0, CBOE_UNIT_HEADER_BYTE_LENGTH, 0, 0, 0));
    for (const unit of this.#options.units) this.#sendHeartbeat(unit);
  }

  /** On the group: count 0, sequence 0. */
  #sendHeartbeat(unit: number): void {
    const start = this.#template.headerByteLength;
    const byteLength = writeCboeUnitHeader(this.#frame.bytes, start, CBOE_UNIT_HEADER_BYTE_LENGTH, 0, unit, 0);
    this.#outbox.put(this.#frame, 0, this.#template.stamp(this.#frame.bytes, 0, byteLength), this.#clock.now);
  }

  #serveUnit(): void {
    const { packet, bytes } = this.#assembler;
    if (packet.isHeartbeat) this.#heartbeatsReceived++;
    while (this.#closedBecause === undefined && packet.nextMessage()) {
      const message = this.#message;
      if (!message.parse(bytes, packet.messageOffset, packet.messageByteLength)) {
        this.#close("what came is no message of this service");
      } else if (message.type === CBOE_LOGIN) this.#logIn();
      else if (message.type !== CBOE_GAP_REQUEST) this.#close("what came is no request");
      else if (this.#isLoggedIn) this.#serve();
      else this.#close("a request came before the login");
    }
  }

  #logIn(): void {
    const wanted = this.#options.login;
    const { sessionSubId, username, password } = this.#message.login;
    let status = "A";
    if (this.#isLoggedIn) status = "B";
    else if (wanted !== undefined && (wanted.username !== username || wanted.password !== password)) status = "N";
    else if (wanted !== undefined && wanted.sessionSubId !== sessionSubId) status = "S";
    const index = CBOE_LOGIN_STATUSES.indexOf(status);
    this.#loginCounts[index] = (this.#loginCounts[index] as number) + 1;
    const end =
      writeCboeLoginResponse(this.#answer, CBOE_UNIT_HEADER_BYTE_LENGTH, status) + CBOE_UNIT_HEADER_BYTE_LENGTH;
    writeCboeUnitHeader(this.#answer, 0, end, 1, 0, 0);
    this.#send(end);
    if (status === "A") this.#isLoggedIn = true;
    else this.#close("the login was refused");
  }

  #serve(): void {
    const { unit, sequence, messageCount } = this.#message;
    const store = this.#stores.get(unit);
    const status = this.#judge(store, sequence, messageCount);
    const index = CBOE_GAP_STATUSES.indexOf(status);
    this.#requestCounts[index] = (this.#requestCounts[index] as number) + 1;
    const at = CBOE_UNIT_HEADER_BYTE_LENGTH;
    const end = at + writeCboeGapResponse(this.#answer, at, unit, sequence, messageCount, status);
    writeCboeUnitHeader(this.#answer, 0, end, 1, 0, 0);
    this.#send(end);
    if (status === "A" && store !== undefined)
      this.#retransmit(store, unit, sequence, this.#policy.portion(messageCount));
  }

  #judge(store: MessageStore | undefined, first: number, count: number): string {
    if (store === undefined) return "I";
    if (count > (this.#options.requestMessageLimit ?? 100)) return "C";
    if (count === 0 || first < store.firstSequence || first + count > store.nextSequence) return "O";
    const minute = Math.floor((this.#clock.now[0] as number) / NS_PER_MINUTE);
    if (minute !== this.#times[2]) this.#requestsThisMinute = 0;
    this.#times[2] = minute;
    if (this.#requestsToday >= (this.#options.requestsPerDay ?? Number.POSITIVE_INFINITY)) return "D";
    if (this.#requestsThisMinute >= (this.#options.requestsPerMinute ?? Number.POSITIVE_INFINITY)) return "M";
    if (!this.#policy.admit()) return "S";
    this.#requestsThisMinute++;
    this.#requestsToday++;
    return this.#policy.refuses() ? "U" : "A";
  }

  /** Units with as many messages as fit, one behind the other. */
  #retransmit(store: MessageStore, unit: number, first: number, messageCount: number): void {
    this.#policy.delay();
    const { bytes } = this.#frame;
    const start = this.#template.headerByteLength;
    const end = start + this.#payloadByteLimit;
    for (let sequence = first; sequence < first + messageCount; ) {
      let at = start + CBOE_UNIT_HEADER_BYTE_LENGTH;
      let count = 0;
      while (count < UNIT_MESSAGE_LIMIT && sequence + count < first + messageCount) {
        const byteLength = store.byteLengthOf(sequence + count);
        // A message is 255 bytes long at most, so one always fits.
        if (at + byteLength > end && count > 0) break;
        const from = store.offsetOf(sequence + count);
        for (let index = 0; index < byteLength; index++) bytes[at + index] = store.bytes[from + index] as number;
        at += byteLength;
        count++;
      }
      writeCboeUnitHeader(bytes, start, at - start, count, unit, sequence);
      this.#outbox.put(this.#frame, 0, this.#template.stamp(bytes, 0, at - start), this.#policy.answerNs);
      this.#messagesSent += count;
      sequence += count;
    }
  }

  #send(byteLength: number): void {
    if (!this.#toClient.write(this.#answer, 0, byteLength)) this.#answersDropped++;
  }

  #close(why: string): void {
    this.#closedBecause = why;
    this.#toClient.close();
  }
}
