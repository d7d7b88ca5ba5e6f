import { copyMemory, MemoryView } from "../memory/memory-view.ts";
import type { WireSink } from "./wire.ts";

const HEAD = 0;
const TAIL = 16;
const LOST = 32;
const CLOSED = 33;
const CONTROL_WORDS = 48;
const HEADER_BYTES = 16;
const SKIP = -1;

/** Frames between two threads: one produces, one consumes, over one SharedArrayBuffer. */
export class FrameQueue implements WireSink {
  readonly buffer: SharedArrayBuffer;
  /** The frames' memory; {@link offset} points into it. */
  readonly memory: MemoryView;
  /** Set by {@link peek}: the oldest frame. */
  offset = 0;
  byteLength = 0;
  flags = 0;
  /** Time stamp of the frame as two int32 words: whole seconds and nanoseconds. */
  seconds = 0;
  nanoseconds = 0;
  readonly #control: Int32Array;
  readonly #size: number;
  /** Positions are byte counts modulo 2^32; each side keeps its own and a copy of the other's. */
  #head = 0;
  #tail = 0;
  #seenHead = 0;
  #seenTail = 0;

  /** Over memory from {@link createBuffer}. One producing and one consuming instance at most. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_WORDS);
    this.memory = new MemoryView(buffer);
    this.#size = buffer.byteLength - CONTROL_WORDS * 4;
    this.#head = this.#seenHead = Atomics.load(this.#control, HEAD);
    this.#tail = this.#seenTail = Atomics.load(this.#control, TAIL);
  }

  /** Shared memory for a queue of `byteLength` bytes of frames, a power of two. */
  static createBuffer(byteLength: number): SharedArrayBuffer {
    if ((byteLength & (byteLength - 1)) !== 0 || byteLength < 4096) {
      throw new RangeError(`a frame queue of ${byteLength} bytes: want a power of two, 4096 or more`);
    }
    return new SharedArrayBuffer(CONTROL_WORDS * 4 + byteLength);
  }

  /** Bytes of frames with their headers that fit in. */
  get capacityBytes(): number {
    return this.#size;
  }

  /** The longest frame that an empty queue takes wherever its positions stand: it may have to skip the end of the ring. */
  get largestFrameBytes(): number {
    return this.#size / 2 - HEADER_BYTES;
  }

  // ---- producer ----

  /** Copies a frame in without showing it yet; false when it does not fit. {@link publish} shows all that were put. */
  put(
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flags: number,
    seconds: number,
    nanoseconds: number,
  ): boolean {
    const need = HEADER_BYTES + ((byteLength + 3) & ~3);
    const position = this.#tail & (this.#size - 1);
    const toEnd = this.#size - position;
    const skip = need > toEnd ? toEnd : 0;
    if (!this.#hasRoom(need + skip)) return false;
    const words = this.memory.words;
    let at = CONTROL_WORDS + (position >> 2);
    if (skip > 0) {
      words[at] = SKIP;
      this.#tail = (this.#tail + skip) | 0;
      at = CONTROL_WORDS;
    }
    words[at] = byteLength;
    words[at + 1] = flags;
    words[at + 2] = seconds;
    words[at + 3] = nanoseconds;
    copyMemory(this.memory, (at << 2) + HEADER_BYTES, memory, offset, byteLength);
    this.#tail = (this.#tail + need) | 0;
    return true;
  }

  /** Shows the consumer everything that was put. */
  publish(): void {
    if (this.#tail !== this.#control[TAIL]) Atomics.store(this.#control, TAIL, this.#tail);
  }

  /** Puts and publishes one frame; counts it as lost when the queue is full. What a wire does with a frame at its end. */
  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    if (this.put(memory, offset, byteLength, flags, 0, 0)) this.publish();
    else Atomics.add(this.#control, LOST, 1);
  }

  /** Says that no frame will follow. */
  close(): void {
    this.publish();
    Atomics.store(this.#control, CLOSED, 1);
  }

  // ---- consumer ----

  /** Points the fields at the oldest frame; false when there is none. */
  peek(): boolean {
    if (this.#head === this.#seenTail) {
      this.#seenTail = Atomics.load(this.#control, TAIL);
      if (this.#head === this.#seenTail) return false;
    }
    const words = this.memory.words;
    let at = CONTROL_WORDS + ((this.#head & (this.#size - 1)) >> 2);
    if (words[at] === SKIP) {
      this.#head = (this.#head + this.#size - (this.#head & (this.#size - 1))) | 0;
      at = CONTROL_WORDS;
    }
    this.byteLength = words[at] as number;
    this.flags = words[at + 1] as number;
    this.seconds = words[at + 2] as number;
    this.nanoseconds = words[at + 3] as number;
    this.offset = (at << 2) + HEADER_BYTES;
    return true;
  }

  /** Drops the frame that {@link peek} showed. The room goes back to the producer at {@link acknowledge}. */
  release(): void {
    this.#head = (this.#head + HEADER_BYTES + ((this.byteLength + 3) & ~3)) | 0;
  }

  /** Gives the room of released frames back to the producer. */
  acknowledge(): void {
    if (this.#head !== this.#control[HEAD]) Atomics.store(this.#control, HEAD, this.#head);
  }

  // ---- either side ----

  /** Nothing put and not yet taken, as far as this side has been told. */
  get isEmpty(): boolean {
    return Atomics.load(this.#control, HEAD) === Atomics.load(this.#control, TAIL);
  }

  get isClosed(): boolean {
    return Atomics.load(this.#control, CLOSED) === 1;
  }

  /** Frames that found the queue full. */
  get lostCount(): number {
    return Atomics.load(this.#control, LOST);
  }

  #hasRoom(byteLength: number): boolean {
    if (this.#size - ((this.#tail - this.#seenHead) | 0) >= byteLength) return true;
    this.#seenHead = Atomics.load(this.#control, HEAD);
    return this.#size - ((this.#tail - this.#seenHead) | 0) >= byteLength;
  }
}
