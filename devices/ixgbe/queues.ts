import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Field, Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { DESCRIPTOR_WORDS } from "./descriptors.ts";
import * as findings from "./findings.ts";
import type { MasterControl } from "./reset.ts";

export const QUEUE_COUNT = 128;

/** Not enabled: descriptors are not fetched, frames for it are dropped. */
const OFF = 0;
/** ENABLE was written and does not read 1 yet. */
const STARTING = 1;
export const RUNNING = 2;
/** ENABLE was cleared and reads 1 until what is under way is done. */
export const DRAINING = 3;
/** A DMA error or a wrong tail stopped it; ENABLE still reads 1. Disabling and enabling it starts it again. */
const HALTED = 4;

/** From the write of ENABLE until it reads back. The data sheet says only that it takes a while; drivers poll in ms. */
const ENABLE_NS = 5_000;

/** How the queues of one direction are called. */
export interface RingRegisters {
  readonly baseLow: Register;
  readonly baseHigh: Register;
  readonly length: Register;
  readonly head: Register;
  readonly tail: Register;
  readonly control: Register;
  readonly enable: Field;
}

/** The engine that works on the descriptors of a {@link Rings}. */
export interface RingOwner {
  /** The tail moved, or the queue came up with descriptors in it. */
  onDoorbell(queue: number): void;
  /** The driver wrote the queue's control register; ENABLE has been dealt with. */
  onControl(queue: number, written: number): void;
  /** True when nothing of the queue is under way, so that it may be off. */
  isDrained(queue: number): boolean;
  onStopped(queue: number): void;
}

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
  owner: RingOwner | undefined;
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #master: MasterControl;
  readonly #registers: RingRegisters;
  readonly #tag: number;
  readonly #timer: number;
  readonly #baseLowAt: number;
  readonly #baseHighAt: number;
  readonly #lengthAt: number;
  readonly #headAt: number;
  readonly #tailAt: number;
  readonly #controlAt: number;

  /** `cacheSlots` descriptors are kept for each queue; `tag` marks the descriptor reads, `timer` confirms enabling. */
  constructor(
    port: DevicePort,
    file: RegisterFile,
    master: MasterControl,
    registers: RingRegisters,
    { cacheSlots, tag, timer }: { cacheSlots: number; tag: number; timer: number },
  ) {
    this.#port = port;
    this.#values = file.values;
    this.#master = master;
    this.#registers = registers;
    this.#tag = tag;
    this.#timer = timer;
    this.cacheSlots = cacheSlots;
    this.cache = new Int32Array(QUEUE_COUNT * cacheSlots * DESCRIPTOR_WORDS);
    this.#baseLowAt = file.map.ordinal(registers.baseLow);
    this.#baseHighAt = file.map.ordinal(registers.baseHigh);
    this.#lengthAt = file.map.ordinal(registers.length);
    this.#headAt = file.map.ordinal(registers.head);
    this.#tailAt = file.map.ordinal(registers.tail);
    this.#controlAt = file.map.ordinal(registers.control);
    this.#hook(file);
  }

  /** Descriptors that the driver has handed over and the card has not asked for. */
  waiting(queue: number): number {
    const distance = (this.tail[queue] as number) - (this.next[queue] as number);
    return distance < 0 ? distance + (this.slotCount[queue] as number) : distance;
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
    const count = byteLength >> 4;
    const { cache, cacheSlots } = this;
    let slot = (this.cacheStart[queue] as number) + (this.cached[queue] as number);
    if (slot >= cacheSlots) slot -= cacheSlots;
    const firstWord = queue * cacheSlots * DESCRIPTOR_WORDS;
    const words = memory.words;
    let from = offset >> 2;
    for (let index = 0; index < count; index++) {
      const to = firstWord + slot * DESCRIPTOR_WORDS;
      cache[to] = words[from] as number;
      cache[to + 1] = words[from + 1] as number;
      cache[to + 2] = words[from + 2] as number;
      cache[to + 3] = words[from + 3] as number;
      from += DESCRIPTOR_WORDS;
      slot = slot + 1 === cacheSlots ? 0 : slot + 1;
    }
    this.cached[queue] = (this.cached[queue] as number) + count;
    this.fetching[queue] = 0;
    if (this.state[queue] === DRAINING) this.#settleSoon();
    return count;
  }

  /** Index into `cache` of word 0 of the `nth` descriptor on the card. */
  cacheAt(queue: number, nth: number): number {
    let slot = (this.cacheStart[queue] as number) + nth;
    if (slot >= this.cacheSlots) slot -= this.cacheSlots;
    return (queue * this.cacheSlots + slot) * DESCRIPTOR_WORDS;
  }

  /** Takes `count` descriptors off the card. */
  consume(queue: number, count: number): void {
    const start = (this.cacheStart[queue] as number) + count;
    this.cacheStart[queue] = start >= this.cacheSlots ? start - this.cacheSlots : start;
    this.cached[queue] = (this.cached[queue] as number) - count;
  }

  /** Index in the ring of the oldest descriptor on the card. */
  firstCachedIndex(queue: number): number {
    const index = (this.next[queue] as number) - (this.fetching[queue] as number) - (this.cached[queue] as number);
    return index < 0 ? index + (this.slotCount[queue] as number) : index;
  }

  /** The device is done with everything before `index`. */
  moveHead(queue: number, index: number): void {
    this.head[queue] = index;
    this.#values[this.#headAt + queue] = index;
  }

  /** Stops a queue that cannot go on: what it has under way still ends, nothing new is fetched. */
  halt(queue: number): void {
    if (this.state[queue] === RUNNING) this.state[queue] = HALTED;
  }

  /** A fetch was answered with an error. */
  fetchFailed(queue: number): void {
    this.fetching[queue] = 0;
    this.halt(queue);
    if (this.state[queue] === DRAINING) this.#settleSoon();
  }

  /** Something of a draining queue ended: look soon whether it is off now. */
  noteProgress(queue: number): void {
    if (this.state[queue] === DRAINING) this.#settleSoon();
  }

  /** The timer ran out: queues that were enabled come up, queues that have drained are off. */
  onTimer(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const state = this.state[queue];
      if (state === STARTING) this.#start(queue);
      else if (state === DRAINING && this.#isDrained(queue)) this.#stop(queue);
    }
  }

  reset(): void {
    for (const array of this.#arrays()) array.fill(0);
  }

  isFetching(): boolean {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) if (this.fetching[queue] !== 0) return true;
    return false;
  }

  snapshot(): readonly (Int32Array | Uint8Array)[] {
    return this.#arrays().map((array) => array.slice());
  }

  restore(state: readonly (Int32Array | Uint8Array)[]): void {
    for (const [index, array] of this.#arrays().entries()) array.set(state[index] ?? []);
  }

  #arrays(): readonly (Int32Array | Uint8Array)[] {
    const { state, slotCount, baseLow, baseHigh, head, tail, next, fetching, cached, cacheStart, cache } = this;
    return [state, slotCount, baseLow, baseHigh, head, tail, next, fetching, cached, cacheStart, cache];
  }

  // ---- the driver's writes -------------------------------------------------------------------------------------------

  #hook(file: RegisterFile): void {
    const { baseLow, baseHigh, length, head, tail, control } = this.#registers;
    file.onWrite(baseLow, (queue, _value, _before, written) => {
      if ((written & 0x7f) !== 0) findings.recordMisalignedBase(this.#port, baseLow, queue, written);
      this.#checkOff(baseLow, queue, written);
    });
    file.onWrite(baseHigh, (queue, _value, _before, written) => this.#checkOff(baseHigh, queue, written));
    file.onWrite(length, (queue, _value, _before, written) => {
      if ((written & ~0x000f_ff80) !== 0) findings.recordOddLength(this.#port, length, queue, written);
      this.#checkOff(length, queue, written);
    });
    file.onWrite(head, (queue, value) => this.#writeHead(queue, value));
    file.onWrite(tail, (queue, value) => this.#writeTail(queue, value));
    file.onWrite(control, (queue, _value, _before, written) => this.#writeControl(queue, written));
  }

  #isEnabled(queue: number): boolean {
    const state = this.state[queue];
    return state === RUNNING || state === DRAINING || state === HALTED;
  }

  #checkOff(register: Register, queue: number, written: number): void {
    if (this.#isEnabled(queue)) findings.recordRingChangedWhileEnabled(this.#port, register, queue, written);
  }

  #writeHead(queue: number, value: number): void {
    if (!this.#isEnabled(queue)) return;
    const head = this.head[queue] as number;
    this.#values[this.#headAt + queue] = head;
    // Drivers that write the value which it has already have done so for years, and nothing comes of it.
    if (value !== head) findings.recordHeadWritten(this.#port, this.#registers.head, queue, value, head);
  }

  #writeTail(queue: number, value: number): void {
    const state = this.state[queue] as number;
    if (state === OFF || state === STARTING) {
      if (value !== (this.#values[this.#headAt + queue] as number)) {
        findings.recordDoorbellBeforeEnable(this.#port, this.#registers.tail, queue, value);
      }
      return;
    }
    if (value >= (this.slotCount[queue] as number)) {
      findings.recordTailBeyondRing(this.#port, this.#registers.tail, queue, value, this.slotCount[queue] as number);
      this.halt(queue);
      return;
    }
    if (!this.#port.busMasterEnabled) findings.recordBusMasterOff(this.#port, this.#registers.tail, queue);
    this.tail[queue] = value;
    if (state === RUNNING && this.#master.dmaAllowed) (this.owner as RingOwner).onDoorbell(queue);
  }

  /** ENABLE in the register is what the device says; ENABLE in the value written is what the driver wants. */
  #writeControl(queue: number, written: number): void {
    if ((written & this.#registers.enable.mask) !== 0) this.enable(queue);
    else this.#disable(queue);
    (this.owner as RingOwner).onControl(queue, written);
  }

  /** Begins to enable a queue, as a write of ENABLE does. */
  enable(queue: number): void {
    if (this.state[queue] !== OFF) return;
    const { length, head, control } = this.#registers;
    const slotCount = (this.#values[this.#lengthAt + queue] as number) >>> 4;
    const first = this.#values[this.#headAt + queue] as number;
    if (slotCount === 0) findings.recordEmptyRing(this.#port, length, queue);
    else if (first >= slotCount) findings.recordHeadBeyondRing(this.#port, head, queue, first, slotCount);
    if (!this.#port.busMasterEnabled) findings.recordBusMasterOff(this.#port, control, queue);
    this.state[queue] = STARTING;
    this.#settleSoon();
  }

  #disable(queue: number): void {
    const state = this.state[queue];
    if (state === STARTING) this.state[queue] = OFF;
    else if (state === RUNNING || state === HALTED) {
      this.state[queue] = DRAINING;
      this.#settleSoon();
    }
  }

  #settleSoon(): void {
    if (!this.#port.isTimerArmed(this.#timer)) this.#port.startTimer(this.#timer, ENABLE_NS);
  }

  #start(queue: number): void {
    const values = this.#values;
    const slotCount = (values[this.#lengthAt + queue] as number) >>> 4;
    const head = values[this.#headAt + queue] as number;
    const tail = values[this.#tailAt + queue] as number;
    this.state[queue] = RUNNING;
    this.slotCount[queue] = slotCount;
    this.baseLow[queue] = values[this.#baseLowAt + queue] as number;
    this.baseHigh[queue] = values[this.#baseHighAt + queue] as number;
    this.moveHead(queue, head < slotCount ? head : 0);
    this.next[queue] = this.head[queue] as number;
    this.tail[queue] = this.head[queue] as number;
    this.cached[queue] = 0;
    this.fetching[queue] = 0;
    this.#setEnableBit(queue, true);
    if (slotCount !== 0 && tail !== head) this.#writeTail(queue, tail);
  }

  #stop(queue: number): void {
    (this.owner as RingOwner).onStopped(queue);
    this.state[queue] = OFF;
    this.cached[queue] = 0;
    this.#setEnableBit(queue, false);
  }

  #isDrained(queue: number): boolean {
    return this.fetching[queue] === 0 && (this.owner as RingOwner).isDrained(queue);
  }

  #setEnableBit(queue: number, on: boolean): void {
    const at = this.#controlAt + queue;
    const { mask } = this.#registers.enable;
    const value = this.#values[at] as number;
    this.#values[at] = on ? value | mask : value & ~mask;
  }
}

/** Flipping the sign bit turns a signed comparison into an unsigned one, without a boxed Number. */
const SIGN: number = 1 << 31;
