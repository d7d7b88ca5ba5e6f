import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import { FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { copyWithoutTag } from "./vlan.ts";

/** The memory of the card: 512 KiB (data sheet 1.5). RXPBSIZE(0) says how much of it is used. */
export const PACKET_BUFFER_BYTES = 0x0008_0000;

/**
 * What the card has found out about a frame on the way in, as words. The same words stand in front of the frame in the
 * packet buffer, where it waits for descriptors.
 */
export const RECORD_WORDS = 8;
export const RECORD_LENGTH = 0;
export const RECORD_QUEUE = 1;
/** Words 0 and 1 of the write-back: RSS and packet type; hash. */
export const RECORD_TYPE = 2;
export const RECORD_HASH = 3;
/** Word 2 of the write-back without DD and EOP: extended status and error. */
export const RECORD_STATUS = 4;
/** Upper half of word 3: the tag that was stripped. */
export const RECORD_TAG = 5;
/** Bytes that have gone to host memory already. */
export const RECORD_DONE = 6;
/** Bytes that record and frame take in the buffer. */
const RECORD_SIZE = 7;

const RECORD_BYTE_LENGTH = RECORD_WORDS * 4;
/** Records begin on lines of 32 bytes. */
const LINE_BYTES = 32;
const NO_PLACE = -1;

interface State {
  readonly frameCount: number;
  readonly usedBytes: number;
  readonly head: number;
  readonly tail: number;
  readonly wrapAt: number;
  readonly memory: Uint8Array;
}

/** Frames that have arrived and wait for descriptors, oldest first. Each lies in one piece behind its record. */
export class PacketBuffer {
  readonly memory: MemoryView = MemoryView.ofSize(PACKET_BUFFER_BYTES);
  frameCount = 0;
  /** Bytes in use; a piece at the end of the memory that was too small for the next frame counts until it is passed. */
  usedBytes = 0;
  /** Byte offset of the oldest record, and of the next. */
  #head = 0;
  #tail = 0;
  /** Where the records end that were written before the last return to offset 0. */
  #wrapAt = PACKET_BUFFER_BYTES;
  #limitBytes = PACKET_BUFFER_BYTES;

  /** RXPBSIZE(0): how many bytes frames may take. */
  setLimit(byteLength: number): void {
    this.#limitBytes = Math.min(byteLength, PACKET_BUFFER_BYTES);
  }

  /** True when a frame of that length, FCS not counted, would find room. */
  hasRoom(byteLength: number): boolean {
    return this.#placeFor(sizeOf(byteLength)) !== NO_PLACE;
  }

  /**
   * Takes in a frame with its record, whose length is filled in here. With `stripTag` the VLAN tag stays behind; with
   * `keepFcs` the four bytes of `fcs` follow the frame. False when there is no room.
   */
  push(
    record: Int32Array,
    from: MemoryView,
    offset: number,
    byteLength: number,
    stripTag: boolean,
    keepFcs: boolean,
    fcs: number,
  ): boolean {
    const size = sizeOf(byteLength);
    const at = this.#placeFor(size);
    if (at === NO_PLACE) return false;
    if (at < this.#tail) {
      this.#wrapAt = this.#tail;
      this.usedBytes += PACKET_BUFFER_BYTES - this.#tail;
    }
    const data = at + RECORD_BYTE_LENGTH;
    let kept = byteLength;
    if (stripTag) kept = copyWithoutTag(this.memory, data, from, offset, byteLength);
    else copyMemory(this.memory, data, from, offset, byteLength);
    if (keepFcs) {
      this.#putFcs(data + kept, fcs);
      kept += FCS_BYTE_LENGTH;
    }
    const words = this.memory.words;
    const word = at >> 2;
    for (let index = 0; index < RECORD_WORDS; index++) words[word + index] = record[index] as number;
    words[word + RECORD_LENGTH] = kept;
    words[word + RECORD_DONE] = 0;
    words[word + RECORD_SIZE] = size;
    this.#tail = at + size;
    this.usedBytes += size;
    this.frameCount++;
    return true;
  }

  /** Index of the oldest record's first word. Only while `frameCount` is not 0. */
  get headWord(): number {
    return this.#head >> 2;
  }

  /** Byte offset of the oldest frame's data. */
  get headData(): number {
    return this.#head + RECORD_BYTE_LENGTH;
  }

  /** Forgets the oldest frame. */
  pop(): void {
    const size = this.memory.words[(this.#head >> 2) + RECORD_SIZE] as number;
    this.#head += size;
    this.usedBytes -= size;
    this.frameCount--;
    if (this.frameCount === 0) {
      this.clear();
    } else if (this.#head === this.#wrapAt) {
      this.usedBytes -= PACKET_BUFFER_BYTES - this.#wrapAt;
      this.#head = 0;
      this.#wrapAt = PACKET_BUFFER_BYTES;
    }
  }

  clear(): void {
    this.frameCount = 0;
    this.usedBytes = 0;
    this.#head = 0;
    this.#tail = 0;
    this.#wrapAt = PACKET_BUFFER_BYTES;
  }

  snapshot(): unknown {
    const memory = this.frameCount === 0 ? new Uint8Array(0) : this.memory.bytes.slice();
    const { frameCount, usedBytes } = this;
    return { frameCount, usedBytes, head: this.#head, tail: this.#tail, wrapAt: this.#wrapAt, memory } satisfies State;
  }

  restore(state: unknown): void {
    const { frameCount, usedBytes, head, tail, wrapAt, memory } = state as State;
    this.frameCount = frameCount;
    this.usedBytes = usedBytes;
    this.#head = head;
    this.#tail = tail;
    this.#wrapAt = wrapAt;
    this.memory.bytes.set(memory);
  }

  /** Byte offset for a record of that size: behind the newest, or at 0 when the rest of the memory is too small. */
  #placeFor(size: number): number {
    const { usedBytes } = this;
    const isWrapped = this.frameCount !== 0 && this.#tail <= this.#head;
    const rest = isWrapped ? this.#head - this.#tail : PACKET_BUFFER_BYTES - this.#tail;
    if (rest >= size) return usedBytes + size <= this.#limitBytes ? this.#tail : NO_PLACE;
    // What is used ends at the end of the memory then, so this is also the room before the oldest record.
    return !isWrapped && usedBytes + rest + size <= this.#limitBytes ? 0 : NO_PLACE;
  }

  #putFcs(at: number, fcs: number): void {
    const bytes = this.memory.bytes;
    bytes[at] = fcs;
    bytes[at + 1] = fcs >>> 8;
    bytes[at + 2] = fcs >>> 16;
    bytes[at + 3] = fcs >>> 24;
  }
}

/** The FCS has a place whether it is kept or not, as it has in the card's memory. */
function sizeOf(byteLength: number): number {
  return (RECORD_BYTE_LENGTH + byteLength + FCS_BYTE_LENGTH + LINE_BYTES - 1) & -LINE_BYTES;
}
