import type { FeedTracker } from "./feed-tracker.ts";
import { type MessageCount, MessageCounts, type MessageKind, type TypeNotation } from "./message-counts.ts";
import { StreamTable, StreamTally } from "./stream-table.ts";

/** A packet whose header says which messages of which stream it holds: all that a tracker has to know of a simple feed. */
export interface SequencedPacket {
  /** What tells the stream from others, and its second word. */
  readonly key0: number;
  readonly key1: number;
  /** Of the first message; where there is none, the next that is expected. */
  readonly sequence: number;
  readonly messageCount: number;
  readonly isHeartbeat: boolean;
  readonly isEndOfSession: boolean;
  /** After `nextMessage`. */
  readonly messageType: number;
  /** What reports call the stream with these keys. */
  nameOf(key0: number, key1: number): string;
  parse(bytes: Uint8Array, offset: number, byteLength: number): boolean;
  /** Moves to the next message; false behind the last, and always where messages cannot be told apart. */
  nextMessage(): boolean;
}

/** Follows a feed that needs nothing beside the header of its packets. */
export class PacketTracker implements FeedTracker {
  readonly format: string;
  readonly numbers = "messages";
  unreadable = 0;
  readonly #packet: SequencedPacket;
  readonly #counts: MessageCounts;
  readonly #table: StreamTable;

  constructor(format: string, packet: SequencedPacket, kinds: readonly MessageKind[], notation: TypeNotation) {
    this.format = format;
    this.#packet = packet;
    this.#table = new StreamTable(StreamTally, (key0, key1) => packet.nameOf(key0, key1));
    this.#counts = new MessageCounts(kinds, notation);
  }

  get streams(): readonly StreamTally[] {
    return this.#table.streams;
  }

  get streamChanges(): number {
    return this.#table.changes;
  }

  track(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) {
      this.unreadable++;
      return false;
    }
    const stream = this.#table.at(packet.key0, packet.key1);
    if (stream === undefined) return true;
    stream.packets++;
    stream.messages += packet.messageCount;
    if (packet.isHeartbeat) stream.heartbeats++;
    if (packet.isEndOfSession) stream.endOfSession++;
    stream.range[0] = packet.sequence;
    stream.range[1] = packet.sequence + packet.messageCount;
    stream.advance();
    while (packet.nextMessage()) this.#counts.count(packet.messageType);
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    return this.#counts.remarks();
  }
}
