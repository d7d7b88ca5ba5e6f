import { CME_END_OF_EVENT } from "./cme-block.ts";
import { CmePacket } from "./cme-packet.ts";
import { CME_CHANNEL_RESET, CME_HEARTBEAT, CME_TEMPLATES, type CmeTemplate, cmeTemplate } from "./cme-templates.ts";
import { EpochTime } from "./epoch-time.ts";
import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { i32le } from "./little-endian.ts";
import { type MessageCount, MessageCounts } from "./message-counts.ts";
import { RptSeqTally } from "./rpt-seq.ts";
import { SbeGroups } from "./sbe-groups.ts";
import { LONE_STREAM, StreamTable, StreamTally } from "./stream-table.ts";

const FORMAT = "CME MDP 3.0";
/** The schema of the futures and options feeds. */
const SCHEMA_ID = 1;
const WORD_BYTE_LENGTH = 4;

/**
 * Follows CME MDP 3.0. A line is one channel, so there is one stream; its sequence numbers packets, heartbeats included.
 * Sequence 1 returns every week: it is a reset when it was sent later than everything before, and a repeated packet when not.
 */
class CmeTracker implements FeedTracker {
  readonly format: string = FORMAT;
  readonly numbers = "packets";
  unreadable = 0;
  /** Messages that ended a match event. */
  eventsEnded = 0;
  readonly rptSeq: RptSeqTally = new RptSeqTally();
  readonly #packet = new CmePacket();
  readonly #groups = new SbeGroups();
  readonly #counts = new MessageCounts(CME_TEMPLATES, "decimal");
  readonly #table = new StreamTable(StreamTally, () => LONE_STREAM);
  readonly #latestSendTime = new EpochTime();

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
    this.#sequence(stream);
    let isHeartbeat = packet.messageCount === 0;
    while (packet.nextMessage()) {
      const { templateId } = packet;
      this.#counts.count(templateId);
      if (templateId === CME_HEARTBEAT) isHeartbeat = true;
      if (templateId === CME_CHANNEL_RESET) this.rptSeq.restart();
      const template = cmeTemplate(templateId);
      if (template !== undefined) this.#countMessage(bytes, template);
    }
    if (isHeartbeat) stream.heartbeats++;
    return true;
  }

  messageCounts(): MessageCount[] {
    return this.#counts.list();
  }

  remarks(): Record<string, number> {
    const { gaps, missing, unfollowed, instrumentCount } = this.rptSeq;
    const channelResets = this.#counts.byType[CME_CHANNEL_RESET] as number;
    return {
      instruments: instrumentCount,
      "RptSeq gaps": gaps,
      ...(missing > 0 && { "RptSeq numbers missing": missing }),
      ...(unfollowed > 0 && { "entries of instruments beyond the table": unfollowed }),
      ...(channelResets > 0 && { "channel resets": channelResets }),
      "match events ended": this.eventsEnded,
      ...this.#counts.remarks(),
    };
  }

  #sequence(stream: StreamTally): void {
    const { sequence, sendTime } = this.#packet;
    stream.range[0] = sequence;
    stream.range[1] = sequence + 1;
    const isLater = sendTime.isAfter(this.#latestSendTime);
    if (sequence === 1 && isLater && stream.hasBegun && stream.nextSequence > 1) {
      stream.restart();
      this.rptSeq.restart();
    } else {
      stream.advance();
    }
    if (isLater) this.#latestSendTime.copyFrom(sendTime);
  }

  #countMessage(bytes: Uint8Array, template: CmeTemplate): void {
    const packet = this.#packet;
    const entries = template.groups[0];
    const at = template.root.matchEvent;
    if (at !== undefined && at < packet.blockLength && (bytes[packet.rootOffset + at] as number) & CME_END_OF_EVENT) {
      this.eventsEnded++;
    }
    if (!template.countsRptSeq || entries === undefined) return;
    const groups = this.#groups;
    groups.begin(bytes, packet.rootOffset + packet.blockLength, packet.messageEnd);
    if (!groups.nextGroup(entries.headerByteLength)) {
      this.#counts.malformed++;
      return;
    }
    const { securityId = 0, rptSeq = 0 } = entries.layout;
    if (Math.max(securityId, rptSeq) + WORD_BYTE_LENGTH > groups.blockLength) return;
    while (groups.nextEntry()) {
      const { entryOffset } = groups;
      this.rptSeq.count(i32le(bytes, entryOffset + securityId), i32le(bytes, entryOffset + rptSeq));
    }
  }
}

const probe = new CmePacket();
// A send time between 2005 and 2035, and messages that fill the payload.
const HEADER_BITS = 4 + 16;
// Schema, and a known template.
const MESSAGE_BITS = 16 + 12;
const EARLIEST_SECONDS = 1_104_537_600;
const LATEST_SECONDS = 2_051_222_400;

export const CME_FORMAT: FeedFormat = {
  name: FORMAT,
  weigh(bytes, offset, byteLength) {
    if (!probe.parse(bytes, offset, byteLength) || probe.messageCount === 0) return -1;
    const { seconds } = probe.sendTime;
    if (seconds < EARLIEST_SECONDS || seconds > LATEST_SECONDS) return -1;
    let bits = HEADER_BITS;
    while (probe.nextMessage()) {
      if (probe.schemaId !== SCHEMA_ID) return -1;
      if (cmeTemplate(probe.templateId) !== undefined) bits += MESSAGE_BITS;
    }
    return bits;
  },
  openTracker: () => new CmeTracker(),
};
