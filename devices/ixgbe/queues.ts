import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { DESCRIPTOR_BYTE_LENGTH } from "./descriptors.ts";

export const QUEUE_COUNT = 128;

/** Not enabled: descriptors are not fetched, frames for it are dropped. */
export const OFF = 0;
/** ENABLE was written and does not read 1 yet. */
export const STARTING = 1;
export const RUNNING = 2;
/** ENABLE was cleared and reads 1 until what is under way is done. */
export const DRAINING = 3;
/** A DMA error or a wrong tail stopped it; ENABLE still reads 1. Disabling and enabling it starts it again. */
export const HALTED = 4;

/** Descriptors have a power of two of words. A constant of this module: the engine looks one of another module up each time. */
const DESCRIPTOR_SHIFT = 2;

/** From the write of ENABLE until it reads back. The data sheet says only that it takes a while; drivers poll in ms. */
const ENABLE_NS = 5_000;

/**
 * The descriptor rings of one direction: where they lie, which descriptors are whose, and the descriptors that the card
 * has fetched and not used. Everything by queue number, in typed arrays.
 *
 * ```
 *   head            next              tail
 *     | fetched       | not yet         | the driver's
 *     | (cached, or   | asked for       |
 *     |  on the way)  |                 |
 * ```
 */
export class Rings {
  readonly state: Uint8Array = new Uint8Array(QUEUE_COUNT);
  /** Descriptors in the ring, as of when the queue was enabled. */
  readonly slotCount: Int32Array = new Int32Array(QUEUE_COUNT);
  readonly baseLow: Int32Array = new Int32Array(QUEUE_COUNT);
  readonly baseHigh: Int32Array = new Int32Array(QUEUE_COUNT);
  /** The device's: the oldest descriptor that is not done. The head register shows it. */
  readonly head: Int32Array = new Int32Array(QUEUE_COUNT);
  /** The driver's: one behind the last descriptor that the device may use. */
  readonly tail: Int32Array = new Int32Array(QUEUE_COUNT);
  /** The device's: next descriptor to ask for. */
  readonly next: Int32Array = new Int32Array(QUEUE_COUNT);
  /** Descriptors on their way to the card. At most one burst is. */
  readonly fetching: Int32Array = new Int32Array(QUEUE_COUNT);
  /** Descriptors on the card. */
  readonly cached: Int32Array = new Int32Array(QUEUE_COUNT);
  /** Slot of the oldest of them in the queue's part of `cache`. */
  readonly cacheStart: Int32Array = new Int32Array(QUEUE_COUNT);
  readonly cacheSlots: number;
  readonly cache: Int32Array;
  readonly #burst: MemoryView;
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #headAt: number;
  readonly #tag: number;
  readonly #timer: number;
  /** All state but the cache. */
  readonly #arrays: readonly (Int32Array | Uint8Array)[];

  /**
   * `cacheSlots` descriptors are kept for each queue; `tag` marks the descriptor reads, `timer` runs while a queue comes
   * up or drains.
   */
  constructor(
    port: DevicePort,
    file: RegisterFile,
    head: Register,
    { cacheSlots, tag, timer }: { cacheSlots: number; tag: number; timer: number },
  ) {
    this.#port = port;
    this.#values = file.values;
    this.#headAt = file.map.ordinal(head);
    this.#tag = tag;
    this.#timer = timer;
    this.cacheSlots = cacheSlots;
    this.cache = new Int32Array((QUEUE_COUNT * cacheSlots) << DESCRIPTOR_SHIFT);
    this.#burst = MemoryView.ofSize(cacheSlots * DESCRIPTOR_BYTE_LENGTH);
    const { state, slotCount, baseLow, baseHigh, tail, next, fetching, cached, cacheStart } = this;
    this.#arrays = [state, slotCount, baseLow, baseHigh, this.head, tail, next, fetching, cached, cacheStart];
  }

  /** Descriptors that the driver has handed over and the card has not asked for. */
  waiting(queue: number): number {
    const distance = ((this.tail[queue] as number) - (this.next[queue] as number)) | 0;
    return distance < 0 ? (distance + (this.slotCount[queue] as number)) | 0 : distance;
  }

  /** All descriptors that are the card's: cached, on their way and not asked for. */
  available(queue: number): number {
    return (this.cached[queue] as number) + (this.fetching[queue] as number) + this.waiting(queue);
  }

  /** Asks for up to `burstLimit` descriptors in one read; a burst ends at the end of the ring. */
  fetch(queue: number, burstLimit: number): void {
    const next = this.next[queue] as number;
    const toEnd = (this.slotCount[queue] as number) - next;
    let count = this.waiting(queue);
    if (count > burstLimit) count = burstLimit;
    if (count > toEnd) count = toEnd;
    if (count <= 0) return;
    this.fetching[queue] = count;
    this.next[queue] = count === toEnd ? 0 : next + count;
    this.#port.dmaRead(this.addressHigh(queue, next), this.addressLow(queue, next), count << 4, this.#tag, queue);
  }

  /** Low word of the address of a descriptor. */
  addressLow(queue: number, index: number): number {
    return ((this.baseLow[queue] as number) + (index << 4)) | 0;
  }

  addressHigh(queue: number, index: number): number {
    const base = this.baseLow[queue] as number;
    const low = (base + (index << 4)) | 0;
    // Unsigned comparison of int32 words: a carry out of the low word.
    const carry = (low ^ SIGN) < (base ^ SIGN) ? 1 : 0;
    return ((this.baseHigh[queue] as number) + carry) | 0;
  }

  /** The burst that was asked for is here. Returns how many descriptors it has. */
  store(queue: number, memory: MemoryView, offset: number, byteLength: number): number {
    if ((offset & 3) !== 0) {
      // Host memory may be mapped from any byte on; words can only be taken from a whole one.
      copyMemory(this.#burst, 0, memory, offset, byteLength);
      return this.#store(queue, this.#burst.words, 0, byteLength >> 4);
    }
    return this.#store(queue, memory.words, offset >> 2, byteLength >> 4);
  }

  #store(queue: number, words: Int32Array, firstWord: number, count: number): number {
    const { cache, cacheSlots } = this;
    const firstSlot = Math.imul(queue, cacheSlots);
    let slot = ((this.cacheStart[queue] as number) + (this.cached[queue] as number)) | 0;
    if (slot >= cacheSlots) slot = (slot - cacheSlots) | 0;
    let from = firstWord;
    for (let index = 0; index < count; index++) {
      const to = (firstSlot + slot) << DESCRIPTOR_SHIFT;
      cache[to] = words[from] as number;
      cache[to | 1] = words[(from + 1) | 0] as number;
      cache[to | 2] = words[(from + 2) | 0] as number;
      cache[to | 3] = words[(from + 3) | 0] as number;
      from = (from + (1 << DESCRIPTOR_SHIFT)) | 0;
      slot = (slot + 1) | 0;
      if (slot === cacheSlots) slot = 0;
    }
    this.cached[queue] = ((this.cached[queue] as number) + count) | 0;
    this.fetching[queue] = 0;
    if (this.state[queue] === DRAINING) this.settleSoon();
    return count;
  }

  /** Index into `cache` of word 0 of the `nth` descriptor on the card. */
  cacheAt(queue: number, nth: number): number {
    let slot = ((this.cacheStart[queue] as number) + nth) | 0;
    const { cacheSlots } = this;
    if (slot >= cacheSlots) slot = (slot - cacheSlots) | 0;
    return (Math.imul(queue, cacheSlots) + slot) << DESCRIPTOR_SHIFT;
  }

  /** Takes `count` descriptors off the card. */
  consume(queue: number, count: number): void {
    const start = ((this.cacheStart[queue] as number) + count) | 0;
    this.cacheStart[queue] = start >= this.cacheSlots ? (start - this.cacheSlots) | 0 : start;
    this.cached[queue] = ((this.cached[queue] as number) - count) | 0;
  }

  /** Index in the ring of the oldest descriptor on the card. */
  firstCachedIndex(queue: number): number {
    const ahead = ((this.fetching[queue] as number) + (this.cached[queue] as number)) | 0;
    const index = ((this.next[queue] as number) - ahead) | 0;
    return index < 0 ? (index + (this.slotCount[queue] as number)) | 0 : index;
  }

  /** The device is done with everything before `index`. */
  moveHead(queue: number, index: number): void {
    this.head[queue] = index;
    this.#values[(this.#headAt + queue) | 0] = index;
  }

  /** The oldest descriptor on the card, the one at `index` of the ring, is used up: it is the driver's again. */
  finishOldest(queue: number, index: number): void {
    this.consume(queue, 1);
    this.moveHead(queue, this.after(queue, index));
  }

  /** The place in the ring behind `index`. */
  after(queue: number, index: number): number {
    const next = (index + 1) | 0;
    return next === this.slotCount[queue] ? 0 : next;
  }

  /** Stops a queue that cannot go on: what it has under way still ends, nothing new is fetched. */
  halt(queue: number): void {
    if (this.state[queue] === RUNNING) this.state[queue] = HALTED;
  }

  /** A fetch was answered with an error. */
  fetchFailed(queue: number): void {
    this.fetching[queue] = 0;
    this.halt(queue);
    if (this.state[queue] === DRAINING) this.settleSoon();
  }

  /** Something of a draining queue ended: look soon whether it is off now. */
  noteProgress(queue: number): void {
    if (this.state[queue] === DRAINING) this.settleSoon();
  }

  /** Something has begun that the timer ends: a queue comes up, or drains. */
  settleSoon(): void {
    if (!this.#port.isTimerArmed(this.#timer)) this.#port.startTimer(this.#timer, ENABLE_NS);
  }

  reset(): void {
    for (const array of this.#arrays) array.fill(0);
  }

  isFetching(): boolean {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) if (this.fetching[queue] !== 0) return true;
    return false;
  }

  /**
   * Behind the arrays come, for each queue that has descriptors on the card, those, oldest first: most have none. What else
   * lies in the cache was used up, and does not tell on what the card does.
   */
  snapshot(): readonly (Int32Array | Uint8Array)[] {
    const state = this.#arrays.map((array) => array.slice());
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const count = this.cached[queue] as number;
      if (count === 0) continue;
      const descriptors = new Int32Array(count << DESCRIPTOR_SHIFT);
      for (let nth = 0; nth < count; nth++) {
        const at = this.cacheAt(queue, nth);
        descriptors.set(this.cache.subarray(at, at + (1 << DESCRIPTOR_SHIFT)), nth << DESCRIPTOR_SHIFT);
      }
      state.push(descriptors);
    }
    return state;
  }

  restore(state: readonly (Int32Array | Uint8Array)[]): void {
    let part = 0;
    for (; part < this.#arrays.length; part++) this.#arrays[part]?.set(state[part] ?? []);
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const count = this.cached[queue] as number;
      if (count === 0) continue;
      const descriptors = state[part++] ?? new Int32Array(0);
      for (let nth = 0; nth < count; nth++) {
        const from = nth << DESCRIPTOR_SHIFT;
        this.cache.set(descriptors.subarray(from, from + (1 << DESCRIPTOR_SHIFT)), this.cacheAt(queue, nth));
      }
    }
  }
}

/** Flipping the sign bit turns a signed comparison into an unsigned one, without a boxed Number. */
const SIGN: number = 1 << 31;
