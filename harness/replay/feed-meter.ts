import { i32be } from "../../emulator/wire/feeds/big-endian.ts";
import { FeedLine } from "../../emulator/wire/feeds/feed-recogniser.ts";
import type { FeedTracker } from "../../emulator/wire/feeds/feed-tracker.ts";
import { ItchTracker } from "../../emulator/wire/feeds/itch-tracker.ts";
import { ITCH50_MESSAGES } from "../../emulator/wire/feeds/itch50-messages.ts";
import type { MessageCount } from "../../emulator/wire/feeds/message-counts.ts";
import type { StreamTally } from "../../emulator/wire/feeds/stream-table.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";
import { ipv6Text } from "../capture/line-table.ts";

/** What arrived of one stream of a feed on one line. Plain data. */
export interface StreamReport {
  /** What tells it from the others on its line: a session, a unit, a channel. */
  readonly stream: string;
  readonly packets: number;
  readonly messages: number;
  /** Null where no packet had a sequence. */
  readonly firstSequence: number | null;
  readonly nextSequence: number | null;
  readonly gaps: number;
  /** Numbers skipped by gaps, and those of them that came later after all. */
  readonly missing: number;
  readonly recovered: number;
  readonly outOfOrder: number;
  readonly duplicates: number;
  /** Times that the sender began to count anew. */
  readonly restarts: number;
  readonly heartbeats: number;
  readonly endOfSession: number;
}

/** What arrived of one feed on one line. Plain data. */
export interface LineReport {
  /** Destination "233.54.12.111:26477". */
  readonly line: string;
  /** "CME MDP 3.0", "Cboe PITCH", … */
  readonly format: string;
  /** What sequence numbers count. */
  readonly numbers: "messages" | "packets";
  readonly streams: readonly StreamReport[];
  /** Times that a packet belonged to another stream than the one before it. */
  readonly streamChanges: number;
  readonly messageTypes: readonly MessageCount[];
  /** Packets on the line that are not of its format: cut by the capture, or damaged. */
  readonly unreadablePackets: number;
  /** What only this format counts, by name. */
  readonly remarks: Readonly<Record<string, number>>;
}

/** What arrived of one MoldUDP64 session on one line. Plain data. */
export interface SessionReport {
  /** Destination "233.54.12.111:26477". */
  readonly line: string;
  /** Ten characters, trailing blanks cut; "(zeroed)" where the header holds none. */
  readonly session: string;
  readonly packets: number;
  readonly messages: number;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly gaps: number;
  /** Messages skipped by gaps, and those of them that came later after all. */
  readonly missing: number;
  readonly recovered: number;
  readonly outOfOrder: number;
  /** Times that the sender began to count from 1 again. */
  readonly restarts: number;
  readonly duplicates: number;
  readonly heartbeats: number;
  readonly endOfSession: number;
}

/** What arrived, by protocol. Plain data. */
export interface FeedReport {
  readonly udpFrames: number;
  readonly otherFrames: number;
  /** Destinations of UDP frames, up to the limit of the table. */
  readonly lineCount: number;
  /** The lines that carry a known feed, in the order in which they were first seen. */
  readonly lines: readonly LineReport[];
  /** MoldUDP64 sessions of all lines: those of `lines` once more. */
  readonly sessions: readonly SessionReport[];
  /** ITCH 5.0 messages of all lines by type letter, in the order of the specification. */
  readonly itchMessages: Readonly<Record<string, number>>;
  readonly itchMessageCount: number;
  /** Packets on the lines of known feeds that are not of the line's format: cut by the capture, or damaged. */
  readonly unreadablePackets: number;
}

/** UDP destinations that are told apart; frames to further ones are counted as UDP and not looked into. */
const LINE_LIMIT = 256;
const TABLE_MASK = 2 * LINE_LIMIT - 1;
/** In an IPv6 header. */
const IPV6_DESTINATION_OFFSET = 24;

/** A UDP destination. */
class Line extends FeedLine {
  /** Four words of an IPv6 address, or the one of IPv4 and three zeros. */
  readonly address: Int32Array;
  readonly port: number;
  readonly ipVersion: number;

  constructor(address: Int32Array, port: number, ipVersion: number) {
    super();
    this.address = address.slice();
    this.port = port;
    this.ipVersion = ipVersion;
  }

  isTo(address: Int32Array, port: number, ipVersion: number): boolean {
    const own = this.address;
    if (own[0] !== address[0] || this.port !== port || this.ipVersion !== ipVersion) return false;
    return own[1] === address[1] && own[2] === address[2] && own[3] === address[3];
  }

  /** "233.54.12.111:26477", "[ff02::1]:5000" */
  get name(): string {
    const view = new DataView(new ArrayBuffer(16));
    for (const [index, word] of this.address.entries()) view.setInt32(4 * index, word);
    const bytes = new Uint8Array(view.buffer);
    const address = this.ipVersion === 4 ? bytes.subarray(0, 4).join(".") : `[${ipv6Text(bytes)}]`;
    return `${address}:${this.port}`;
  }
}

/**
 * Looks into every frame that a consumer got, and follows the feeds that it knows, told from everything else by structure
 * alone. Nothing is copied, and nothing allocated but for a new line, a format that may be its own, or a stream.
 */
export class FeedMeter {
  readonly #headers = new FrameHeaders();
  readonly #lines: Line[] = [];
  /** Open addressing by destination: index into `#lines` plus 1, or 0. */
  readonly #table = new Int16Array(TABLE_MASK + 1);
  #lastLine: Line | undefined;
  /** Destination of the frame at hand. */
  readonly #address = new Int32Array(4);
  #udpFrames = 0;
  #otherFrames = 0;

  /** Counts the frame of `byteLength` bytes at `offset`, without FCS. */
  count(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    if (headers.ipProtocol !== IP_PROTOCOL_UDP || headers.l4Offset < 0) {
      this.#otherFrames++;
      return;
    }
    this.#udpFrames++;
    const line = this.#lineOf(bytes, offset);
    line?.count(bytes, offset + headers.payloadOffset, headers.payloadByteLength);
  }

  report(): FeedReport {
    const lines = this.#lines.flatMap((line) => (line.tracker === undefined ? [] : [reportLine(line, line.tracker)]));
    const itchTrackers = this.#lines.map(({ tracker }) => tracker).filter((tracker) => tracker instanceof ItchTracker);
    const itchMessages = ITCH50_MESSAGES.map(({ letter }): [string, number] => [
      letter,
      itchTrackers.reduce((sum, { counters }) => sum + counters.of(letter), 0),
    ]).filter(([, count]) => count > 0);
    return {
      udpFrames: this.#udpFrames,
      otherFrames: this.#otherFrames,
      lineCount: this.#lines.length,
      lines,
      sessions: this.#lines.flatMap((line) =>
        line.tracker instanceof ItchTracker ? reportSessions(line.name, line.tracker) : [],
      ),
      itchMessages: Object.fromEntries(itchMessages),
      itchMessageCount: itchMessages.reduce((sum, [, count]) => sum + count, 0),
      unreadablePackets: lines.reduce((sum, { unreadablePackets }) => sum + unreadablePackets, 0),
    };
  }

  #lineOf(bytes: Uint8Array, offset: number): Line | undefined {
    const { ipVersion, destinationPort: port } = this.#headers;
    const address = this.#address;
    this.#readAddress(bytes, offset);
    const last = this.#lastLine;
    if (last?.isTo(address, port, ipVersion) === true) return last;
    const [word0 = 0, word1 = 0, word2 = 0, word3 = 0] = address;
    const folded = word0 ^ Math.imul(word1 ^ Math.imul(word2 ^ Math.imul(word3, 31), 31), 31);
    let at = (Math.imul(folded ^ (port << 16) ^ port, 0x9e37_79b1) >>> 16) & TABLE_MASK;
    // The table is twice as large as the number of lines, so there is always a free place.
    for (; this.#table[at] !== 0; at = (at + 1) & TABLE_MASK) {
      const line = this.#lines[(this.#table[at] as number) - 1] as Line;
      if (!line.isTo(address, port, ipVersion)) continue;
      this.#lastLine = line;
      return line;
    }
    if (this.#lines.length === LINE_LIMIT) return undefined;
    const line = new Line(address, port, ipVersion);
    this.#table[at] = this.#lines.push(line);
    this.#lastLine = line;
    return line;
  }

  #readAddress(bytes: Uint8Array, offset: number): void {
    const { ipVersion, ipv4Destination, l3Offset } = this.#headers;
    const address = this.#address;
    if (ipVersion === 4) {
      address.fill(0);
      address[0] = ipv4Destination;
      return;
    }
    const at = offset + l3Offset + IPV6_DESTINATION_OFFSET;
    for (let word = 0; word < 4; word++) address[word] = i32be(bytes, at + 4 * word);
  }
}

function reportLine(line: Line, tracker: FeedTracker): LineReport {
  return {
    line: line.name,
    format: tracker.format,
    numbers: tracker.numbers,
    streams: tracker.streams.map(reportStream),
    streamChanges: tracker.streamChanges,
    messageTypes: tracker.messageCounts(),
    unreadablePackets: tracker.unreadable,
    remarks: tracker.remarks(),
  };
}

function reportStream(stream: StreamTally): StreamReport {
  return {
    stream: printable(stream.name),
    packets: stream.packets,
    messages: stream.messages,
    firstSequence: stream.hasBegun ? stream.firstSequence : null,
    nextSequence: stream.hasBegun ? stream.nextSequence : null,
    gaps: stream.gaps,
    missing: stream.missing,
    recovered: stream.recovered,
    outOfOrder: stream.outOfOrder,
    duplicates: stream.duplicates,
    restarts: stream.restarts,
    heartbeats: stream.heartbeats,
    endOfSession: stream.endOfSession,
  };
}

function reportSessions(line: string, tracker: ItchTracker): SessionReport[] {
  return tracker.streams.map((session) => ({
    line,
    session: printable(session.name),
    packets: session.packets,
    messages: session.messages,
    firstSequence: session.firstSequence,
    nextSequence: session.nextSequence,
    gaps: session.gaps,
    missing: session.missing,
    recovered: session.recovered,
    outOfOrder: session.outOfOrder,
    restarts: session.restarts,
    duplicates: session.duplicates,
    heartbeats: session.heartbeats,
    endOfSession: session.endOfSession,
  }));
}

function printable(name: string): string {
  return name.replaceAll("\0", "").trimEnd() || "(zeroed)";
}
