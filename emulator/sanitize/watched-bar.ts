import type { Bar } from "../pcie/driver-view.ts";
import type { DriverWatch } from "./driver-watch.ts";

/** A BAR whose accesses the sanitizers hear of. */
export class WatchedBar implements Bar {
  readonly index: number;
  readonly byteLength: number;
  readonly mappedOffset: number;
  readonly #inner: Bar;
  readonly #watch: DriverWatch;

  constructor(inner: Bar, watch: DriverWatch) {
    this.index = inner.index;
    this.byteLength = inner.byteLength;
    this.mappedOffset = inner.mappedOffset;
    this.#inner = inner;
    this.#watch = watch;
  }

  read32(offset: number): number {
    const value = this.#inner.read32(offset);
    this.#watch.barRead(this.index, offset, value | 0);
    return value;
  }

  read16(offset: number): number {
    const value = this.#inner.read16(offset);
    this.#watch.barRead(this.index, offset, value);
    return value;
  }

  read8(offset: number): number {
    const value = this.#inner.read8(offset);
    this.#watch.barRead(this.index, offset, value);
    return value;
  }

  read64(offset: number): bigint {
    const value = this.#inner.read64(offset);
    this.#watch.barRead(this.index, offset, Number(value & 0xffff_ffffn) | 0);
    return value;
  }

  write32(offset: number, value: number): void {
    this.#watch.barWritten(this.index, offset, value | 0);
    this.#inner.write32(offset, value);
    this.#watch.barStored(this.index, offset, 4);
  }

  write16(offset: number, value: number): void {
    this.#watch.barWritten(this.index, offset, value | 0);
    this.#inner.write16(offset, value);
    this.#watch.barStored(this.index, offset, 2);
  }

  write8(offset: number, value: number): void {
    this.#watch.barWritten(this.index, offset, value | 0);
    this.#inner.write8(offset, value);
    this.#watch.barStored(this.index, offset, 1);
  }

  write64(offset: number, value: bigint): void {
    this.#watch.barWritten(this.index, offset, Number(value & 0xffff_ffffn) | 0);
    this.#inner.write64(offset, value);
    this.#watch.barStored(this.index, offset, 8);
  }

  writeRelaxed32(offset: number, value: number): void {
    this.#watch.barWritten(this.index, offset, value | 0);
    this.#inner.writeRelaxed32(offset, value);
    this.#watch.barStored(this.index, offset, 4);
  }

  writeCombining32(offset: number, value: number): void {
    this.#watch.barWritten(this.index, offset, value | 0);
    this.#inner.writeCombining32(offset, value);
    this.#watch.barStored(this.index, offset, 4);
  }

  map(): SharedArrayBuffer {
    return this.#inner.map();
  }
}
