import { type MoldUdp64Packet, sessionText } from "./mold-udp64.ts";
import { SequenceGaps } from "./sequence-gaps.ts";

/**
 * Where a packet stands in its session: `behind` is one that begins before what was expected next, `restart` the one that
 * showed that the sender counts from 1 again.
 */
export type MoldOrder = "first" | "in-order" | "gap" | "behind" | "restart";

/** More sessions than this on one line are noise; their packets are counted as `refused`. */
const MAX_SESSION_COUNT = 64;
/** Packets from 1 on without a gap, and nothing else between them, that show a restart when no heartbeat does so before. */
const RESTART_PACKETS = 8;

/** What was received of one session. Messages that never came are `missing` − `recovered`. */
export class MoldSession {
  packets = 0;
  heartbeats = 0;
  /** Packets that said that the session is over; the sender repeats them. */
  endOfSession = 0;
  /** Messages in all packets, repeated ones too. */
  messages = 0;
  /** Times that a packet began beyond the expected sequence. Heartbeats show gaps as well. */
  gaps = 0;
  /** Packets that began before the expected sequence: repeated, overtaken, or resent. */
  outOfOrder = 0;
  /** Messages that came after all, into an open gap. */
  recovered = 0;
  /** Messages that had come before. */
  duplicates = 0;
  /** Times that the sender began to count from 1 again, within the session. */
  restarts = 0;
  /** The gaps that are still open. */
  readonly openGaps: SequenceGaps = new SequenceGaps();
  readonly #words: readonly [number, number, number];
  // Sequences in a typed array: fields above 2^31 would be heap numbers.
  readonly #sequences = new Float64Array(4);
  // Packets and messages of a run from sequence 1 that may be a restart; where it goes on is the last of the sequences.
  #runPackets = 0;
  #runDuplicates = 0;

  constructor(word0: number, word1: number, word2: number) {
    this.#words = [word0, word1, word2];
  }

  /** The ten bytes as text. */
  get name(): string {
    return sessionText(...this.#words);
  }

  /** Sequence of the first packet seen. */
  get firstSequence(): number {
    return this.#sequences[0] as number;
  }

  /** Sequence expected next. */
  get nextSequence(): number {
    return this.#sequences[1] as number;
  }

  /** Messages that were skipped by gaps, whether they came later or not. */
  get missing(): number {
    return this.#sequences[2] as number;
  }

  /** Whether every message from the first one seen on has come: what a client may call synchronised. */
  get isWhole(): boolean {
    return this.missing === this.recovered;
  }

  isOf(packet: MoldUdp64Packet): boolean {
    const words = this.#words;
    return words[0] === packet.sessionWord0 && words[1] === packet.sessionWord1 && words[2] === packet.sessionWord2;
  }

  /** Counts a packet of this session. */
  track(packet: MoldUdp64Packet): MoldOrder {
    const sequences = this.#sequences;
    const first = packet.sequence;
    const end = first + packet.messageCount;
    const isFirst = this.packets === 0;
    this.packets++;
    if (packet.isHeartbeat) this.heartbeats++;
    if (packet.isEndOfSession) this.endOfSession++;
    this.messages += packet.messageCount;
    if (isFirst) {
      sequences[0] = first;
      sequences[1] = end;
      return "first";
    }
    const expected = sequences[1] as number;
    if (first < expected) return this.#behind(packet, first, end, expected);
    this.#runPackets = 0;
    sequences[1] = end;
    if (first === expected) return "in-order";
    const range = this.openGaps.range;
    this.gaps++;
    sequences[2] = (sequences[2] as number) + first - expected;
    range[0] = expected;
    range[1] = first;
    this.openGaps.open();
    return "gap";
  }

  #behind(packet: MoldUdp64Packet, first: number, end: number, expected: number): MoldOrder {
    const range = this.openGaps.range;
    this.outOfOrder++;
    range[0] = first;
    range[1] = Math.min(end, expected);
    const recovered = this.openGaps.fill();
    const duplicates = (range[1] as number) - first - recovered;
    this.recovered += recovered;
    this.duplicates += duplicates;
    if (end > expected) this.#sequences[1] = end;
    if (!this.#isRestart(packet, first, end, recovered, duplicates)) return "behind";
    this.restarts++;
    this.outOfOrder -= this.#runPackets;
    this.duplicates -= this.#runDuplicates;
    this.#runPackets = 0;
    this.#sequences[1] = end;
    // What was missing before the restart cannot be told from what is sent now.
    this.openGaps.clear();
    return "restart";
  }

  /**
   * "Went backwards" is not always a repetition. Packets from 1 on, one after the other, that fill no gap, are a restart
   * as soon as a heartbeat (or the end of the session) among them says that the next sequence is theirs, or there are
   * eight. A packet in the old order in between says otherwise: then a slower line or a recovery is heard beside it.
   */
  #isRestart(packet: MoldUdp64Packet, first: number, end: number, recovered: number, duplicates: number): boolean {
    const sequences = this.#sequences;
    const goesOn = this.#runPackets > 0 && first === sequences[3];
    if (recovered > 0 || !(goesOn || first === 1)) {
      this.#runPackets = 0;
      return false;
    }
    if (!goesOn) {
      this.#runPackets = 0;
      this.#runDuplicates = 0;
    }
    this.#runPackets++;
    this.#runDuplicates += duplicates;
    sequences[3] = end;
    return this.#runPackets >= RESTART_PACKETS || (goesOn && packet.messageCount === 0);
  }
}

/** Keeps the tallies of all sessions on one line. */
export class MoldTracker {
  /** In the order in which they were first seen. */
  readonly sessions: MoldSession[] = [];
  /** Times that a packet belonged to another session than the one before it. */
  sessionChanges = 0;
  /** Packets of a session beyond the 64th. */
  refused = 0;
  #current: MoldSession | undefined;

  /** The session of the last packet. */
  get current(): MoldSession | undefined {
    return this.#current;
  }

  /** Counts a packet that `MoldUdp64Packet.parse` has accepted. Allocates only where a session begins. */
  track(packet: MoldUdp64Packet): MoldOrder | "refused" {
    let session = this.#current;
    if (session === undefined || !session.isOf(packet)) {
      const other = this.#find(packet);
      if (other === undefined) {
        this.refused++;
        return "refused";
      }
      if (session !== undefined) this.sessionChanges++;
      session = other;
      this.#current = other;
    }
    return session.track(packet);
  }

  #find(packet: MoldUdp64Packet): MoldSession | undefined {
    for (const session of this.sessions) if (session.isOf(packet)) return session;
    if (this.sessions.length === MAX_SESSION_COUNT) return undefined;
    const session = new MoldSession(packet.sessionWord0, packet.sessionWord1, packet.sessionWord2);
    this.sessions.push(session);
    return session;
  }
}
