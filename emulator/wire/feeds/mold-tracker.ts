import { type MoldUdp64Packet, sessionText } from "./mold-udp64.ts";
import type { SequenceOrder } from "./sequence-tally.ts";
import { StreamTable, StreamTally } from "./stream-table.ts";

/** Packets from 1 on without a gap, and nothing else between them, that show a restart when no heartbeat does so before. */
const RESTART_PACKETS = 8;

/** What was received of one session; its name is its ten bytes as text. */
export class MoldSession extends StreamTally {
  // Packets and messages of a run from sequence 1 that may be a restart.
  #runPackets = 0;
  #runDuplicates = 0;
  // [0]: where the run goes on. In a typed array, because a field above 2^31 would be a heap number.
  readonly #runNext = new Float64Array(1);

  /** Counts a packet of this session. */
  track(packet: MoldUdp64Packet): SequenceOrder {
    this.packets++;
    if (packet.isHeartbeat) this.heartbeats++;
    if (packet.isEndOfSession) this.endOfSession++;
    this.messages += packet.messageCount;
    this.range[0] = packet.sequence;
    this.range[1] = packet.sequence + packet.messageCount;
    const recovered = this.recovered;
    const duplicates = this.duplicates;
    const order = this.advance();
    if (order !== "behind") {
      this.#runPackets = 0;
      return order;
    }
    if (!this.#isRestart(packet, this.recovered - recovered, this.duplicates - duplicates)) return "behind";
    this.outOfOrder -= this.#runPackets;
    this.duplicates -= this.#runDuplicates;
    this.#runPackets = 0;
    // What was missing before the restart cannot be told from what is sent now: the holes are forgotten.
    this.restart();
    return "restart";
  }

  /**
   * "Went backwards" is not always a repetition. Packets from 1 on, one after the other, that fill no gap, are a restart
   * as soon as a heartbeat (or the end of the session) among them says that the next sequence is theirs, or there are
   * eight. A packet in the old order in between says otherwise: then a slower line or a recovery is heard beside it.
   */
  #isRestart(packet: MoldUdp64Packet, recovered: number, duplicates: number): boolean {
    const next = this.#runNext;
    const goesOn = this.#runPackets > 0 && packet.sequence === next[0];
    if (recovered > 0 || !(goesOn || packet.sequence === 1)) {
      this.#runPackets = 0;
      return false;
    }
    if (!goesOn) {
      this.#runPackets = 0;
      this.#runDuplicates = 0;
    }
    this.#runPackets++;
    this.#runDuplicates += duplicates;
    next[0] = packet.sequence + packet.messageCount;
    return this.#runPackets >= RESTART_PACKETS || (goesOn && packet.messageCount === 0);
  }
}

/** Keeps the tallies of all sessions on one line. */
export class MoldTracker {
  readonly #table = new StreamTable(MoldSession, sessionText);

  /** In the order in which they were first seen. */
  get sessions(): readonly MoldSession[] {
    return this.#table.streams;
  }

  /** Times that a packet belonged to another session than the one before it. */
  get sessionChanges(): number {
    return this.#table.changes;
  }

  /** Packets of a session beyond the 64th. */
  get refused(): number {
    return this.#table.refused;
  }

  /** The session of the last packet. */
  get current(): MoldSession | undefined {
    return this.#table.current;
  }

  /** Counts a packet that `MoldUdp64Packet.parse` has accepted. Allocates only where a session begins. */
  track(packet: MoldUdp64Packet): SequenceOrder | "refused" {
    return this.#table.at(packet.sessionWord0, packet.sessionWord1, packet.sessionWord2)?.track(packet) ?? "refused";
  }
}
