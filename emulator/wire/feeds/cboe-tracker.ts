import { PITCH_END_OF_SESSION, PITCH_MESSAGES, PITCH_UNIT_CLEAR, pitchMessageKind } from "./cboe-pitch.ts";
import { CboeUnitPacket } from "./cboe-unit.ts";
import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { type MessageCount, MessageCounts } from "./message-counts.ts";
import { StreamTable, StreamTally } from "./stream-table.ts";

const FORMAT = "Cboe PITCH";

/**
 * Follows Cboe PITCH. Each unit is a stream. A heartbeat of sequence 0 shows a gap-response group: what comes on it was asked
 * for by somebody, so it has no order to keep, and its messages are counted without being sequenced.
 */
class CboeTracker implements FeedTracker {
  readonly format: string = FORMAT;
  readonly numbers = "messages";
  unreadable = 0;
  readonly #packet = new CboeUnitPacket();
  readonly #counts = new MessageCounts(PITCH_MESSAGES, "hex");
  readonly #table = new StreamTable(StreamTally, (unit) => `unit ${unit}`);
  /** By unit: 1 where the line is a gap-response group. */
  readonly #isGapGroup = new Uint8Array(256);

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
    const stream = this.#table.at(packet.unit);
    if (stream === undefined) return true;
    stream.packets++;
    stream.messages += packet.messageCount;
    if (packet.isHeartbeat) {
      stream.heartbeats++;
      if (!packet.isSequenced) this.#isGapGroup[packet.unit] = 1;
    }
    if (packet.isSequenced && this.#isGapGroup[packet.unit] === 0) {
      stream.range[0] = packet.sequence;
      stream.range[1] = packet.sequence + packet.messageCount;
      stream.advance();
    }
    while (packet.nextMessage()) this.#countMessage(stream);
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    const clears = this.#counts.byType[PITCH_UNIT_CLEAR] as number;
    return { ...(clears > 0 && { "unit clears": clears }), ...this.#counts.remarks() };
  }

  #countMessage(stream: StreamTally): void {
    const { messageType, messageByteLength } = this.#packet;
    this.#counts.count(messageType);
    if (messageType === PITCH_END_OF_SESSION) stream.endOfSession++;
    const kind = pitchMessageKind(messageType);
    if (kind !== undefined && messageByteLength < kind.byteLength) this.#counts.malformed++;
  }
}

const probe = new CboeUnitPacket();
// The length of the whole payload, and a count that its messages bear out.
const HEADER_BITS = 16 + 8;
// Type and length: about 30 of 2^16 that there are.
const MESSAGE_BITS = 11;

export const CBOE_PITCH_FORMAT: FeedFormat = {
  name: FORMAT,
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength) || probe.unitByteLength !== byteLength) return -1;
    let bits = HEADER_BITS;
    while (probe.nextMessage()) {
      const kind = pitchMessageKind(probe.messageType);
      const { messageByteLength } = probe;
      // A message that PITCH has not, or has otherwise, speaks against it as much as one that fits speaks for it.
      const fits =
        kind !== undefined && messageByteLength >= kind.byteLength && messageByteLength <= kind.maxByteLength;
      bits += fits ? MESSAGE_BITS : -MESSAGE_BITS;
    }
    return Math.max(0, bits);
  },
  openTracker: () => new CboeTracker(),
};
