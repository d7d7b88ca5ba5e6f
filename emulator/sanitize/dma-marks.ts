import { ARENA_PAGE_BYTES } from "../memory/arena.ts";
import { ARENA_SEGMENT, type HostMemory } from "../memory/host-memory.ts";
import { DMA_READ, DMA_WRITE, type Iommu } from "../memory/iommu.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import { Iotlb } from "../pcie/iotlb.ts";
import { type TransferParts, transferParts } from "../pcie/transfer-parts.ts";
import { WriteBacks } from "../pcie/write-backs.ts";
import { Rng } from "../run/rng.ts";
import * as t from "./race-tables.ts";

/** On x86 a store is seen behind the thread's earlier ones. Elsewhere a barrier has to see to it. */
const STORES_STAY_IN_ORDER = process.arch === "x64";
/**
 * Transfers at the beginning of a window that are not judged. A CPU that was within an access when it opened has gone on by
 * then, and hands on nothing that it does not know to have read.
 */
const WARM_UP = 64;
/** A transfer lies in one mapping, and that in whole pages: one page tells of all. */
const PAGE_SHIFT = Math.log2(ARENA_PAGE_BYTES);

/**
 * The device thread's side of looking for data races: numbers the DMA transfers of all its functions and marks the words
 * that they touch, while a window is open. A mark is in memory before the first byte of its transfer.
 */
export class DmaMarks {
  readonly #tables: t.RaceTables;
  readonly #control: Int32Array;
  readonly #written: Int32Array;
  readonly #fetched: Int32Array;
  readonly #raw: Uint8Array;
  readonly #log: Int32Array;
  readonly #memory: HostMemory;
  readonly #arena: MemoryView | undefined;
  readonly #numberLimit: number;
  readonly #rng: Rng;
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));
  #isOpen = false;
  #window = 0;
  #number = 0;
  /** Transfers until the next window opens, or until this one closes. */
  #left = 0;
  /** Transfers behind this window that belong to its stretch. */
  #rest = 0;

  /** Opens the first window: short runs are looked at from the beginning. `numberLimit`: when numbers begin anew. */
  constructor(tables: t.RaceTables, memory: HostMemory, numberLimit: number = t.NUMBER_LIMIT) {
    this.#numberLimit = numberLimit;
    this.#tables = tables;
    this.#control = new Int32Array(tables.control);
    this.#written = new Int32Array(tables.written);
    this.#fetched = new Int32Array(tables.fetched);
    this.#raw = new Uint8Array(tables.raw);
    this.#log = new Int32Array(tables.log);
    this.#memory = memory;
    this.#arena = memory.segment(ARENA_SEGMENT);
    const { seed, every, transfers } = tables.sampling;
    this.#rng = new Rng(seed);
    this.#rest = Math.max(0, every - transfers);
    this.#open(0, this.#windowLength);
  }

  /** True while a window is open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Through what this function is to reach host memory, so that its transfers are marked. */
  partsOf(functionIndex: number, iommu: Iommu): TransferParts {
    const memory = this.#memory;
    return {
      ...transferParts({ iommu, memory }),
      ahead: new SingleReads(this, iommu, memory),
      reads: new MarkedReads(this, functionIndex, iommu, memory),
      data: new MarkedWrites(this, functionIndex, iommu, memory),
      writeBacks: new MarkedWriteBacks(this, functionIndex),
    };
  }

  /** Bytes are about to be written; `flagAt`: where in `memory` the word is that is written last, or -1. */
  writes(functionIndex: number, memory: MemoryView, offset: number, byteLength: number, flagAt: number): void {
    const number = this.#begin(functionIndex, offset, byteLength);
    if (number === 0) return;
    if (memory !== this.#arena || this.#raw[offset >>> PAGE_SHIFT] !== 0) this.#control[t.LAST_RAW] = number;
    else if (flagAt < 0) {
      const isWord = offset >> 2 === (offset + byteLength - 1) >> 2;
      this.#mark(this.#written, number, offset, byteLength, isWord ? t.WORD : t.ALONE);
    } else {
      // Each word once: a driver that polls the flag meanwhile must not take it for anything else.
      this.#mark(this.#written, number, offset, flagAt - offset, t.FLAGGED);
      this.#mark(this.#written, number, flagAt, 4, t.FLAG);
      this.#mark(this.#written, number, flagAt + 4, offset + byteLength - flagAt - 4, t.FLAGGED);
    }
    if (!STORES_STAY_IN_ORDER) this.#barrier();
  }

  /** Bytes are about to be read. */
  reads(functionIndex: number, memory: MemoryView, offset: number, byteLength: number): void {
    const number = this.#begin(functionIndex, offset, byteLength);
    if (number === 0 || memory !== this.#arena || this.#raw[offset >>> PAGE_SHIFT] !== 0) return;
    this.#mark(this.#fetched, number, offset, byteLength, t.ALONE);
    if (!STORES_STAY_IN_ORDER) this.#barrier();
  }

  /** The number of the transfer that begins; 0 while no window is open. */
  #begin(functionIndex: number, offset: number, byteLength: number): number {
    if (--this.#left < 0) this.#turn();
    if (!this.#isOpen) return 0;
    const control = this.#control;
    if (control[t.RAW_REQUESTS] !== control[t.RAW_SEEN] || control[t.IS_OFF] !== 0) this.#disturbed();
    if (!this.#isOpen) return 0;
    const number = ++this.#number;
    control[t.TRANSFER] = number;
    const log = this.#log;
    const at = t.logAt(number);
    log[at + t.LOG_NUMBER] = number;
    log[at + t.LOG_FUNCTION] = functionIndex;
    log[at + t.LOG_OFFSET] = offset;
    log[at + t.LOG_BYTES] = byteLength;
    return number;
  }

  #mark(marks: Int32Array, number: number, offset: number, byteLength: number, kind: number): void {
    if (byteLength <= 0) return;
    const first = offset >> 2;
    const last = (offset + byteLength - 1) >> 2;
    const mark = (number << t.NUMBER_SHIFT) | (kind << t.KIND_SHIFT);
    for (let word = first + 1; word < last; word++) marks[word] = mark | t.ALL_BYTES;
    marks[first] = mark | t.bytesOf(first, offset, byteLength);
    if (last !== first) marks[last] = mark | t.bytesOf(last, offset, byteLength);
  }

  /** A window ends, or the next one begins: one in each stretch of transfers, at a place that chance gives. */
  #turn(): void {
    if (this.#isOpen) {
      const { every, transfers } = this.#tables.sampling;
      this.#close();
      if (this.#number + transfers + WARM_UP >= this.#numberLimit) this.#clear();
      const spare = Math.max(0, every - transfers);
      const before = this.#rng.below(spare + 1);
      this.#left = this.#rest + before - 1;
      this.#rest = spare - before;
      if (this.#left >= 0) return;
    }
    this.#open(this.#number + WARM_UP, this.#windowLength - 1);
  }

  /** Transfers of a window. One that fills its stretch stays open as long as numbers last. */
  get #windowLength(): number {
    const { every, transfers } = this.#tables.sampling;
    return transfers < every ? transfers : this.#numberLimit - this.#number - 1;
  }

  #open(start: number, left: number): void {
    const control = this.#control;
    Atomics.store(control, t.RAW_SEEN, Atomics.load(control, t.RAW_REQUESTS));
    this.#left = left;
    if (Atomics.load(control, t.IS_OFF) !== 0) return;
    this.#isOpen = true;
    this.#window++;
    Atomics.store(control, t.START, start);
    Atomics.store(control, t.WINDOW, this.#window);
  }

  /** Known to all before the first transfer that is not marked. */
  #close(): void {
    this.#isOpen = false;
    Atomics.store(this.#control, t.WINDOW, 0);
    this.#barrier();
  }

  /** A driver has asked for raw memory: what it saw there so far nobody knows, so the window begins anew. */
  #disturbed(): void {
    const left = this.#left;
    this.#close();
    this.#open(this.#number === 0 ? 0 : this.#number + WARM_UP, left);
  }

  #clear(): void {
    this.#written.fill(0);
    this.#fetched.fill(0);
    this.#number = 0;
    const control = this.#control;
    control[t.LAST_RAW] = 0;
    control[t.TRANSFER] = 0;
    for (let cpu = 0; cpu < t.SLOT_COUNT; cpu++) control[t.slotOf(cpu)] = 0;
  }

  #barrier(): void {
    Atomics.store(this.#fence, 0, 0);
    Atomics.load(this.#fence, 0);
  }
}

/**
 * While a window is open no reads are answered together: all of them would have a number below the write-backs that come of
 * the first, and who has seen one of those would be believed to know of them all.
 */
class SingleReads extends Iotlb {
  readonly #marks: DmaMarks;

  constructor(marks: DmaMarks, iommu: Iommu, memory: HostMemory) {
    super(iommu, memory, DMA_READ);
    this.#marks = marks;
  }

  override translate(high: number, low: number, byteLength: number): boolean {
    return !this.#marks.isOpen && super.translate(high, low, byteLength);
  }
}

class MarkedReads extends Iotlb {
  readonly #marks: DmaMarks;
  readonly #functionIndex: number;

  constructor(marks: DmaMarks, functionIndex: number, iommu: Iommu, memory: HostMemory) {
    super(iommu, memory, DMA_READ);
    this.#marks = marks;
    this.#functionIndex = functionIndex;
  }

  override translate(high: number, low: number, byteLength: number): boolean {
    if (!super.translate(high, low, byteLength)) return false;
    this.#marks.reads(this.#functionIndex, this.memory, this.offset, byteLength);
    return true;
  }
}

class MarkedWrites extends Iotlb {
  readonly #marks: DmaMarks;
  readonly #functionIndex: number;

  constructor(marks: DmaMarks, functionIndex: number, iommu: Iommu, memory: HostMemory) {
    super(iommu, memory, DMA_WRITE);
    this.#marks = marks;
    this.#functionIndex = functionIndex;
  }

  override translate(high: number, low: number, byteLength: number): boolean {
    if (!super.translate(high, low, byteLength)) return false;
    this.#marks.writes(this.#functionIndex, this.memory, this.offset, byteLength, -1);
    return true;
  }
}

class MarkedWriteBacks extends WriteBacks {
  readonly #marks: DmaMarks;
  readonly #functionIndex: number;

  constructor(marks: DmaMarks, functionIndex: number) {
    super();
    this.#marks = marks;
    this.#functionIndex = functionIndex;
  }

  override write(
    target: MemoryView,
    targetOffset: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    // Where no word can be stored by itself there is no flag either.
    const hasFlag = ((targetOffset | offset | flagOffset | byteLength) & 3) === 0;
    this.#marks.writes(this.#functionIndex, target, targetOffset, byteLength, hasFlag ? targetOffset + flagOffset : -1);
    super.write(target, targetOffset, memory, offset, byteLength, flagOffset);
  }
}
