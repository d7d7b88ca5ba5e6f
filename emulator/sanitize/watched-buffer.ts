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

  constructor(inner: DmaBuffer, watch: DriverWatch, allocation: Allocation) {
    this.byteLength = inner.byteLength;
    this.iova = inner.iova;
    this.iovaHigh = inner.iovaHigh;
    this.iovaLow = inner.iovaLow;
    this.inner = inner;
    this.#watch = watch;
    this.#allocation = allocation;
  }

  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.#watch.memory.becameRaw(this.#allocation);
    return this.inner.bytes;
  }

  read8(offset: number): number {
    this.#load(offset, 1);
    const value = this.inner.read8(offset);
    this.#watch.memory.loaded(this.#allocation, offset, 1, value, 0);
    return value;
  }

  read16(offset: number): number {
    this.#load(offset, 2);
    const value = this.inner.read16(offset);
    this.#watch.memory.loaded(this.#allocation, offset, 2, value, 0);
    return value;
  }

  read32(offset: number): number {
    this.#load(offset, 4);
    const value = this.inner.read32(offset);
    this.#watch.memory.loaded(this.#allocation, offset, 4, value, 0);
    return value;
  }

  write8(offset: number, value: number): void {
    this.#store(offset, 1);
    this.inner.write8(offset, value);
  }

  write16(offset: number, value: number): void {
    this.#store(offset, 2);
    this.inner.write16(offset, value);
  }

  write32(offset: number, value: number): void {
    this.#store(offset, 4);
    this.inner.write32(offset, value);
  }

  readAcquire32(offset: number): number {
    this.#load(offset, 4);
    const value = this.inner.readAcquire32(offset);
    this.#watch.memory.loaded(this.#allocation, offset, 4, value, 0);
    return value;
  }

  writeRelease32(offset: number, value: number): void {
    this.#store(offset, 4);
    this.inner.writeRelease32(offset, value);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    this.#store(offset, 4);
    return this.inner.compareExchange32(offset, expected, value);
  }

  lock(offset: number): void {
    this.inner.lock(offset);
  }

  unlock(offset: number): void {
    this.inner.unlock(offset);
  }

  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    if (byteLength > 0) this.#store(offset, byteLength);
    this.inner.copyFrom(offset, source, sourceOffset, byteLength);
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    if (byteLength > 0) this.#load(offset, byteLength);
    this.inner.copyTo(offset, target, targetOffset, byteLength);
    this.#watch.memory.copied(this.#allocation, offset, target, targetOffset, byteLength);
  }

  free(): void {
    this.#watch.memory.beforeFree(this.#allocation);
    this.inner.free();
  }

  #load(offset: number, byteLength: number): void {
    this.#watch.looked();
    this.#watch.memory.beforeLoad(this.#allocation, offset, byteLength);
  }

  #store(offset: number, byteLength: number): void {
    this.#watch.stored();
    this.#watch.memory.beforeStore(this.#allocation, offset, byteLength);
  }
}
