import type { DmaBuffer } from "../pcie/driver-view.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";

/** A spin lock is tried again at least so often, and given up when it was taken for ten seconds of naps on end. */
const LOCK_NAP_MS = 1;
const LOCK_NAPS = 10_000;

/** A driver has reached for memory that is not its buffer's. */
export class OutsideBufferError extends RangeError {}

/** A DMA buffer over raw shared memory: accesses are plain or atomic loads and stores, no call in between. */
export class MappedBuffer implements DmaBuffer {
  readonly byteLength: number;
  readonly iova: number;
  readonly iovaHigh: number;
  readonly iovaLow: number;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** These have no elements once the buffer is freed: it costs no access anything, and each that comes then is found. */
  #bytes: Uint8Array;
  #halves: Uint16Array;
  #words: Uint32Array;
  #signedWords: Int32Array;
  #accessibleBytes: number;
  readonly #label: string;
  readonly #findings: FindingRecorder | undefined;
  readonly #release: () => void;
  #isFreed = false;

  /** `offset` is a multiple of 4. `release` unmaps and gives the memory back. `findings`: who is told of what comes after. */
  constructor(
    buffer: SharedArrayBuffer,
    offset: number,
    byteLength: number,
    iova: number,
    label: string,
    release: () => void,
    findings?: FindingRecorder,
  ) {
    this.byteLength = byteLength;
    this.iova = iova;
    this.iovaHigh = Math.floor(iova / 2 ** 32) | 0;
    this.iovaLow = (iova % 2 ** 32) | 0;
    this.bytes = new Uint8Array(buffer, offset, byteLength);
    this.#bytes = this.bytes;
    this.#halves = new Uint16Array(buffer, offset, byteLength >>> 1);
    this.#words = new Uint32Array(buffer, offset, byteLength >>> 2);
    this.#signedWords = new Int32Array(buffer, offset, byteLength >>> 2);
    this.#accessibleBytes = byteLength;
    this.#label = label;
    this.#release = release;
    this.#findings = findings;
  }

  get isFreed(): boolean {
    return this.#isFreed;
  }

  read8(offset: number): number {
    return this.#bytes[offset] ?? this.#outside(offset, 1);
  }

  read16(offset: number): number {
    const index = offset >>> 1;
    if ((offset & 1) !== 0 || index >= this.#halves.length) this.#outside(offset, 2);
    return this.#halves[index] as number;
  }

  read32(offset: number): number {
    const index = offset >>> 2;
    if ((offset & 3) !== 0 || index >= this.#words.length) this.#outside(offset, 4);
    return this.#words[index] as number;
  }

  write8(offset: number, value: number): void {
    if (offset >= this.#accessibleBytes || offset < 0) this.#outside(offset, 1);
    this.bytes[offset] = value;
  }

  write16(offset: number, value: number): void {
    const index = offset >>> 1;
    if ((offset & 1) !== 0 || index >= this.#halves.length) this.#outside(offset, 2);
    this.#halves[index] = value;
  }

  write32(offset: number, value: number): void {
    const index = offset >>> 2;
    if ((offset & 3) !== 0 || index >= this.#signedWords.length) this.#outside(offset, 4);
    this.#signedWords[index] = value;
  }

  readAcquire32(offset: number): number {
    const index = offset >>> 2;
    if ((offset & 3) !== 0 || index >= this.#signedWords.length) this.#outside(offset, 4);
    return Atomics.load(this.#signedWords, index) >>> 0;
  }

  writeRelease32(offset: number, value: number): void {
    const index = offset >>> 2;
    if ((offset & 3) !== 0 || index >= this.#signedWords.length) this.#outside(offset, 4);
    Atomics.store(this.#signedWords, index, value | 0);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    const index = offset >>> 2;
    if ((offset & 3) !== 0 || index >= this.#signedWords.length) this.#outside(offset, 4);
    return Atomics.compareExchange(this.#signedWords, index, expected | 0, value | 0) >>> 0;
  }

  lock(offset: number): void {
    for (let naps = 0; ; ) {
      const holder = this.compareExchange32(offset, 0, 1);
      if (holder === 0) return;
      if (naps === LOCK_NAPS) throw new Error(`${this.#place(offset)}: a lock that nobody gives back`);
      // Not notified: whoever holds a spin lock holds it for less than a nap. A wait that ends at once is no nap: the lock
      // was given back meanwhile, and another CPU may take it first any number of times.
      const outcome = Atomics.wait(this.#signedWords, offset >>> 2, holder | 0, LOCK_NAP_MS);
      naps = outcome === "timed-out" ? naps + 1 : 0;
    }
  }

  unlock(offset: number): void {
    if (this.compareExchange32(offset, 1, 0) !== 1)
      throw new Error(`${this.#place(offset)}: unlock of a lock that is not taken`);
  }

  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    if (offset < 0 || offset + byteLength > this.#accessibleBytes) this.#outside(offset, byteLength);
    if (sourceOffset === 0 && byteLength === source.length) {
      this.bytes.set(source, offset);
      return;
    }
    // A part of an array is copied byte by byte: set() would need a sub-array, which is garbage.
    const target = this.bytes;
    for (let index = 0; index < byteLength; index++) target[offset + index] = source[sourceOffset + index] as number;
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    if (offset < 0 || offset + byteLength > this.#accessibleBytes) this.#outside(offset, byteLength);
    const source = this.bytes;
    let index = 0;
    // Eight at a time, as copyMemory does with words: the caller's memory has bytes alone.
    for (const lastEight = byteLength - 8; index <= lastEight; index = (index + 8) | 0) {
      const from = (offset + index) | 0;
      const to = (targetOffset + index) | 0;
      target[to] = source[from] as number;
      target[(to + 1) | 0] = source[(from + 1) | 0] as number;
      target[(to + 2) | 0] = source[(from + 2) | 0] as number;
      target[(to + 3) | 0] = source[(from + 3) | 0] as number;
      target[(to + 4) | 0] = source[(from + 4) | 0] as number;
      target[(to + 5) | 0] = source[(from + 5) | 0] as number;
      target[(to + 6) | 0] = source[(from + 6) | 0] as number;
      target[(to + 7) | 0] = source[(from + 7) | 0] as number;
    }
    for (; index < byteLength; index++) target[targetOffset + index] = source[offset + index] as number;
  }

  free(): void {
    if (this.#isFreed) {
      const text = (): string =>
        `${this.#label} was freed twice. A kernel's allocator is corrupted by that, and whoever has got the memory since loses it. One owner frees a buffer, once.`;
      this.#findings?.record("violation", "double-free", this.#label, text, "here");
      throw new Error(`${this.#label} was freed twice`);
    }
    this.#release();
    this.#isFreed = true;
    this.#bytes = this.bytes.subarray(0, 0);
    this.#halves = this.#halves.subarray(0, 0);
    this.#words = this.#words.subarray(0, 0);
    this.#signedWords = this.#signedWords.subarray(0, 0);
    this.#accessibleBytes = 0;
  }

  /** Takes back that it was freed: for whoever has set back the memory and its mapping to what they were before. */
  revive(): void {
    if (!this.#isFreed) return;
    const { buffer, byteOffset, byteLength } = this.bytes;
    this.#isFreed = false;
    this.#bytes = this.bytes;
    this.#halves = new Uint16Array(buffer, byteOffset, byteLength >>> 1);
    this.#words = new Uint32Array(buffer, byteOffset, byteLength >>> 2);
    this.#signedWords = new Int32Array(buffer, byteOffset, byteLength >>> 2);
    this.#accessibleBytes = byteLength;
  }

  #place(offset: number): string {
    return `${this.#label}+0x${offset.toString(16)}`;
  }

  #outside(offset: number, byteLength: number): never {
    if (this.isFreed) {
      const access = `${byteLength}-byte access at offset 0x${offset.toString(16)} of ${this.#label}, which was freed`;
      const text = (): string =>
        `${access}. The memory is somebody else's by now: a kernel stops the driver here or corrupts what it has given away; so does the testbed stop it. Free a buffer when nobody uses it any more.`;
      this.#findings?.record("violation", "use-after-free", this.#label, text, "here");
      throw new OutsideBufferError(access);
    }
    throw new OutsideBufferError(
      `${byteLength}-byte access at offset 0x${offset.toString(16)} of ${this.#label} is misaligned or outside its ${this.byteLength} bytes`,
    );
  }
}
