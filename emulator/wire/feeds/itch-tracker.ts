import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { ITCH50_BYTE_LENGTHS, ItchCounters } from "./itch50.ts";
import { ITCH50_MESSAGES } from "./itch50-messages.ts";
import type { MessageCount } from "./message-counts.ts";
import { MoldTracker } from "./mold-tracker.ts";
import { MOLD_HEADER_BYTE_LENGTH, MoldUdp64Packet } from "./mold-udp64.ts";
import type { StreamTally } from "./stream-table.ts";

const FORMAT = "MoldUDP64, ITCH 5.0";

/** Follows Nasdaq TotalView-ITCH 5.0 in MoldUDP64. Each session is a stream. */
export class ItchTracker implements FeedTracker {
  readonly format: string = FORMAT;
  readonly numbers = "messages";
  unreadable = 0;
  readonly counters: ItchCounters = new ItchCounters();
  readonly #packet = new MoldUdp64Packet();
  readonly #tracker = new MoldTracker();

  get streams(): readonly StreamTally[] {
    return this.#tracker.sessions;
  }

  get streamChanges(): number {
    return this.#tracker.sessionChanges;
  }

  track(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) {
      this.unreadable++;
      return false;
    }
    this.#tracker.track(packet);
    while (packet.nextMessage()) this.counters.count(bytes, packet.messageOffset, packet.messageByteLength);
    return true;
  }

  messageCounts(): MessageCount[] {
    return ITCH50_MESSAGES.filter(({ letter }) => this.counters.of(letter) > 0).map(({ letter, name }) => ({
      type: letter,
      name,
      count: this.counters.of(letter),
    }));
  }

  remarks(): Record<string, number> {
    const { malformed, unknown } = this.counters;
    return {
      ...(malformed > 0 && { "malformed messages": malformed }),
      ...(unknown > 0 && { "messages of unknown type": unknown }),
    };
  }
}

const probe = new MoldUdp64Packet();
// High bits of the sequence, the count, and messages that fill the payload.
const HEADER_BITS = 11 + 16 + 16;
// Length u16 and type: 23 of 2^24 that there are.
const MESSAGE_BITS = 19;

export const ITCH_FORMAT: FeedFormat = {
  name: FORMAT,
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength)) return -1;
    // A heartbeat looks the same whatever the messages are, and a run of zeros looks like one.
    if (probe.messageCount === 0) return 0;
    let bits = HEADER_BITS;
    let end = offset + MOLD_HEADER_BYTE_LENGTH;
    while (probe.nextMessage()) {
      end = probe.messageOffset + probe.messageByteLength;
      if (probe.messageByteLength === 0) return -1;
      if (ITCH50_BYTE_LENGTHS[bytes[probe.messageOffset] as number] !== probe.messageByteLength) return -1;
      bits += MESSAGE_BITS;
    }
    return end === offset + byteLength ? bits : -1;
  },
  openTracker: () => new ItchTracker(),
};
