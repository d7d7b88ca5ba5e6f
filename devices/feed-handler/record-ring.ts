import { MemoryView } from "../../emulator/memory/memory-view.ts";

/**
 * What waits between two stages of the pipeline: records of a fixed size, first in, first out, each with the time at which
 * it leaves and the time at which its tick came in. All of it is plain arrays, so that a snapshot is a copy.
 */
export class RecordRing {
  readonly memory: MemoryView;
  readonly recordWords: number;
  readonly capacity: number;
  /** By record: when the stage is through with it, and when it entered the stage. */
  readonly dueNs: Float64Array;
  readonly enteredNs: Float64Array;
  /** `[0]`: index of the oldest record, `[1]`: how many there are. */
  readonly #place: Int32Array = new Int32Array(2);

  /** `capacity` is a power of two. */
  constructor(capacity: number, recordWords: number) {
    this.capacity = capacity;
    this.recordWords = recordWords;
    this.memory = MemoryView.ofSize(4 * capacity * recordWords);
    this.dueNs = new Float64Array(capacity);
    this.enteredNs = new Float64Array(capacity);
  }

  get count(): number {
    return this.#place[1] as number;
  }

  get free(): number {
    return this.capacity - this.count;
  }

  /** Index of the record `nth` places behind the oldest. */
  indexOf(nth: number): number {
    return ((this.#place[0] as number) + nth) & (this.capacity - 1);
  }

  /** First word of a record in `memory.words`, by its index. */
  wordOf(index: number): number {
    return index * this.recordWords;
  }

  /** Puts a record behind the others, which enters now and leaves `delayNs` later; returns its index. There must be room. */
  push(now: Float64Array, delayNs: number): number {
    const index = this.indexOf(this.count);
    this.#place[1] = this.count + 1;
    this.enteredNs[index] = now[0] as number;
    this.dueNs[index] = (now[0] as number) + delayNs;
    return index;
  }

  /** Takes the oldest away. */
  pop(): void {
    this.#place[0] = this.indexOf(1);
    this.#place[1] = this.count - 1;
  }

  clear(): void {
    this.#place.fill(0);
  }

  snapshot(): RecordRingState {
    const { memory, dueNs, enteredNs } = this;
    if (this.count === 0)
      return { place: this.#place.slice(), words: undefined, dueNs: undefined, enteredNs: undefined };
    const copies = { words: memory.words.slice(), dueNs: dueNs.slice(), enteredNs: enteredNs.slice() };
    return { place: this.#place.slice(), ...copies };
  }

  restore({ place, words, dueNs, enteredNs }: RecordRingState): void {
    this.#place.set(place);
    if (words !== undefined) this.memory.words.set(words);
    if (dueNs !== undefined) this.dueNs.set(dueNs);
    if (enteredNs !== undefined) this.enteredNs.set(enteredNs);
  }
}

/** Whether the oldest record leaves now, or should have left. */
export function isDue(ring: RecordRing, nowNs: number): boolean {
  return ring.count > 0 && (ring.dueNs[ring.indexOf(0)] as number) <= nowNs;
}

/** When the oldest record leaves; Infinity without one. */
export function headNs(ring: RecordRing): number {
  return ring.count === 0 ? Number.POSITIVE_INFINITY : (ring.dueNs[ring.indexOf(0)] as number);
}

/** Plain data. An empty ring has nothing but its place. */
export interface RecordRingState {
  readonly place: Int32Array;
  readonly words: Int32Array | undefined;
  readonly dueNs: Float64Array | undefined;
  readonly enteredNs: Float64Array | undefined;
}
