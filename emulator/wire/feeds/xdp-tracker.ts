import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { type MessageCount, MessageCounts } from "./message-counts.ts";
import { XDP_FAILOVER, XDP_MESSAGES, XDP_SEQUENCE_RESET, XDP_UNAVAILABLE, XdpPacket } from "./nyse-xdp.ts";
import { LONE_STREAM, StreamTable, StreamTally } from "./stream-table.ts";

const FORMAT = "NYSE XDP";
/** Options feeds have types up to 505. */
const TYPE_LIMIT = 512;

/**
 * Follows NYSE XDP. A line is one channel, so there is one stream. Packets with the flag of a sequence reset, or of a failover
 * that goes back, begin it anew; retransmissions fill gaps; refreshes are counted beside it, as their sequence is their own.
 */
class XdpTracker implements FeedTracker {
  readonly format: string = FORMAT;
  readonly numbers = "messages";
  unreadable = 0;
  retransmissions = 0;
  refreshes = 0;
  unavailable = 0;
  readonly #packet = new XdpPacket();
  readonly #counts = new MessageCounts(XDP_MESSAGES, "decimal", TYPE_LIMIT);
  readonly #table = new StreamTable(StreamTally, () => LONE_STREAM);

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
    const stream = this.#table.at(0);
    if (stream === undefined) return true;
    stream.packets++;
    stream.messages += packet.messageCount;
    if (packet.isHeartbeat) stream.heartbeats++;
    this.#sequence(stream);
    while (packet.nextMessage()) this.#counts.count(packet.messageType);
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    return {
      ...(this.retransmissions > 0 && { "retransmission packets": this.retransmissions }),
      ...(this.refreshes > 0 && { "refresh packets": this.refreshes }),
      ...(this.unavailable > 0 && { "message unavailable packets": this.unavailable }),
      ...this.#counts.remarks(),
    };
  }

  #sequence(stream: StreamTally): void {
    const packet = this.#packet;
    const { deliveryFlag } = packet;
    if (packet.isRetransmission) this.retransmissions++;
    if (packet.isRefresh || deliveryFlag === XDP_UNAVAILABLE) {
      if (packet.isRefresh) this.refreshes++;
      else this.unavailable++;
      return;
    }
    packet.rangeInto(stream.range);
    const begins =
      deliveryFlag === XDP_SEQUENCE_RESET ||
      (deliveryFlag === XDP_FAILOVER && (stream.range[0] as number) < stream.nextSequence);
    if (begins) stream.restart();
    else stream.advance();
  }
}

const probe = new XdpPacket();
// Size, delivery flag, a count that the messages bear out, nanoseconds below 10^9 and a send time between 2005 and 2035.
const HEADER_BITS = 16 + 4 + 8 + 2 + 2;
// A known type; its size is borne out by the walk.
const MESSAGE_BITS = 11;
const EARLIEST_SECONDS = 1_104_537_600;
const LATEST_SECONDS = 2_051_222_400;

export const NYSE_XDP_FORMAT: FeedFormat = {
  name: FORMAT,
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength) || probe.packetByteLength !== byteLength) return -1;
    if (probe.sendNanoseconds >= 1_000_000_000) return -1;
    if (probe.sendSeconds < EARLIEST_SECONDS || probe.sendSeconds > LATEST_SECONDS) return -1;
    let bits = HEADER_BITS;
    while (probe.nextMessage()) if (KNOWN_TYPES.has(probe.messageType)) bits += MESSAGE_BITS;
    return bits;
  },
  openTracker: () => new XdpTracker(),
};

const KNOWN_TYPES: ReadonlySet<number> = new Set(XDP_MESSAGES.map(({ type }) => type));
