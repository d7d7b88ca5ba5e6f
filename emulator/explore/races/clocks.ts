import { CPU_LIMIT, DEVICE_LIMIT, IN_FLIGHT_LIMIT, VECTOR_LIMIT } from "../kinds.ts";

/** Who may race: CPUs (with their handlers) from 0, devices (with their engines and their link) behind them. */
export const ACTOR_COUNT: number = CPU_LIMIT + DEVICE_LIMIT;
/** The actor that device 0 is. */
export const FIRST_DEVICE: number = CPU_LIMIT;

const SHIFT = 4;
if (1 << SHIFT !== ACTOR_COUNT) throw new RangeError("a clock has one word for each actor");

/** Releases that are kept word for word; see {@link Clocks.acquire}. */
const RELEASE_LIMIT = 1024;

// Rows, in order.
/** By actor: what its loads are behind. For a device, what all that it asks for from now on is behind. */
export const LOADS = 0;
/** By CPU: what its stores are behind: the same, and whatever its loads have seen (no load is put off behind a store). */
export const STORES: number = LOADS + ACTOR_COUNT;
/** By CPU: what a store publishes that is no release: {@link STORES} at the last write barrier. */
export const FENCED: number = STORES + CPU_LIMIT;
/** By CPU: the same for a relaxed MMIO write, which dmaWmb and unlock do not hold back. */
export const FENCED_IO: number = FENCED + CPU_LIMIT;
/** By interrupt vector: what the messages that have arrived were behind. */
export const VECTORS: number = FENCED_IO + CPU_LIMIT;
/** Of all who notified a futex. */
export const FUTEX: number = VECTORS + VECTOR_LIMIT;
/** By place of what is on its way: what its sender was behind when it was sent. */
export const ENTRIES: number = FUTEX + 1;
const RELEASES = ENTRIES + IN_FLIGHT_LIMIT;
const FORGOTTEN = RELEASES + RELEASE_LIMIT;
const ROW_COUNT = FORGOTTEN + 1;

/**
 * Vector clocks: a row says, for each actor, up to which of its epochs everything has happened before. All rows lie in one
 * array that is made once; a run begins with a handful of fills.
 */
export class Clocks {
  /** By actor: the epoch in which its accesses are now. It ends whenever the actor publishes something. */
  readonly epochs: Int32Array = new Int32Array(ACTOR_COUNT);
  readonly #words = new Int32Array(ROW_COUNT << SHIFT);
  /** Releases ever made; the number of one is its name. 0: none. */
  #releaseCount = 0;
  /** The last one of the runs before. */
  #before = 0;

  reset(): void {
    this.#words.fill(0, 0, ENTRIES << SHIFT);
    this.#words.fill(0, FORGOTTEN << SHIFT);
    this.#before = this.#releaseCount;
    for (let actor = 0; actor < ACTOR_COUNT; actor++) {
      this.epochs[actor] = 1;
      this.#words[((LOADS + actor) << SHIFT) + actor] = 1;
      if (actor < CPU_LIMIT) this.#words[((STORES + actor) << SHIFT) + actor] = 1;
    }
  }

  /** The epoch of `actor` up to which everything is before what stands at `row`. */
  at(row: number, actor: number): number {
    return this.#words[(row << SHIFT) + actor] as number;
  }

  join(into: number, from: number): void {
    const words = this.#words;
    const to = into << SHIFT;
    const of = from << SHIFT;
    for (let actor = 0; actor < ACTOR_COUNT; actor++) {
      const epoch = words[of + actor] as number;
      if (epoch > (words[to + actor] as number)) words[to + actor] = epoch;
    }
  }

  copy(into: number, from: number): void {
    const words = this.#words;
    const to = into << SHIFT;
    const of = from << SHIFT;
    for (let actor = 0; actor < ACTOR_COUNT; actor++) words[to + actor] = words[of + actor] as number;
  }

  /** A row says of an actor what it is told; 0 is nothing. */
  set(row: number, actor: number, epoch: number): void {
    this.#words[(row << SHIFT) + actor] = epoch;
  }

  /** What `actor` does from here on is not part of what it has published so far. */
  endEpoch(actor: number): void {
    const epoch = (this.epochs[actor] as number) + 1;
    this.epochs[actor] = epoch;
    this.#words[((LOADS + actor) << SHIFT) + actor] = epoch;
    if (actor < CPU_LIMIT) this.#words[((STORES + actor) << SHIFT) + actor] = epoch;
  }

  /** Keeps a row as it is now, for whoever reads what is published with it. Returns its name. */
  release(row: number): number {
    const name = ++this.#releaseCount;
    const at = RELEASES + (name & (RELEASE_LIMIT - 1));
    // Whoever reads one that is forgotten gets the most that it can have been: a race may be missed, none is made up.
    if (name - RELEASE_LIMIT > this.#before) this.join(FORGOTTEN, at);
    this.copy(at, row);
    return name;
  }

  /** True while {@link acquire} still has the row itself. */
  isKept(name: number): boolean {
    return name > this.#before && name > this.#releaseCount - RELEASE_LIMIT;
  }

  /** `row` is behind what was released under this name. */
  acquire(row: number, name: number): void {
    if (name <= this.#before) return;
    this.join(row, this.isKept(name) ? RELEASES + (name & (RELEASE_LIMIT - 1)) : FORGOTTEN);
  }
}
