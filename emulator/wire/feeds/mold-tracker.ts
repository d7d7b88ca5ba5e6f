import { type MoldUdp64Packet, sessionText } from "./mold-udp64.ts";
import type { SequenceOrder } from "./sequence-tally.ts";
import { StreamTable, type StreamTally } from "./stream-table.ts";

/**
 * Keeps the tallies of all sessions on one line. A sender that restarts its sequence within one session is not told
 * apart from old packets: all of them are `behind`, as they would be for any receiver.
 */
export class MoldTracker {
  readonly #table = new StreamTable(sessionText);

  /** In the order in which they were first seen; the name of each is its ten bytes as text. */
  get sessions(): readonly StreamTally[] {
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
  get current(): StreamTally | undefined {
    return this.#table.current;
  }

  /** Counts a packet that `MoldUdp64Packet.parse` has accepted. Allocates only where a session begins. */
  track(packet: MoldUdp64Packet): SequenceOrder | "refused" {
    const session = this.#table.at(packet.sessionWord0, packet.sessionWord1, packet.sessionWord2);
    if (session === undefined) return "refused";
    session.packets++;
    if (packet.isHeartbeat) session.heartbeats++;
    if (packet.isEndOfSession) session.endOfSession++;
    session.messages += packet.messageCount;
    session.range[0] = packet.sequence;
    session.range[1] = packet.sequence + packet.messageCount;
    return session.advance();
  }
}
