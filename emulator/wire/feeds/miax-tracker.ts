import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { type MessageCount, MessageCounts } from "./message-counts.ts";
import { MACH_DATA, MACH_END_OF_SESSION, MACH_HEARTBEAT, MachDatagram, MIAX_TOM_MESSAGES } from "./miax-mach.ts";
import { StreamTable, StreamTally } from "./stream-table.ts";

const FORMAT = "MIAX MACH";

/**
 * Follows MIAX MACH. Each session is a stream; `packets` counts datagrams, each for the session of its first packet. Messages are
 * named as in the top-of-market feed.
 */
class MiaxTracker implements FeedTracker {
  readonly format: string = FORMAT;
  readonly numbers = "messages";
  unreadable = 0;
  /** Packets that said that a session begins. */
  sessionStarts = 0;
  readonly #datagram = new MachDatagram();
  readonly #counts = new MessageCounts(MIAX_TOM_MESSAGES, "letter");
  readonly #table = new StreamTable(StreamTally, (session) => `session ${session}`);

  get streams(): readonly StreamTally[] {
    return this.#table.streams;
  }

  get streamChanges(): number {
    return this.#table.changes;
  }

  track(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const datagram = this.#datagram;
    if (!datagram.parse(bytes, offset, byteLength)) {
      this.unreadable++;
      return false;
    }
    for (let isFirst = true; datagram.nextPacket(); isFirst = false) {
      const stream = this.#table.at(datagram.session);
      if (stream === undefined) continue;
      if (isFirst) stream.packets++;
      this.#countPacket(stream, bytes);
    }
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    return { ...(this.sessionStarts > 0 && { "session starts": this.sessionStarts }), ...this.#counts.remarks() };
  }

  #countPacket(stream: StreamTally, bytes: Uint8Array): void {
    const { packetType, sequence, messageOffset, messageByteLength } = this.#datagram;
    if (packetType === MACH_DATA) {
      stream.messages++;
      stream.range[0] = sequence;
      stream.range[1] = sequence + 1;
      stream.advance();
      if (messageByteLength > 0) this.#counts.count(bytes[messageOffset] as number);
      else this.#counts.malformed++;
    } else if (packetType === MACH_HEARTBEAT) {
      stream.heartbeats++;
      // The last one sent, so that the next is expected.
      stream.range[0] = sequence + 1;
      stream.range[1] = sequence + 1;
      stream.advance();
    } else if (packetType === MACH_END_OF_SESSION) {
      stream.endOfSession++;
    } else {
      this.sessionStarts++;
    }
  }
}

const probe = new MachDatagram();
const KNOWN_TYPES: ReadonlySet<number> = new Set(MIAX_TOM_MESSAGES.map(({ type }) => type));
// High half of the sequence, length, packet type; and the first datagram's packets follow each other in sequence.
const PACKET_BITS = 10 + 16 + 6;
const MESSAGE_BITS = 4;

export const MIAX_MACH_FORMAT: FeedFormat = {
  name: FORMAT,
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength)) return -1;
    let bits = 0;
    while (probe.nextPacket()) {
      bits += PACKET_BITS;
      if (probe.packetType === MACH_DATA && probe.messageByteLength > 0) {
        if (KNOWN_TYPES.has(bytes[probe.messageOffset] as number)) bits += MESSAGE_BITS;
      } else if (probe.packetType === MACH_DATA || probe.messageByteLength > 0) {
        return 0;
      }
    }
    return bits;
  },
  openTracker: () => new MiaxTracker(),
};
