import { Rng } from "../../run/rng.ts";
import { ipv4Address, type UdpFlow, UdpFrameTemplate } from "../build-frame.ts";
import { type CaptureRecord, LINKTYPE_ETHERNET, type RecordSource } from "../capture/capture-record.ts";
import { wireTimeNs } from "../line-rate.ts";
import { ItchMarket } from "./itch-market.ts";
import { MOLD_END_OF_SESSION, MOLD_HEADER_BYTE_LENGTH, MOLD_SESSION_BYTE_LENGTH } from "./mold-udp64.ts";

export interface ItchSessionOptions {
  readonly seed: number;
  /** Frames in the session, at least 6; 200 000 when left out. */
  readonly frameCount?: number;
  /** Stocks traded; 32 when left out, fewer in a session too short to announce them. */
  readonly stockCount?: number;
  /** Where the frames go; a multicast group as Nasdaq's, untagged, when left out. */
  readonly flow?: UdpFlow;
  /** Ten characters at most. */
  readonly session?: string;
  /** Midnight of the trading day in seconds since 1970; 20 November 2023, New York, when left out. */
  readonly midnightSeconds?: number;
}

const DEFAULT_FLOW: UdpFlow = {
  sourceMac: 0x0200_0000_00aa,
  sourceIp: ipv4Address("192.0.2.10"),
  destinationIp: ipv4Address("233.54.12.111"),
  sourcePort: 49_653,
  destinationPort: 26_477,
  timeToLive: 21,
};
const FRAME_BUFFER_BYTE_LENGTH = 2048;
const MESSAGES_PER_FRAME_MAX = 8;
const END_OF_SESSION_FRAME_COUNT = 3;
const LINK_GIGABITS_PER_SECOND = 10;
const NS_PER_SECOND = 1_000_000_000;
/** Just before the opening bell at 9:30. */
const START_SECONDS_OF_DAY = 9.5 * 3600 - 1;
/** From the matching engine's stamp to the wire. */
const FEED_LATENCY_NS = 165_000;
const CLOSING_EVENTS = "MEC";
const STOCK_COUNT_MAX = 26 ** 3;
/** Messages of the opening that there are for every stock (R H Y L I Q), and the events O, S and Q among them. */
const OPENING_ROUNDS = 6;
const OPENING_EVENTS = 3;

/**
 * A made-up trading session as frames on a wire: MoldUDP64 with one to eight ITCH 5.0 messages in UDP multicast. It opens
 * with system events and the stock directory, trades in bursts with quiet in between, sends heartbeats when it is silent
 * for a second, and closes with end-of-session packets. The same options give the same bytes and times, always.
 *
 * Gives records as a capture reader does, so that a replayer can take either. The record's bytes lie in one buffer of
 * the session and are good until the next call; nothing is allocated per frame.
 */
export class ItchSession implements RecordSource {
  readonly frameCount: number;
  readonly stockCount: number;
  /** What was written so far: the truth that a receiver's own counts must equal. */
  framesWritten = 0;
  messagesWritten = 0;
  heartbeatsWritten = 0;
  endOfSessionsWritten = 0;
  /** Sum of all frame lengths, without FCS. */
  bytesWritten = 0;
  /** Messages by type byte. */
  readonly messagesByType: Float64Array = new Float64Array(256);
  readonly #rng: Rng;
  readonly #market: ItchMarket;
  readonly #template: UdpFrameTemplate;
  readonly #frame = new Uint8Array(FRAME_BUFFER_BYTE_LENGTH);
  readonly #moldAt: number;
  readonly #midnightSeconds: number;
  readonly #openingMessageCount: number;
  #openingMessagesWritten = 0;
  #seconds: number;
  #nanoseconds = 0;
  #frameByteLength = 0;
  #burstFramesLeft = 0;
  /** Whole seconds of a silence still to come, each of them a heartbeat. */
  #silentSecondsLeft = 0;

  /** @throws RangeError for fewer than 6 frames, stocks that there are no symbols for, or a session of more than ten characters. */
  constructor(options: ItchSessionOptions) {
    const { seed, frameCount = 200_000, stockCount = 32, flow = DEFAULT_FLOW, session = "SOFTBAR001" } = options;
    if (!Number.isInteger(frameCount) || frameCount < 6) {
      throw new RangeError(`An ITCH session has at least 6 frames (opening, trading, close), not ${frameCount}.`);
    }
    if (session.length > MOLD_SESSION_BYTE_LENGTH) {
      throw new RangeError(`A MoldUDP64 session has at most ${MOLD_SESSION_BYTE_LENGTH} characters, not "${session}".`);
    }
    if (!Number.isInteger(stockCount) || stockCount < 1 || stockCount > STOCK_COUNT_MAX) {
      throw new RangeError(`An ITCH session has 1 to ${STOCK_COUNT_MAX} stocks (SAAA to SZZZ), not ${stockCount}.`);
    }
    this.frameCount = frameCount;
    // The opening takes at most half of the frames, but for the shortest sessions.
    const most = Math.floor(((frameCount - 4) * (MESSAGES_PER_FRAME_MAX / 2) - OPENING_EVENTS) / OPENING_ROUNDS);
    this.stockCount = Math.max(1, Math.min(stockCount, most));
    this.#openingMessageCount = OPENING_ROUNDS * this.stockCount + OPENING_EVENTS;
    this.#rng = new Rng(seed);
    this.#market = new ItchMarket(this.#rng, this.stockCount);
    this.#template = new UdpFrameTemplate(flow);
    this.#moldAt = this.#template.headerByteLength;
    this.#midnightSeconds = options.midnightSeconds ?? 1_700_456_400;
    this.#seconds = this.#midnightSeconds + START_SECONDS_OF_DAY;
    const padded = session.padEnd(MOLD_SESSION_BYTE_LENGTH);
    for (let index = 0; index < padded.length; index++) this.#frame[this.#moldAt + index] = padded.charCodeAt(index);
  }

  /** Sequence of the next message. */
  get nextSequence(): number {
    return this.messagesWritten + 1;
  }

  next(record: CaptureRecord): boolean {
    if (this.framesWritten === this.frameCount) return false;
    const framesLeft = this.frameCount - this.framesWritten;
    if (framesLeft <= END_OF_SESSION_FRAME_COUNT) this.#writeEndOfSession(framesLeft);
    else if (framesLeft === END_OF_SESSION_FRAME_COUNT + 1) this.#writeClosing();
    else if (this.#openingMessagesWritten < this.#openingMessageCount) this.#writeOpening();
    else this.#writeTrading();
    this.framesWritten++;
    this.bytesWritten += this.#frameByteLength;
    record.seconds = this.#seconds;
    record.nanoseconds = this.#nanoseconds;
    record.timed = true;
    record.bytes = this.#frame;
    record.offset = 0;
    record.byteLength = this.#frameByteLength;
    record.originalByteLength = this.#frameByteLength;
    record.interfaceIndex = 0;
    record.sectionIndex = 0;
    record.linkType = LINKTYPE_ETHERNET;
    record.fcsByteLength = 0;
    return true;
  }

  #writeOpening(): void {
    this.#advance(this.#rng.between(1, 2000));
    const bytes = this.#frame;
    let at = this.#moldAt + MOLD_HEADER_BYTE_LENGTH;
    let count = 0;
    while (count < MESSAGES_PER_FRAME_MAX && this.#openingMessagesWritten < this.#openingMessageCount) {
      at = this.#endMessage(at, this.#writeOpeningMessage(bytes, at + 2, this.#openingMessagesWritten++));
      count++;
    }
    this.#finishFrame(at, count, count);
  }

  /** O; the directory and what is said of every stock before trading; S; imbalances; Q; and the opening crosses. */
  #writeOpeningMessage(bytes: Uint8Array, at: number, index: number): number {
    const market = this.#market;
    const stocks = this.stockCount;
    if (index === 0) return market.writeSystemEvent(bytes, at, "O");
    if (index === 4 * stocks + 1) return market.writeSystemEvent(bytes, at, "S");
    if (index === 5 * stocks + 2) return market.writeSystemEvent(bytes, at, "Q");
    if (index <= stocks) return market.writeStockDirectory(bytes, at, index - 1);
    if (index <= 2 * stocks) return market.writeTradingAction(bytes, at, index - 1 - stocks);
    if (index <= 3 * stocks) return market.writeRegSho(bytes, at, index - 1 - 2 * stocks);
    if (index <= 4 * stocks) return market.writeParticipantPosition(bytes, at, index - 1 - 3 * stocks);
    if (index < 5 * stocks + 2) return market.writeImbalance(bytes, at, index - 2 - 4 * stocks);
    return market.writeCross(bytes, at, index - 3 - 5 * stocks);
  }

  #writeTrading(): void {
    const rng = this.#rng;
    if (this.#silentSecondsLeft > 0) {
      this.#silentSecondsLeft--;
      this.#advanceSecond();
      this.heartbeatsWritten++;
      this.#finishFrame(this.#moldAt + MOLD_HEADER_BYTE_LENGTH, 0, 0);
      return;
    }
    this.#advance(this.#gapNs());
    // Half of all packets carry one message; full ones are rare.
    const count = rng.chance(0.5) ? 1 : rng.between(2, MESSAGES_PER_FRAME_MAX);
    let at = this.#moldAt + MOLD_HEADER_BYTE_LENGTH;
    for (let index = 0; index < count; index++) {
      const { stampNs } = this.#market.writer;
      stampNs[0] = (stampNs[0] as number) + rng.below(32);
      at = this.#endMessage(at, this.#market.writeTrading(this.#frame, at + 2));
    }
    this.#finishFrame(at, count, count);
    if (--this.#burstFramesLeft <= 0 && rng.chance(1 / 512)) this.#silentSecondsLeft = rng.between(1, 4);
  }

  #writeClosing(): void {
    this.#advance(this.#rng.between(1000, 100_000));
    let at = this.#moldAt + MOLD_HEADER_BYTE_LENGTH;
    for (const event of CLOSING_EVENTS) {
      at = this.#endMessage(at, this.#market.writeSystemEvent(this.#frame, at + 2, event));
    }
    this.#finishFrame(at, CLOSING_EVENTS.length, CLOSING_EVENTS.length);
  }

  #writeEndOfSession(framesLeft: number): void {
    if (framesLeft === END_OF_SESSION_FRAME_COUNT) this.#advance(this.#rng.between(1000, 100_000));
    else this.#advanceSecond();
    this.endOfSessionsWritten++;
    this.#finishFrame(this.#moldAt + MOLD_HEADER_BYTE_LENGTH, MOLD_END_OF_SESSION, 0);
  }

  /** Puts the length in front of the message behind `at` and counts it; returns where the next begins. */
  #endMessage(at: number, byteLength: number): number {
    const bytes = this.#frame;
    bytes[at] = byteLength >>> 8;
    bytes[at + 1] = byteLength;
    (this.messagesByType[bytes[at + 2] as number] as number)++;
    return at + 2 + byteLength;
  }

  /** Mold header and all below it. `countField` is what the header says, `messageCount` what the packet holds. */
  #finishFrame(end: number, countField: number, messageCount: number): void {
    const bytes = this.#frame;
    const at = this.#moldAt + MOLD_SESSION_BYTE_LENGTH;
    // Fewer than 2^32 messages: 2^29 frames would be needed for more.
    const sequence = this.messagesWritten + 1;
    for (let index = 0; index < 4; index++) bytes[at + index] = 0;
    bytes[at + 4] = sequence >>> 24;
    bytes[at + 5] = sequence >>> 16;
    bytes[at + 6] = sequence >>> 8;
    bytes[at + 7] = sequence;
    bytes[at + 8] = countField >>> 8;
    bytes[at + 9] = countField;
    this.messagesWritten += messageCount;
    this.#frameByteLength = this.#template.stamp(bytes, 0, end - this.#moldAt);
  }

  /** Quiet before the next frame: short inside a burst, anything up to tens of milliseconds between two. */
  #gapNs(): number {
    const rng = this.#rng;
    if (this.#burstFramesLeft > 0) return rng.below(1 << rng.between(6, 12));
    this.#burstFramesLeft = rng.below(1 << rng.between(1, 7)) + 1;
    return 20_000 + rng.below(1 << rng.between(12, 24));
  }

  /** Moves the clock by the time that the frame before took on the link and `gapNs`, and the market's stamp with it. */
  #advance(gapNs: number): void {
    this.#nanoseconds += Math.ceil(wireTimeNs(this.#frameByteLength, LINK_GIGABITS_PER_SECOND)) + gapNs;
    if (this.#nanoseconds >= NS_PER_SECOND) {
      this.#nanoseconds -= NS_PER_SECOND;
      this.#seconds++;
    }
    const nsOfDay = (this.#seconds - this.#midnightSeconds) * NS_PER_SECOND + this.#nanoseconds;
    const stampNs = nsOfDay - FEED_LATENCY_NS - this.#rng.below(3000);
    const stamps = this.#market.writer.stampNs;
    if (stampNs > (stamps[0] as number)) stamps[0] = stampNs;
  }

  #advanceSecond(): void {
    this.#seconds++;
  }
}
