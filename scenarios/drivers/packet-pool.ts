/**
 * Packet buffers of one size in one DMA allocation, and batches that name some of them. Nothing here allocates after
 * construction: buffers are numbers, and the free ones lie on a stack in a typed array.
 */

import type { Dma, DmaBuffer } from "../../emulator/pcie/driver-view.ts";

/** Fixed-size packet buffers. Buffer `index` is at `index * bufferBytes` of {@link memory}. Belongs to one CPU. */
export class PacketPool {
  readonly bufferBytes: number;
  readonly bufferCount: number;
  /** All buffers, one after the other. */
  readonly memory: DmaBuffer;
  /** The buffers' addresses for the device, as int32 words by buffer index: what goes into descriptors. */
  readonly iovaHigh: Int32Array;
  readonly iovaLow: Int32Array;
  /** How many buffers can be taken. */
  freeCount: number;
  readonly #free: Int32Array;
  readonly #isFree: Uint8Array;

  /** Throws RangeError when there is not so much DMA memory. */
  constructor(dma: Dma, bufferCount: number, bufferBytes: number) {
    this.bufferBytes = bufferBytes;
    this.bufferCount = bufferCount;
    this.memory = dma.alloc(bufferCount * bufferBytes, { label: "packet buffers" });
    this.iovaHigh = new Int32Array(bufferCount);
    this.iovaLow = new Int32Array(bufferCount);
    this.#free = new Int32Array(bufferCount);
    this.#isFree = new Uint8Array(bufferCount).fill(1);
    this.freeCount = bufferCount;
    for (let index = 0; index < bufferCount; index++) {
      const iova = this.memory.iova + index * bufferBytes;
      this.iovaHigh[index] = Math.floor(iova / 2 ** 32);
      this.iovaLow[index] = iova | 0;
      // The lowest index is taken first, and the last one given back comes next: it is still in the cache.
      this.#free[index] = bufferCount - 1 - index;
    }
  }

  /** Takes a buffer; -1 when none is free. The caller owns it until it gives it back or hands it to the device. */
  take(): number {
    if (this.freeCount === 0) return -1;
    const index = this.#free[--this.freeCount] as number;
    this.#isFree[index] = 0;
    return index;
  }

  /** Gives a buffer back. Throws RangeError for one that is not taken: the same buffer would be handed out twice. */
  release(index: number): void {
    if (this.#isFree[index] !== 0) throw new RangeError(`packet buffer ${index} is given back but was not taken`);
    this.#isFree[index] = 1;
    this.#free[this.freeCount++] = index;
  }

  /** Which buffers are taken. */
  save(): unknown {
    return { freeCount: this.freeCount, free: this.#free.slice(), isFree: this.#isFree.slice() };
  }

  restore(state: unknown): void {
    const { freeCount, free, isFree } = state as { freeCount: number; free: Int32Array; isFree: Uint8Array };
    this.freeCount = freeCount;
    this.#free.set(free);
    this.#isFree.set(isFree);
  }

  /** Unmaps the buffers. The device must not hold any of them. */
  free(): void {
    this.memory.free();
  }
}

/** The bit of {@link PacketBatch.status} that the last (mostly only) buffer of a frame carries: the descriptor's EOP. */
export const END_OF_PACKET: number = 1 << 1;

/**
 * Buffers with what the card says of them, one entry each, arrays instead of objects. A frame that fills several buffers
 * is several entries; its last one has {@link END_OF_PACKET}, and only that one's status, type, hash and tag count.
 */
export class PacketBatch {
  readonly capacity: number;
  /** Index in the {@link PacketPool}. */
  readonly bufferIndex: Int32Array;
  /** Bytes in this buffer, without FCS. */
  readonly byteLength: Int32Array;
  /** Extended status and errors of the receive descriptor, as the card wrote them. For sending only END_OF_PACKET counts. */
  readonly status: Int32Array;
  /** RSS type (bits 0–3) and packet type (bits 4–16) of the receive descriptor. */
  readonly packetType: Int32Array;
  readonly rssHash: Int32Array;
  /** The stripped tag; means something if the status has VP. */
  readonly vlanTag: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.bufferIndex = new Int32Array(capacity);
    this.byteLength = new Int32Array(capacity);
    this.status = new Int32Array(capacity);
    this.packetType = new Int32Array(capacity);
    this.rssHash = new Int32Array(capacity);
    this.vlanTag = new Int32Array(capacity);
  }

  /** Makes entry `at` a buffer to send; `isLast` when the frame ends in it. */
  set(at: number, bufferIndex: number, byteLength: number, isLast = true): void {
    this.bufferIndex[at] = bufferIndex;
    this.byteLength[at] = byteLength;
    this.status[at] = isLast ? END_OF_PACKET : 0;
  }

  /** The entry behind the frame that begins at `first`; `count` when the frame does not end before. */
  endOfFrame(first: number, count: number): number {
    let entry = first;
    while (entry < count && ((this.status[entry] as number) & END_OF_PACKET) === 0) entry++;
    return entry < count ? entry + 1 : count;
  }

  /** Bytes of the frame that begins at `first`, in all its buffers. */
  frameBytes(first: number, count: number): number {
    let sum = 0;
    const end = this.endOfFrame(first, count);
    for (let entry = first; entry < end; entry++) sum += this.byteLength[entry] as number;
    return sum;
  }
}
