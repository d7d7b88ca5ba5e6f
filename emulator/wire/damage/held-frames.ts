import { copyMemory, MemoryView } from "../../memory/memory-view.ts";

/** Frames are copied into slots of this size or a multiple of it by doubling; a slot keeps what it has grown to. */
const SLOT_BYTES = 2048;
/** More than this is not a network any more: a delay so long that a million frames are under way. */
const SLOT_LIMIT = 1 << 20;

/** Too many frames are on their way at once. */
export class HeldFramesError extends Error {
  override readonly name = "HeldFramesError";
}

/**
 * Frames that are on their way through a damaged wire, by the time at which they come out. Slots are used again; memory
 * grows to what was held at most, and nothing is allocated after that.
 */
export class HeldFrames {
  /** Argument of {@link hold}: when the frame comes out. */
  readonly releaseNs: Float64Array = new Float64Array(1);
  readonly #memory: MemoryView[] = [];
  readonly #free: number[] = [];
  #byteLengths = new Int32Array(64);
  #flags = new Int32Array(64);
  #releases = new Float64Array(64);
  #orders = new Float64Array(64);
  /** Index of the frame that the slot's is, or is a copy of. */
  #frames = new Float64Array(64);
  /** Binary heap of slots: the earliest release first, of equal ones the one that was held first. */
  #heap = new Int32Array(64);
  #heapCount = 0;
  #orderCount = 0;

  /** Frames in the heap. */
  get count(): number {
    return this.#heapCount;
  }

  memory(slot: number): MemoryView {
    return this.#memory[slot] as MemoryView;
  }

  byteLength(slot: number): number {
    return this.#byteLengths[slot] as number;
  }

  flags(slot: number): number {
    return this.#flags[slot] as number;
  }

  setFlags(slot: number, flags: number): void {
    this.#flags[slot] = flags;
  }

  /** Index of the frame in the order in which frames came in. */
  frame(slot: number): number {
    return this.#frames[slot] as number;
  }

  release(slot: number): number {
    return this.#releases[slot] as number;
  }

  /** Makes a copy and returns its slot. @throws HeldFramesError when a million frames are held. */
  copy(memory: MemoryView, offset: number, byteLength: number, flags: number, frame: number): number {
    const slot = this.#free.pop() ?? this.#addSlot();
    let size = SLOT_BYTES;
    while (size < byteLength) size *= 2;
    if (this.memory(slot).byteLength < size) this.#memory[slot] = MemoryView.ofSize(size);
    copyMemory(this.memory(slot), 0, memory, offset, byteLength);
    this.#byteLengths[slot] = byteLength;
    this.#flags[slot] = flags;
    this.#frames[slot] = frame;
    return slot;
  }

  /** Puts a slot into the heap, to come out at {@link releaseNs}. */
  hold(slot: number): void {
    this.#releases[slot] = this.releaseNs[0] as number;
    this.#orders[slot] = this.#orderCount++;
    let at = this.#heapCount++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(slot, this.#heap[parent] as number)) break;
      this.#heap[at] = this.#heap[parent] as number;
      at = parent;
    }
    this.#heap[at] = slot;
  }

  /** The slot that comes out first; -1 when none is held. */
  first(): number {
    return this.#heapCount === 0 ? -1 : (this.#heap[0] as number);
  }

  /** Takes the first slot out of the heap; it stays in use until {@link give}. */
  takeFirst(): number {
    const slot = this.#heap[0] as number;
    this.#remove(0);
    return slot;
  }

  /** Takes a slot out of the heap before its time. */
  take(slot: number): void {
    for (let at = 0; at < this.#heapCount; at++) {
      if (this.#heap[at] !== slot) continue;
      this.#remove(at);
      return;
    }
  }

  /** The slot may be used again. */
  give(slot: number): void {
    this.#free.push(slot);
  }

  #remove(index: number): void {
    const last = this.#heap[--this.#heapCount] as number;
    if (index === this.#heapCount) return;
    let at = index;
    while (at > 0 && this.#isBefore(last, this.#heap[(at - 1) >> 1] as number)) {
      this.#heap[at] = this.#heap[(at - 1) >> 1] as number;
      at = (at - 1) >> 1;
    }
    for (let child = 2 * at + 1; child < this.#heapCount; child = 2 * at + 1) {
      const right = child + 1;
      if (right < this.#heapCount && this.#isBefore(this.#heap[right] as number, this.#heap[child] as number)) {
        child = right;
      }
      if (!this.#isBefore(this.#heap[child] as number, last)) break;
      this.#heap[at] = this.#heap[child] as number;
      at = child;
    }
    this.#heap[at] = last;
  }

  #isBefore(slot: number, other: number): boolean {
    const release = this.#releases[slot] as number;
    const otherRelease = this.#releases[other] as number;
    if (release !== otherRelease) return release < otherRelease;
    return (this.#orders[slot] as number) < (this.#orders[other] as number);
  }

  #addSlot(): number {
    const slot = this.#memory.push(MemoryView.ofSize(SLOT_BYTES)) - 1;
    if (slot === SLOT_LIMIT) {
      throw new HeldFramesError(
        `the damage holds ${SLOT_LIMIT.toLocaleString("en")} frames at once: its delay is too long for this traffic.`,
      );
    }
    if (slot === this.#byteLengths.length) this.#grow();
    return slot;
  }

  #grow(): void {
    const length = 2 * this.#byteLengths.length;
    const ints = (before: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(length);
      grown.set(before);
      return grown;
    };
    const doubles = (before: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(length);
      grown.set(before);
      return grown;
    };
    this.#byteLengths = ints(this.#byteLengths);
    this.#flags = ints(this.#flags);
    this.#heap = ints(this.#heap);
    this.#releases = doubles(this.#releases);
    this.#orders = doubles(this.#orders);
    this.#frames = doubles(this.#frames);
  }
}
