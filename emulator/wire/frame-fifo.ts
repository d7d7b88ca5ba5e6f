import { copyMemory, MemoryView } from "../memory/memory-view.ts";

const HEADER_BYTES = 8;
const SKIP = -1;

/** Frames on their way, in one thread: a byte ring of [length, flags, payload] with the arrival times beside it. */
export class FrameFifo {
  readonly memory: MemoryView;
  /** Set by {@link peek}: where the oldest frame lies. */
  offset = 0;
  byteLength = 0;
  flags = 0;
  readonly arrivalNs: Float64Array = new Float64Array(1);
  /** `[0]`: when the frame of the next {@link push} arrives. Not an argument, because a double that is one may be boxed. */
  readonly pushedNs: Float64Array = new Float64Array(1);
  count = 0;
  /** Bytes that frames take with their headers, and what is left unused at the end of the memory. */
  usedBytes = 0;
  readonly #arrivals: Float64Array;
  #firstArrival = 0;
  #head = 0;
  #tail = 0;

  constructor(byteLength: number) {
    this.memory = MemoryView.ofSize(byteLength);
    this.#arrivals = new Float64Array(Math.max(1, byteLength >>> 6));
  }

  /** Copies a frame in. False when it does not fit; up to half of the memory always fits when it is empty. */
  push(memory: MemoryView, offset: number, byteLength: number, flags: number): boolean {
    const size = this.memory.byteLength;
    const need = HEADER_BYTES + ((byteLength + 3) & ~3);
    const toEnd = size - this.#tail;
    const skip = need > toEnd ? toEnd : 0;
    if (this.usedBytes + skip + need > size || this.count === this.#arrivals.length) return false;
    if (skip > 0) {
      this.memory.words[this.#tail >> 2] = SKIP;
      this.usedBytes += skip;
      this.#tail = 0;
    }
    this.memory.words[this.#tail >> 2] = byteLength;
    this.memory.words[(this.#tail >> 2) + 1] = flags;
    copyMemory(this.memory, this.#tail + HEADER_BYTES, memory, offset, byteLength);
    this.#arrivals[(this.#firstArrival + this.count) % this.#arrivals.length] = this.pushedNs[0] as number;
    this.#tail = (this.#tail + need) % size;
    this.usedBytes += need;
    this.count++;
    return true;
  }

  /** Points the fields at the oldest frame. False when there is none. */
  peek(): boolean {
    if (this.count === 0) return false;
    if (this.memory.words[this.#head >> 2] === SKIP) {
      this.usedBytes -= this.memory.byteLength - this.#head;
      this.#head = 0;
    }
    this.byteLength = this.memory.words[this.#head >> 2] as number;
    this.flags = this.memory.words[(this.#head >> 2) + 1] as number;
    this.offset = this.#head + HEADER_BYTES;
    this.arrivalNs[0] = this.#arrivals[this.#firstArrival] as number;
    return true;
  }

  /** Drops the frame that {@link peek} showed. */
  release(): void {
    const need = HEADER_BYTES + ((this.byteLength + 3) & ~3);
    this.#head = (this.#head + need) % this.memory.byteLength;
    this.usedBytes -= need;
    this.#firstArrival = (this.#firstArrival + 1) % this.#arrivals.length;
    this.count--;
  }
}
