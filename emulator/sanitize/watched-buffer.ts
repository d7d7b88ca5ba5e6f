import type { DmaBuffer } from "../pcie/driver-view.ts";
import type { Allocation } from "./allocation.ts";
import type { DriverWatch } from "./driver-watch.ts";

/** A DMA buffer whose accesses the sanitizers hear of. Whoever takes its `bytes` has said that he wants none of them. */
export class WatchedBuffer implements DmaBuffer {
  readonly byteLength: number;
  readonly iova: number;
  readonly iovaHigh: number;
  readonly iovaLow: number;
  /** The buffer as it is without a watch. */
  readonly inner: DmaBuffer;
  readonly #watch: DriverWatch;
  readonly #allocation: Allocation;
  readonly #isLent: boolean;

  /** `isLent`: another CPU, or another handle, has allocated it and is to free it. */
  constructor(inner: DmaBuffer, watch: DriverWatch, allocation: Allocation, isLent: boolean = false) {
    this.byteLength = inner.byteLength;
    this.iova = inner.iova;
    this.iovaHigh = inner.iovaHigh;
    this.iovaLow = inner.iovaLow;
    this.inner = inner;
    this.#watch = watch;
    this.#allocation = allocation;
    this.#isLent = isLent;
  }

  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.#watch.memory.becameRaw(this.#allocation);
    return this.inner.bytes;
  }

  read8(offset: number): number {
    const value = this.inner.read8(offset);
    this.#loaded(offset, 1, value);
    return value;
  }

  read16(offset: number): number {
    const value = this.inner.read16(offset);
    this.#loaded(offset, 2, value);
    return value;
  }

  read32(offset: number): number {
    const value = this.inner.read32(offset);
    this.#loaded(offset, 4, value);
    return value;
  }

  write8(offset: number, value: number): void {
    this.inner.write8(offset, value);
    this.#stored(offset, 1);
  }

  write16(offset: number, value: number): void {
    this.inner.write16(offset, value);
    this.#stored(offset, 2);
  }

  write32(offset: number, value: number): void {
    this.inner.write32(offset, value);
    this.#stored(offset, 4);
  }

  readAcquire32(offset: number): number {
    const value = this.inner.readAcquire32(offset);
    this.#loaded(offset, 4, value);
    return value;
  }

  writeRelease32(offset: number, value: number): void {
    this.inner.writeRelease32(offset, value);
    this.#stored(offset, 4);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    const before = this.inner.compareExchange32(offset, expected, value);
    this.#loaded(offset, 4, before);
    if (before === expected >>> 0) this.#stored(offset, 4);
    return before;
  }

  lock(offset: number): void {
    this.inner.lock(offset);
  }

  unlock(offset: number): void {
    this.inner.unlock(offset);
  }

  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    this.inner.copyFrom(offset, source, sourceOffset, byteLength);
    if (byteLength > 0) this.#stored(offset, byteLength);
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    this.inner.copyTo(offset, target, targetOffset, byteLength);
    if (byteLength === 0) return;
    this.#watch.looked();
    this.#watch.memory.checkLoad(this.#allocation, offset, byteLength);
    this.#watch.memory.copied(this.#allocation, offset, target, targetOffset, byteLength);
  }

  free(): void {
    if (!this.#isLent) this.#watch.memory.beforeFree(this.#allocation);
    this.inner.free();
  }

  #loaded(offset: number, byteLength: number, value: number): void {
    const { memory } = this.#watch;
    this.#watch.looked();
    memory.checkLoad(this.#allocation, offset, byteLength);
    memory.loaded(this.#allocation, offset, byteLength, value, 0);
  }

  #stored(offset: number, byteLength: number): void {
    this.#watch.stored();
    this.#watch.memory.stored(this.#allocation, offset, byteLength);
  }
}
