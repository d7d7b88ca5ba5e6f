import { SequenceGaps } from "./sequence-gaps.ts";

/**
 * Where a packet stands in its stream: `behind` is one that begins before what was expected next, `restart` the one that
 * showed that the sender counts anew.
 */
export type SequenceOrder = "first" | "in-order" | "gap" | "behind" | "restart";

/**
 * What was received of one sequence of numbers: messages for most feeds, packets where a feed numbers those. Numbers that
 * never came are `missing` − `recovered`. They travel through {@link range}, because as arguments they would be boxed.
 */
export class SequenceTally {
  packets = 0;
  heartbeats = 0;
  /** Packets that said that the stream is over; senders repeat them. */
  endOfSession = 0;
  /** Messages in all packets, repeated ones too. */
  messages = 0;
  /** Times that a packet began beyond the expected sequence. Heartbeats show gaps as well. */
  gaps = 0;
  /** Packets that began before the expected sequence: repeated, overtaken, or resent. */
  outOfOrder = 0;
  /** Numbers that came after all, into an open gap. */
  recovered = 0;
  /** Numbers that had come before. */
  duplicates = 0;
  /** Times that the sender began to count anew. */
  restarts = 0;
  /** The gaps that are still open. */
  readonly openGaps: SequenceGaps = new SequenceGaps();
  /** Argument of `advance` and `restart`: first number [0] of a packet and the one behind its last [1]. */
  readonly range: Float64Array = new Float64Array(2);
  // First seen [0], expected next [1], missing [2]: in a typed array, as fields above 2^31 would be heap numbers.
  readonly #sequences = new Float64Array(3);
  #hasBegun = false;

  /** Whether a number was seen: a packet may carry none, as a heartbeat of a gap-response group. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Sequence of the first packet seen. */
  get firstSequence(): number {
    return this.#sequences[0] as number;
  }

  /** Sequence expected next. */
  get nextSequence(): number {
    return this.#sequences[1] as number;
  }

  /** Numbers that were skipped by gaps, whether they came later or not. */
  get missing(): number {
    return this.#sequences[2] as number;
  }

  /** Whether every number from the first one seen on has come: what a client may call synchronised. */
  get isWhole(): boolean {
    return this.missing === this.recovered;
  }

  /** Counts the numbers in {@link range}; an empty range, as in a heartbeat, says what comes next. */
  advance(): SequenceOrder {
    const sequences = this.#sequences;
    const range = this.range;
    const first = range[0] as number;
    const end = range[1] as number;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      sequences[0] = first;
      sequences[1] = end;
      return "first";
    }
    const expected = sequences[1] as number;
    if (first === expected) {
      sequences[1] = end;
      return "in-order";
    }
    const gap = this.openGaps.range;
    if (first > expected) {
      this.gaps++;
      sequences[2] = (sequences[2] as number) + first - expected;
      gap[0] = expected;
      gap[1] = first;
      this.openGaps.open();
      sequences[1] = end;
      return "gap";
    }
    this.outOfOrder++;
    gap[0] = first;
    gap[1] = Math.min(end, expected);
    const recovered = this.openGaps.fill();
    this.recovered += recovered;
    this.duplicates += (gap[1] as number) - first - recovered;
    if (end > expected) sequences[1] = end;
    return "behind";
  }

  /**
   * The sender has begun anew at {@link range}: nothing before it is expected any more, and holes that are open stay
   * missing. The first packet of a stream is no restart.
   */
  restart(): void {
    if (!this.#hasBegun) {
      this.advance();
      return;
    }
    this.restarts++;
    this.openGaps.clear();
    this.#sequences[1] = this.range[1] as number;
  }
}
