import { MemoryView } from "../../emulator/memory/memory-view.ts";

/** On-card memory for frames that are being fetched. The card has 160 KiB; a segmented frame is gathered whole here. */
export const TRANSMIT_BUFFER_BYTES = 0x0008_0000;
/** Frames under way at the same time. */
export const FRAME_SLOTS = 256;
/** A read's context: where the bytes go (19 bits), and above it the slot of the frame. */
export const SLOT_SHIFT = 19;
/** Free bytes in front of each frame: room for a VLAN tag, and a start on a word. */
const HEADROOM_BYTES = 16;
/** Free bytes behind: padding to the shortest frame. */
const TAILROOM_BYTES = 64;
const LINE_BYTES = 16;

/** What the card knows of a frame under way, as words: 1 << 4 of them. */
const FRAME_SHIFT = 4;
export const FRAME_QUEUE = 0;
/** Byte offset of the frame in the buffer. */
export const FRAME_OFFSET = 1;
export const FRAME_LENGTH = 2;
/** DMA reads that have not been answered. */
export const FRAME_PENDING = 3;
/** Words 2 and 3 of the first descriptor: what to do with the frame. */
export const FRAME_COMMAND = 4;
export const FRAME_OPTIONS = 5;
/** Index in the ring of the last descriptor, and its word 2 (RS). */
export const FRAME_LAST = 6;
export const FRAME_LAST_COMMAND = 7;
/** What becomes of the frame: one of the three below. */
export const FRAME_FATE = 8;
export const FATE_SEND = 0;
/** A rule was broken: nothing is sent, and the driver gets its descriptors back. */
export const FATE_REFUSE = 1;
/** A read failed, its own or one of a frame before it in the queue: nothing is sent and nothing reported. */
export const FATE_LOSE = 2;
/** Not 0: one buffer and nothing to change, so that it can be sent from where the read found it. */
export const FRAME_PLAIN = 9;
/** Words 0, 2 and 3 of the context (offload parameters) as of when the frame was begun. */
export const FRAME_CONTEXT = 10;
export const CONTEXT_WORDS = 3;
/** Bytes of the buffer to give back. */
const FRAME_SIZE = 13;
/** 0, or word 3 of a legacy descriptor with DD set, as it is written back. */
export const FRAME_KEPT = 14;

interface State {
  readonly count: number;
  readonly first: number;
  readonly usedBytes: number;
  readonly nextOffset: number;
  /** Words and bytes of the frames, oldest first. */
  readonly frames: Int32Array;
  readonly data: readonly Uint8Array[];
}

/** The frames of all queues that are under way from host memory to the wire, oldest first. */
export class TransmitBuffer {
  readonly memory: MemoryView = MemoryView.ofSize(TRANSMIT_BUFFER_BYTES);
  /** Frame `slot`, word `w`: at `slot` × 16 + `w`. */
  readonly frames: Int32Array = new Int32Array(FRAME_SLOTS << FRAME_SHIFT);
  count = 0;
  /** Slot of the oldest frame. */
  first = 0;
  /** Bytes in use, with what is free around each frame. */
  usedBytes = 0;
  #nextOffset = 0;

  /** Longest frame that an empty buffer takes. */
  static readonly frameByteLengthMax: number = TRANSMIT_BUFFER_BYTES / 2;

  /** Index of word 0 of a slot's frame: a multiple of 16, to which `|` adds without asking for an overflow. */
  at(slot: number): number {
    return slot << FRAME_SHIFT;
  }

  /**
   * Begins a frame of `byteLength` bytes and returns its slot; -1 when there is no room now. Offset and length are
   * filled in, the rest is the caller's.
   */
  begin(byteLength: number): number {
    if (this.count === FRAME_SLOTS) return -1;
    if (this.count === 0) this.#nextOffset = 0;
    const need = (HEADROOM_BYTES + byteLength + TAILROOM_BYTES + LINE_BYTES - 1) & -LINE_BYTES;
    const rest = (TRANSMIT_BUFFER_BYTES - this.#nextOffset) | 0;
    const size = need <= rest ? need : (need + rest) | 0;
    const usedBytes = (this.usedBytes + size) | 0;
    if (usedBytes > TRANSMIT_BUFFER_BYTES) return -1;
    const offset = need <= rest ? this.#nextOffset : 0;
    const slot = (this.first + this.count) & (FRAME_SLOTS - 1);
    const at = slot << FRAME_SHIFT;
    this.frames[at | FRAME_OFFSET] = (offset + HEADROOM_BYTES) | 0;
    this.frames[at | FRAME_LENGTH] = byteLength;
    this.frames[at | FRAME_SIZE] = size;
    this.#nextOffset = (offset + need) | 0;
    this.usedBytes = usedBytes;
    this.count = (this.count + 1) | 0;
    return slot;
  }

  /** Gives the places of the oldest `frameCount` frames back. */
  release(frameCount: number): void {
    const { frames } = this;
    let { first, usedBytes } = this;
    for (let nth = 0; nth < frameCount; nth++) {
      usedBytes = (usedBytes - (frames[(first << FRAME_SHIFT) | FRAME_SIZE] as number)) | 0;
      first = (first + 1) & (FRAME_SLOTS - 1);
    }
    this.usedBytes = usedBytes;
    this.first = first;
    this.count = (this.count - frameCount) | 0;
  }

  clear(): void {
    this.count = 0;
    this.first = 0;
    this.usedBytes = 0;
    this.#nextOffset = 0;
  }

  /** Of frames that are under way, and of nothing that was before them. */
  snapshot(): unknown {
    const { count, first, usedBytes } = this;
    const frames = new Int32Array(count << FRAME_SHIFT);
    const data: Uint8Array[] = [];
    for (let nth = 0; nth < count; nth++) {
      const at = this.at((first + nth) & (FRAME_SLOTS - 1));
      const copy = frames.subarray(nth << FRAME_SHIFT, (nth + 1) << FRAME_SHIFT);
      copy.set(this.frames.subarray(at, at + copy.length));
      // A plain frame has none; nobody takes the time to clear what is there.
      if (copy[FRAME_PLAIN] !== 0) copy.fill(0, FRAME_CONTEXT, FRAME_CONTEXT + CONTEXT_WORDS);
      data.push(this.#dataOf(at).slice());
    }
    return { count, first, usedBytes, nextOffset: this.#nextOffset, frames, data } satisfies State;
  }

  restore(state: unknown): void {
    const { count, first, usedBytes, nextOffset, frames, data } = state as State;
    this.count = count;
    this.first = first;
    this.usedBytes = usedBytes;
    this.#nextOffset = nextOffset;
    for (let nth = 0; nth < count; nth++) {
      const at = this.at((first + nth) & (FRAME_SLOTS - 1));
      this.frames.set(frames.subarray(nth << FRAME_SHIFT, (nth + 1) << FRAME_SHIFT), at);
      this.#dataOf(at).set(data[nth] ?? []);
    }
  }

  /** The bytes of the frame whose words begin at `at`, of one that will be sent. */
  #dataOf(at: number): Uint8Array {
    const offset = this.frames[at | FRAME_OFFSET] as number;
    const byteLength = this.frames[at | FRAME_FATE] === FATE_SEND ? (this.frames[at | FRAME_LENGTH] as number) : 0;
    return this.memory.bytes.subarray(offset, offset + byteLength);
  }
}
