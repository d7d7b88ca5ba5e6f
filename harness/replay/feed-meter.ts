import { ITCH50_BYTE_LENGTHS, ItchCounters } from "../../emulator/wire/feeds/itch50.ts";
import { MoldTracker } from "../../emulator/wire/feeds/mold-tracker.ts";
import { MOLD_HEADER_BYTE_LENGTH, MoldUdp64Packet } from "../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";

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
  readonly sessions: readonly SessionReport[];
  /** ITCH 5.0 messages by type letter, in the order of the specification. */
  readonly itchMessages: Readonly<Record<string, number>>;
  readonly itchMessageCount: number;
  /** Packets on a line of MoldUDP64 that are none: cut by the capture, or damaged. */
  readonly unreadablePackets: number;
}

/** UDP destinations that are told apart; frames to further ones are counted as UDP and not looked into. */
const LINE_LIMIT = 256;
const TABLE_MASK = 2 * LINE_LIMIT - 1;

/** A UDP destination. It carries MoldUDP64 once a packet with ITCH messages has shown it. */
class Line {
  readonly address: number;
  readonly port: number;
  readonly tracker: MoldTracker = new MoldTracker();
  isMold = false;

  constructor(address: number, port: number) {
    this.address = address;
    this.port = port;
  }
}

/**
 * Looks into every frame that a consumer got: MoldUDP64 with ITCH 5.0, told from everything else by structure alone. A
 * line counts as MoldUDP64 from the first packet on whose message lengths fill the payload exactly and whose messages
 * all have a type and a length of ITCH 5.0. Nothing is copied, and nothing allocated but for a new line or session.
 */
export class FeedMeter {
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();
  readonly #counters = new ItchCounters();
  readonly #lines: Line[] = [];
  /** Open addressing by destination: index into `#lines` plus 1, or 0. */
  readonly #table = new Int16Array(TABLE_MASK + 1);
  #lastLine: Line | undefined;
  #udpFrames = 0;
  #otherFrames = 0;
  #unreadablePackets = 0;

  /** Counts the frame of `byteLength` bytes at `offset`, without FCS. */
  count(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    if (headers.ipProtocol !== IP_PROTOCOL_UDP || headers.l4Offset < 0) {
      this.#otherFrames++;
      return;
    }
    this.#udpFrames++;
    const line = this.#lineOf(headers.ipVersion === 4 ? headers.ipv4Destination : 0, headers.destinationPort);
    if (line !== undefined) this.#countPayload(line, bytes, offset + headers.payloadOffset, headers.payloadByteLength);
  }

  report(): FeedReport {
    return {
      udpFrames: this.#udpFrames,
      otherFrames: this.#otherFrames,
      lineCount: this.#lines.length,
      sessions: this.#lines.filter((line) => line.isMold).flatMap(sessionsOf),
      itchMessages: this.#counters.toObject(),
      itchMessageCount: this.#counters.total,
      unreadablePackets: this.#unreadablePackets,
    };
  }

  #countPayload(line: Line, bytes: Uint8Array, offset: number, byteLength: number): void {
    const packet = this.#packet;
    const isReadable = packet.parse(bytes, offset, byteLength);
    if (!line.isMold) {
      if (!isReadable || !this.#isItch(bytes, offset, byteLength)) return;
      line.isMold = true;
      packet.parse(bytes, offset, byteLength);
    }
    if (!isReadable) {
      this.#unreadablePackets++;
      return;
    }
    line.tracker.track(packet);
    while (packet.nextMessage()) this.#counters.count(bytes, packet.messageOffset, packet.messageByteLength);
  }

  /** Whether the packet just parsed has messages, fills its payload, and holds nothing but ITCH 5.0. */
  #isItch(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (packet.messageCount === 0) return false;
    let end = offset + MOLD_HEADER_BYTE_LENGTH;
    while (packet.nextMessage()) {
      end = packet.messageOffset + packet.messageByteLength;
      if (packet.messageByteLength === 0) return false;
      if (ITCH50_BYTE_LENGTHS[bytes[packet.messageOffset] as number] !== packet.messageByteLength) return false;
    }
    return end === offset + byteLength;
  }

  #lineOf(address: number, port: number): Line | undefined {
    const last = this.#lastLine;
    if (last !== undefined && last.address === address && last.port === port) return last;
    let at = (Math.imul(address ^ (port << 16) ^ port, 0x9e37_79b1) >>> 16) & TABLE_MASK;
    // The table is twice as large as the number of lines, so there is always a free place.
    for (; this.#table[at] !== 0; at = (at + 1) & TABLE_MASK) {
      const line = this.#lines[(this.#table[at] as number) - 1] as Line;
      if (line.address !== address || line.port !== port) continue;
      this.#lastLine = line;
      return line;
    }
    if (this.#lines.length === LINE_LIMIT) return undefined;
    const line = new Line(address, port);
    this.#table[at] = this.#lines.push(line);
    this.#lastLine = line;
    return line;
  }
}

function sessionsOf(line: Line): SessionReport[] {
  const address = [24, 16, 8, 0].map((shift) => (line.address >>> shift) & 0xff).join(".");
  return line.tracker.sessions.map((session) => ({
    line: `${address}:${line.port}`,
    session: session.name.replaceAll("\0", "").trimEnd() || "(zeroed)",
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
