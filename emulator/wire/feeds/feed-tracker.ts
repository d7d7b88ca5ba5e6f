import type { MessageCount } from "./message-counts.ts";
import type { StreamTally } from "./stream-table.ts";

/**
 * Follows one feed on one line (a UDP destination): the sequence of each of its streams, and its messages by type. All
 * formats implement it alike, so that whoever counts, replays or records traffic needs to know none of them. Nothing is
 * copied, and nothing allocated but where a stream begins.
 */
export interface FeedTracker {
  /** The format's name as its exchange writes it: "Cboe PITCH". */
  readonly format: string;
  /** What the sequence numbers count. */
  readonly numbers: "messages" | "packets";
  /** In the order in which they were first seen. */
  readonly streams: readonly StreamTally[];
  /** Times that a packet belonged to another stream than the one before it. */
  readonly streamChanges: number;
  /** Payloads that could not be read as this feed: cut by the capture, or damaged. They are in no other figure. */
  readonly unreadable: number;

  /** Counts the UDP payload of `byteLength` bytes at `offset`; false where it could not be read. */
  track(bytes: Uint8Array, offset: number, byteLength: number): boolean;

  /** Messages by type, in the order of the format's table (allocates). */
  messageCounts(): MessageCount[];

  /** What only this format counts, by name: `{ "stream offset gaps": 0 }` (allocates). */
  remarks(): Record<string, number>;
}

/** A format that can be told from others by its structure alone, and followed. */
export interface FeedFormat {
  readonly name: string;

  /**
   * How much of a UDP payload is as this format has it, in bits: what a sender of anything else would have to get right by
   * chance. −1 where the payload cannot be of this format, 0 where it may be and nothing speaks for it.
   */
  weigh(bytes: Uint8Array, offset: number, byteLength: number): number;

  openTracker(): FeedTracker;
}
