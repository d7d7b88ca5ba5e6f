import type { ArbiterOptions } from "./arbiter-options.ts";
import type { LineTally } from "./line-tally.ts";
import { BROUGHT_BY_ANY, DECLARED_LOST } from "./sequence-window.ts";

/** What a packet is to the count that the stream is in. */
export type Standing = "current" | "restart" | "joins" | "stale";

/**
 * Where each line of one stream stands. A sender that begins to count anew does so on all lines, but they show it at
 * different times: the first one takes the stream into its next count, and the others follow. A line that has not
 * followed yet still brings packets of the count before, which must not be taken for packets of this one.
 */
export class LinePositions {
  /** By line: one behind the highest sequence it brought or announced in the current count; -Infinity before. */
  readonly #reach: Float64Array;
  /** By line: the lowest sequence it brought or announced in the current count. */
  readonly #start: Float64Array;
  /** By line: what it had reached in the count that it is behind in; NaN once it has followed, or was never seen. */
  readonly #formerReach: Float64Array;
  readonly #restartDistance: number;
  readonly #reorderSequences: number;
  readonly #wraps: boolean;
  /** [0]: where the line stands that has come least far; -Infinity while one of them has not come at all. */
  readonly least: Float64Array = new Float64Array(1);
  /** [0]: the sequence that {@link place} was given, and made one of the current count where the feed's wrap. */
  readonly sequence: Float64Array = new Float64Array(1);

  constructor({ lineCount, restartDistance, reorderSequences, sequenceBits }: Required<ArbiterOptions>) {
    this.#reach = new Float64Array(lineCount);
    this.#start = new Float64Array(lineCount);
    this.#formerReach = new Float64Array(lineCount);
    this.#restartDistance = restartDistance;
    this.#reorderSequences = reorderSequences;
    this.#wraps = sequenceBits === 32;
    this.begin();
    this.#formerReach.fill(Number.NaN);
  }

  /** A new count: no line is in it yet, and all that were in the old one are behind. */
  begin(): void {
    const reach = this.#reach;
    for (let line = 0; line < reach.length; line++) {
      if (reach[line] !== Number.NEGATIVE_INFINITY) this.#formerReach[line] = reach[line] as number;
    }
    reach.fill(Number.NEGATIVE_INFINITY);
    this.#start.fill(Number.POSITIVE_INFINITY);
  }

  /** A new session: what the lines had reached means nothing in it. */
  forgetFormer(): void {
    this.#formerReach.fill(Number.NaN);
  }

  /** The line has followed. */
  follow(line: number): void {
    this.#formerReach[line] = Number.NaN;
  }

  isBehind(line: number): boolean {
    return !Number.isNaN(this.#formerReach[line] as number);
  }

  /** Whether {@link sequence}, as a packet of `line` has it, belongs to the current count, of which `marks[2]` is known. */
  place(line: number, marks: Float64Array): Standing {
    const raw = this.sequence[0] as number;
    const own = this.#reach[line] as number;
    const isSeen = own !== Number.NEGATIVE_INFINITY;
    const isBehind = this.isBehind(line);
    const reference = isSeen ? own : (marks[2] as number);
    if (isBehind) {
      // A line in order still brings what follows on its former reach, and nothing from before it.
      const former = this.#formerReach[line] as number;
      const ahead = this.#wraps ? ((raw | 0) - (former | 0)) | 0 : raw - former;
      if (ahead >= -this.#reorderSequences && ahead < this.#restartDistance) return "stale";
    }
    // ToInt32 takes integers below 2^53 modulo 2^32: the distance between two of a feed's words, either way.
    const distance = this.#wraps ? ((raw | 0) - (reference | 0)) | 0 : raw - reference;
    if (isSeen) {
      // A jump forward over the wrap that is too far for a loss: the count began anew at a low number.
      const leapsOverZero = this.#wraps && distance >= this.#restartDistance && raw < reference >>> 0;
      if (distance <= -this.#restartDistance || leapsOverZero) return "restart";
    }
    if (this.#wraps) this.sequence[0] = reference + distance;
    return isBehind ? "joins" : "current";
  }

  /** Notes that `line` has come to `end[0]`, with a packet that began at {@link sequence}. */
  advance(line: number, end: Float64Array): void {
    const first = this.sequence[0] as number;
    if (first < (this.#start[line] as number)) this.#start[line] = first;
    if ((end[0] as number) > (this.#reach[line] as number)) this.#reach[line] = end[0] as number;
  }

  /** Sets {@link least}. */
  findLeast(): void {
    const reach = this.#reach;
    let least = reach[0] as number;
    for (let line = 1; line < reach.length; line++) if ((reach[line] as number) < least) least = reach[line] as number;
    this.least[0] = least;
  }

  /** Counts for each line that is past `sequences[0]` whether it missed it, and whether another one had it. */
  countBrought(lines: readonly LineTally[], sequences: Float64Array, flags: number): void {
    if ((flags & BROUGHT_BY_ANY) === (1 << lines.length) - 1) return;
    const sequence = sequences[0] as number;
    for (let line = 0; line < lines.length; line++) {
      if ((flags & (1 << line)) !== 0) continue;
      if (sequence < (this.#start[line] as number) || sequence >= (this.#reach[line] as number)) continue;
      const tally = lines[line] as LineTally;
      tally.missed++;
      if ((flags & DECLARED_LOST) !== 0) tally.lostOnAll++;
      else tally.filledByOthers++;
    }
  }

  /** The same for `range`, of which no line brought anything. */
  countMissed(lines: readonly LineTally[], range: Float64Array): void {
    for (let line = 0; line < lines.length; line++) {
      const first = Math.max(range[0] as number, this.#start[line] as number);
      const end = Math.min(range[1] as number, this.#reach[line] as number);
      if (first >= end) continue;
      const tally = lines[line] as LineTally;
      tally.missed += end - first;
      tally.lostOnAll += end - first;
    }
  }
}
