import type { FrameSequence } from "./frame-sequence.ts";
import { lineText } from "./frame-sequence.ts";
import { type SequenceRange, SequenceSet } from "./sequence-set.ts";

/** Sequences of one frame that stand out. */
export interface FrameRange {
  /** Index of the frame, counted from 0 in the order in which frames came to the damage. */
  readonly frame: number;
  readonly range: SequenceRange;
}

/** What a correct receiver of one line must say. Plain data; ranges are [first, behind the last). */
export interface LedgerLine {
  readonly line: string;
  /** As the feed has it: ten characters, "unit 1"; "" where it has no sessions or the header holds none. */
  readonly session: string;
  /** Sequences that were sent, and those that arrived with a right FCS, each counted once. */
  readonly sentCount: number;
  readonly arrivedCount: number;
  /** Where the receiver comes in, and what it expects next at the end; undefined when nothing arrived. */
  readonly firstSequence: number | undefined;
  readonly nextSequence: number | undefined;
  /** Between the two, and never arrived: what must be reported missing, whether damaged or not in the capture. */
  readonly missing: readonly SequenceRange[];
  /** Sent and never arrived, also where no later frame shows the receiver that it was lost. */
  readonly lost: readonly SequenceRange[];
  /** Arrived again. */
  readonly duplicates: readonly FrameRange[];
  /** Frames that began before what was expected next, duplicates included. */
  readonly outOfOrder: readonly FrameRange[];
}

/** A list of (frame, first, end) that grows by doubling. */
class RangeList {
  #values = new Float64Array(24);
  #count = 0;

  add(frame: number, first: number, end: number): void {
    if (3 * this.#count === this.#values.length) {
      const grown = new Float64Array(2 * this.#values.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[3 * this.#count] = frame;
    this.#values[3 * this.#count + 1] = first;
    this.#values[3 * this.#count + 2] = end;
    this.#count++;
  }

  list(): FrameRange[] {
    return Array.from({ length: this.#count }, (_, index) => ({
      frame: this.#values[3 * index] as number,
      range: [this.#values[3 * index + 1] as number, this.#values[3 * index + 2] as number],
    }));
  }
}

const FIRST = 0;
const EXPECTED = 1;

/** What went into and came out of the damage on one line in one session, as its receiver sees it. */
export class LineAccount {
  readonly address: number;
  readonly port: number;
  readonly sent: SequenceSet = new SequenceSet();
  readonly arrived: SequenceSet = new SequenceSet();
  readonly #words: readonly [number, number, number];
  readonly #session: string;
  readonly #duplicates = new RangeList();
  readonly #outOfOrder = new RangeList();
  readonly #sequences = new Float64Array(2);
  #hasArrived = false;

  constructor(frame: FrameSequence) {
    this.address = frame.address;
    this.port = frame.port;
    this.#words = [frame.sessionWord0, frame.sessionWord1, frame.sessionWord2];
    this.#session = frame.session;
  }

  isOf(frame: FrameSequence): boolean {
    const words = this.#words;
    return (
      frame.address === this.address &&
      frame.port === this.port &&
      frame.sessionWord0 === words[0] &&
      frame.sessionWord1 === words[1] &&
      frame.sessionWord2 === words[2]
    );
  }

  /** A frame with these sequences goes in. */
  send({ range }: FrameSequence): void {
    this.sent.range.set(range);
    this.sent.add();
  }

  /** A frame with these sequences comes out, and its FCS is right. */
  arrive(frameIndex: number, { range }: FrameSequence): void {
    const first = range[0] as number;
    const end = range[1] as number;
    const sequences = this.#sequences;
    if (!this.#hasArrived) {
      this.#hasArrived = true;
      sequences[FIRST] = first;
      sequences[EXPECTED] = first;
    }
    if (first < (sequences[EXPECTED] as number)) {
      this.#outOfOrder.add(frameIndex, first, end);
      for (const again of this.arrived.within(first, end)) this.#duplicates.add(frameIndex, again[0], again[1]);
    }
    this.arrived.range.set(range);
    this.arrived.add();
    if (end > (sequences[EXPECTED] as number)) sequences[EXPECTED] = end;
  }

  /** The part of the sequences that the receiver knows to be there: from where it came in. Undefined: nothing came. */
  get known(): SequenceRange | undefined {
    return this.#hasArrived ? [this.#sequences[FIRST] as number, this.#sequences[EXPECTED] as number] : undefined;
  }

  report(): LedgerLine {
    const known = this.known;
    const lost = this.sent.ranges().flatMap(([first, end]) => this.arrived.missingWithin(first, end));
    return {
      line: lineText(this.address, this.port),
      session: this.#session,
      sentCount: this.sent.size,
      arrivedCount: this.arrived.size,
      firstSequence: known?.[0],
      nextSequence: known?.[1],
      missing: known === undefined ? [] : this.arrived.missingWithin(...known),
      lost,
      duplicates: this.#duplicates.list(),
      outOfOrder: this.#outOfOrder.list(),
    };
  }
}

/**
 * What an arbiter of several lines must report missing: from the first sequence that came on any of them up to the
 * highest that one of them has shown, and arrived on none. The accounts are of the same session.
 */
export function missingOnAll(accounts: readonly LineAccount[]): SequenceRange[] {
  const known = accounts.flatMap((account) => (account.known === undefined ? [] : [account.known]));
  if (known.length === 0) return [];
  const union = new SequenceSet();
  for (const account of accounts) {
    for (const range of account.arrived.ranges()) {
      union.range.set(range);
      union.add();
    }
  }
  const first = Math.min(...known.map(([from]) => from));
  return union.missingWithin(first, Math.max(...known.map(([, to]) => to)));
}
