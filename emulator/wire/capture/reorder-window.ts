import { CaptureRecord, copyRecord } from "./capture-record.ts";

/** How much a window holds before something must leave it. */
export interface WindowLimits {
  readonly recordCount: number;
  /** Of frames. A single frame that is longer still gets in, and makes the window's memory grow once. */
  readonly byteLength: number;
}

/**
 * Records held back so that they leave in order of time, those of equal time in the order in which they came. Their bytes
 * lie behind one another in one buffer, twice as long as the limit; at its end those that are still here move together at
 * its start, so that each byte is moved once on average. Nothing is allocated once the window has been full.
 */
export class ReorderWindow {
  /** Records held. */
  count = 0;
  /** Bytes of frames held. */
  byteLength = 0;
  readonly #limits: WindowLimits;
  readonly #slots: CaptureRecord[] = [];
  /** Of each slot: the time that its record is ordered by, and a number that counts up with arrival. */
  readonly #seconds: Float64Array;
  readonly #nanoseconds: Int32Array;
  readonly #arrival: Float64Array;
  /** A binary heap of slot indices: the earliest record at [0]. */
  readonly #heap: Int32Array;
  /** Slots that have no record: a stack. */
  readonly #free: Int32Array;
  #freeCount = 0;
  #buffer: Uint8Array;
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
    this.#seconds = new Float64Array(recordCount);
    this.#nanoseconds = new Int32Array(recordCount);
    this.#arrival = new Float64Array(recordCount);
    this.#heap = new Int32Array(recordCount);
    this.#free = new Int32Array(recordCount);
    this.#place = new Int32Array(recordCount);
    this.#layout = new Int32Array(2 * recordCount);
    this.#buffer = new Uint8Array(2 * byteLength);
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
    const slotIndex = this.#freeSlot();
    const slot = this.#slots[slotIndex] as CaptureRecord;
    copyRecord(record, slot);
    slot.bytes = this.#buffer;
    slot.offset = this.#writeAt;
    this.#buffer.set(record.bytes.subarray(record.offset, record.offset + byteLength), this.#writeAt);
    this.#writeAt += byteLength;
    this.#place[slotIndex] = this.#layoutCount;
    this.#layout[this.#layoutCount++] = slotIndex;
    this.#seconds[slotIndex] = seconds;
    this.#nanoseconds[slotIndex] = nanoseconds;
    this.#arrival[slotIndex] = this.#arrivalCount++;
    this.byteLength += byteLength;
    this.#siftUp(this.count++, slotIndex);
  }

  /** Gives the earliest record; false when there is none. Its bytes are good until the next `admit`. */
  take(record: CaptureRecord): boolean {
    if (this.count === 0) return false;
    const slotIndex = this.#heap[0] as number;
    copyRecord(this.#slots[slotIndex] as CaptureRecord, record);
    this.byteLength -= record.byteLength;
    this.#place[slotIndex] = -1;
    this.#free[this.#freeCount++] = slotIndex;
    const last = this.#heap[--this.count] as number;
    if (this.count > 0) this.#siftDown(last);
    return true;
  }

  #freeSlot(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount] as number;
    return this.#slots.push(new CaptureRecord()) - 1;
  }

  /** Makes room for a frame of so many bytes behind all that are held. */
  #moveTogether(byteLength: number): void {
    const from = this.#buffer;
    // What is held and the newcomer are within the limit, that is half of the buffer, or else a single frame.
    if (this.byteLength + byteLength > from.length) this.#buffer = new Uint8Array(2 * (this.byteLength + byteLength));
    const to = this.#buffer;
    let writeAt = 0;
    let layoutCount = 0;
    for (let index = 0; index < this.#layoutCount; index++) {
      const slotIndex = this.#layout[index] as number;
      if (this.#place[slotIndex] !== index) continue;
      const slot = this.#slots[slotIndex] as CaptureRecord;
      if (to === from) to.copyWithin(writeAt, slot.offset, slot.offset + slot.byteLength);
      else to.set(from.subarray(slot.offset, slot.offset + slot.byteLength), writeAt);
      slot.bytes = to;
      slot.offset = writeAt;
      writeAt += slot.byteLength;
      this.#place[slotIndex] = layoutCount;
      this.#layout[layoutCount++] = slotIndex;
    }
    this.#writeAt = writeAt;
    this.#layoutCount = layoutCount;
  }

  #isBefore(left: number, right: number): boolean {
    const leftSeconds = this.#seconds[left] as number;
    const rightSeconds = this.#seconds[right] as number;
    if (leftSeconds !== rightSeconds) return leftSeconds < rightSeconds;
    const nanoseconds = (this.#nanoseconds[left] as number) - (this.#nanoseconds[right] as number);
    if (nanoseconds !== 0) return nanoseconds < 0;
    return (this.#arrival[left] as number) < (this.#arrival[right] as number);
  }

  #siftUp(from: number, slotIndex: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as number;
      if (!this.#isBefore(slotIndex, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = slotIndex;
  }

  #siftDown(slotIndex: number): void {
    const heap = this.#heap;
    const count = this.count;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.#isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#isBefore(heap[child] as number, slotIndex)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = slotIndex;
  }
}
