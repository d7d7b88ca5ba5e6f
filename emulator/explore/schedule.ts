/** Deviations that one run may record. A run that departs more often is named by strategy and seed alone. */
const DEVIATION_LIMIT = 4096;

/** At its k-th operation, `actor` does not go on: `other` does. `otherOrdinal`: how often it stood there before. */
export const PREEMPT = 1;
/** What `actor` would do as its k-th step is kept back until step `otherOrdinal` of `other` has happened (-1: as long as possible). */
export const HOLD = 2;
/**
 * At its k-th operation, `actor` reads a version that is `other` landings old. For a queue: the k-th thing sent may pass
 * earlier ones, as its relaxed ordering asks.
 */
export const STALE = 3;

/**
 * A schedule: how a run departs from the canonical policy (run the current actor; let everything on its way arrive at
 * once; newest value; first in, first out). Each entry is keyed by an actor and its own count, so that taking one out
 * does not shift the others. The empty schedule is the ordinary run.
 */
export class Schedule {
  readonly kind: Uint8Array = new Uint8Array(DEVIATION_LIMIT);
  readonly actor: Uint8Array = new Uint8Array(DEVIATION_LIMIT);
  readonly ordinal: Int32Array = new Int32Array(DEVIATION_LIMIT);
  readonly other: Int16Array = new Int16Array(DEVIATION_LIMIT);
  readonly otherOrdinal: Int32Array = new Int32Array(DEVIATION_LIMIT);
  count = 0;
  /** True when there were more deviations than fit. */
  isIncomplete = false;

  clear(): void {
    this.count = 0;
    this.isIncomplete = false;
  }

  /** Returns the entry's index; -1 when it did not fit. */
  add(kind: number, actor: number, ordinal: number, other: number, otherOrdinal: number): number {
    if (this.count === DEVIATION_LIMIT) {
      this.isIncomplete = true;
      return -1;
    }
    const at = this.count++;
    this.kind[at] = kind;
    this.actor[at] = actor;
    this.ordinal[at] = ordinal;
    this.other[at] = other;
    this.otherOrdinal[at] = otherOrdinal;
    return at;
  }

  copyFrom(from: Schedule): void {
    this.clear();
    for (let at = 0; at < from.count; at++) this.addFrom(from, at);
    this.isIncomplete = from.isIncomplete;
  }

  addFrom(from: Schedule, at: number): number {
    return this.add(
      from.kind[at] as number,
      from.actor[at] as number,
      from.ordinal[at] as number,
      from.other[at] as number,
      from.otherOrdinal[at] as number,
    );
  }
}
