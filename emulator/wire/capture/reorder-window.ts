import type { CaptureRecord } from "./capture-record.ts";
import { FrameCopy } from "./frame-copy.ts";

/** How much a window holds before something must leave it. */
export interface WindowLimits {
  readonly recordCount: number;
  /** Of frames. A single frame that is longer still gets in, and makes the window's memory grow once. */
  readonly byteLength: number;
}

/**
 * Records held back so that they leave in order of time, those of equal time in the order in which they came. Nearly all
 * come in order: they wait in a line, and only those that are behind its end in a heap; the earlier one of both heads
 * leaves. Their bytes lie behind one another in one buffer, twice as long as the limit; at its end those that are still
 * here move together at its start, so that each byte is moved once on average. All memory is allocated beforehand.
 */
export class ReorderWindow {
  /** Records held. */
  count = 0;
  /** Bytes of frames held. */
  byteLength = 0;
  readonly #limits: WindowLimits;
  // Of each slot: the time that its record is ordered by, a number that counts up with arrival, and the record's fields.
  readonly #keySeconds: Float64Array;
  readonly #keyNanoseconds: Int32Array;
  readonly #arrival: Float64Array;
  readonly #isTimed: Uint8Array;
  readonly #offset: Int32Array;
  readonly #byteLength: Int32Array;
  readonly #originalByteLength: Float64Array;
  readonly #interfaceIndex: Float64Array;
  readonly #sectionIndex: Int32Array;
  readonly #linkType: Int32Array;
  readonly #fcsByteLength: Uint8Array;
  readonly #direction: Uint8Array;
  /** Slots that have no record: a stack. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** Slot indices in order of time as they came: a ring. */
  readonly #line: Int32Array;
  #lineHead = 0;
  #lineCount = 0;
  /** Slot indices of records that came behind the end of the line: a binary heap, the earliest at [0]. */
  readonly #heap: Int32Array;
  #heapCount = 0;
  #buffer: Uint8Array;
  #view: DataView;
  readonly #copy = new FrameCopy();
  #writeAt = 0;
  /** Slot indices in the order in which their bytes lie in the buffer; those that have left are still named. */
  readonly #layout: Int32Array;
  #layoutCount = 0;
  /** Of each slot: where in `#layout` it stands, -1 when its record has left. */
  readonly #place: Int32Array;
  #arrivalCount = 0;

  constructor(limits: WindowLimits) {
    const { recordCount, byteLength } = limits;
    this.#limits = limits;
    this.#keySeconds = new Float64Array(recordCount);
    this.#keyNanoseconds = new Int32Array(recordCount);
    this.#arrival = new Float64Array(recordCount);
    this.#isTimed = new Uint8Array(recordCount);
    this.#offset = new Int32Array(recordCount);
    this.#byteLength = new Int32Array(recordCount);
    this.#originalByteLength = new Float64Array(recordCount);
    this.#interfaceIndex = new Float64Array(recordCount);
    this.#sectionIndex = new Int32Array(recordCount);
    this.#linkType = new Int32Array(recordCount);
    this.#fcsByteLength = new Uint8Array(recordCount);
    this.#direction = new Uint8Array(recordCount);
    this.#free = Int32Array.from({ length: recordCount }, (_, index) => recordCount - 1 - index);
    this.#freeCount = recordCount;
    this.#line = new Int32Array(recordCount);
    this.#heap = new Int32Array(recordCount);
    this.#layout = new Int32Array(2 * recordCount);
    this.#place = new Int32Array(recordCount);
    this.#buffer = new Uint8Array(2 * byteLength);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes of memory that frames lie in. */
  get capacityByteLength(): number {
    return this.#buffer.length;
  }

  /** Whether a frame of so many bytes may come in before another one leaves. */
  hasRoomFor(byteLength: number): boolean {
    if (this.count === 0) return true;
    return this.count < this.#limits.recordCount && this.byteLength + byteLength <= this.#limits.byteLength;
  }

  /**
   * Takes a copy of the record in, ordered by the given time, which is the record's own if it has one. The caller has
   * asked {@link hasRoomFor}. The bytes of the record that was taken last are lost.
   */
  admit(record: CaptureRecord, seconds: number, nanoseconds: number): void {
    const { byteLength } = record;
    if (this.count === 0) {
      this.#writeAt = 0;
      this.#layoutCount = 0;
    }
    if (this.#writeAt + byteLength > this.#buffer.length || this.#layoutCount === this.#layout.length) {
      this.#moveTogether(byteLength);
    }
    const slot = this.#free[--this.#freeCount] as number;
    this.#store(slot, record);
    this.#place[slot] = this.#layoutCount;
    this.#layout[this.#layoutCount++] = slot;
    this.#keySeconds[slot] = seconds;
    this.#keyNanoseconds[slot] = nanoseconds;
    this.#arrival[slot] = this.#arrivalCount++;
    this.count++;
    this.byteLength += byteLength;
    const size = this.#limits.recordCount;
    const last = this.#line[(this.#lineHead + this.#lineCount - 1) % size] as number;
    if (this.#lineCount > 0 && this.#isBefore(slot, last)) {
      this.#siftUp(this.#heapCount++, slot);
    } else {
      this.#line[(this.#lineHead + this.#lineCount++) % size] = slot;
    }
  }

  /** Gives the earliest record; false when there is none. Its bytes are good until the next `admit`. */
  take(record: CaptureRecord): boolean {
    if (this.count === 0) return false;
    const slot = this.#takeEarliest();
    this.#load(slot, record);
    this.count--;
    this.byteLength -= record.byteLength;
    this.#place[slot] = -1;
    this.#free[this.#freeCount++] = slot;
    return true;
  }

  #takeEarliest(): number {
    const head = this.#line[this.#lineHead] as number;
    // What is in the heap is earlier than the end of the line, so with a heap there is always a line.
    if (this.#heapCount === 0 || this.#isBefore(head, this.#heap[0] as number)) {
      this.#lineHead = (this.#lineHead + 1) % this.#limits.recordCount;
      this.#lineCount--;
      return head;
    }
    const earliest = this.#heap[0] as number;
    const last = this.#heap[--this.#heapCount] as number;
    if (this.#heapCount > 0) this.#siftDown(last);
    return earliest;
  }

  #store(slot: number, record: CaptureRecord): void {
    const { bytes, offset, byteLength } = record;
    const at = this.#writeAt;
    this.#copy.copy(bytes, offset, this.#buffer, this.#view, at, byteLength);
    this.#writeAt += byteLength;
    this.#isTimed[slot] = record.timed ? 1 : 0;
    this.#offset[slot] = at;
    this.#byteLength[slot] = byteLength;
    this.#originalByteLength[slot] = record.originalByteLength;
    this.#interfaceIndex[slot] = record.interfaceIndex;
    this.#sectionIndex[slot] = record.sectionIndex;
    this.#linkType[slot] = record.linkType;
    this.#fcsByteLength[slot] = record.fcsByteLength;
    this.#direction[slot] = record.direction;
  }

  #load(slot: number, record: CaptureRecord): void {
    const isTimed = this.#isTimed[slot] === 1;
    record.seconds = isTimed ? (this.#keySeconds[slot] as number) : 0;
    record.nanoseconds = isTimed ? (this.#keyNanoseconds[slot] as number) : 0;
    record.timed = isTimed;
    record.bytes = this.#buffer;
    record.offset = this.#offset[slot] as number;
    record.byteLength = this.#byteLength[slot] as number;
    record.originalByteLength = this.#originalByteLength[slot] as number;
    record.interfaceIndex = this.#interfaceIndex[slot] as number;
    record.sectionIndex = this.#sectionIndex[slot] as number;
    record.linkType = this.#linkType[slot] as number;
    record.fcsByteLength = this.#fcsByteLength[slot] as number;
    record.direction = this.#direction[slot] as number;
  }

  /** Makes room for a frame of so many bytes behind all that are held. */
  #moveTogether(byteLength: number): void {
    const from = this.#buffer;
    // What is held and the newcomer are within the limit, that is half of the buffer, or else a single frame.
    if (this.byteLength + byteLength > from.length) {
      this.#buffer = new Uint8Array(2 * (this.byteLength + byteLength));
      this.#view = new DataView(this.#buffer.buffer);
    }
    const to = this.#buffer;
    let writeAt = 0;
    let layoutCount = 0;
    for (let index = 0; index < this.#layoutCount; index++) {
      const slot = this.#layout[index] as number;
      if (this.#place[slot] !== index) continue;
      const start = this.#offset[slot] as number;
      const end = start + (this.#byteLength[slot] as number);
      if (to === from) to.copyWithin(writeAt, start, end);
      else to.set(from.subarray(start, end), writeAt);
      this.#offset[slot] = writeAt;
      writeAt += end - start;
      this.#place[slot] = layoutCount;
      this.#layout[layoutCount++] = slot;
    }
    this.#writeAt = writeAt;
    this.#layoutCount = layoutCount;
  }

  #isBefore(left: number, right: number): boolean {
    const leftSeconds = this.#keySeconds[left] as number;
    const rightSeconds = this.#keySeconds[right] as number;
    if (leftSeconds !== rightSeconds) return leftSeconds < rightSeconds;
    const nanoseconds = (this.#keyNanoseconds[left] as number) - (this.#keyNanoseconds[right] as number);
    if (nanoseconds !== 0) return nanoseconds < 0;
    return (this.#arrival[left] as number) < (this.#arrival[right] as number);
  }

  #siftUp(from: number, slot: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as number;
      if (!this.#isBefore(slot, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = slot;
  }

  #siftDown(slot: number): void {
    const heap = this.#heap;
    const count = this.#heapCount;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#isBefore(heap[child] as number, slot)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = slot;
  }
}
