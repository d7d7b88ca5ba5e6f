import type { Bar } from "../pcie/driver-view.ts";
import type { RaceSampler } from "./race-sampler.ts";

/** A BAR of a threaded run: what a read of it answers is behind all that the cards have done. */
export class SampledBar implements Bar {
  readonly index: number;
  readonly byteLength: number;
  readonly mappedOffset: number;
  readonly #inner: Bar;
  readonly #sampler: RaceSampler;

  constructor(inner: Bar, sampler: RaceSampler) {
    this.index = inner.index;
    this.byteLength = inner.byteLength;
    this.mappedOffset = inner.mappedOffset;
    this.#inner = inner;
    this.#sampler = sampler;
  }

  read32(offset: number): number {
    const value = this.#inner.read32(offset);
    if (this.#sampler.isOpen) this.#sampler.answered();
    return value;
  }

  read16(offset: number): number {
    const value = this.#inner.read16(offset);
    if (this.#sampler.isOpen) this.#sampler.answered();
    return value;
  }

  read8(offset: number): number {
    const value = this.#inner.read8(offset);
    if (this.#sampler.isOpen) this.#sampler.answered();
    return value;
  }

  read64(offset: number): bigint {
    const value = this.#inner.read64(offset);
    if (this.#sampler.isOpen) this.#sampler.answered();
    return value;
  }

  write32(offset: number, value: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.write32(offset, value);
  }

  write16(offset: number, value: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.write16(offset, value);
  }

  write8(offset: number, value: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.write8(offset, value);
  }

  write64(offset: number, value: bigint): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.write64(offset, value);
  }

  writeRelaxed32(offset: number, value: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.writeRelaxed32(offset, value);
  }

  writeCombining32(offset: number, value: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.writeCombining32(offset, value);
  }

  map(): SharedArrayBuffer {
    this.#sampler.mapped();
    return this.#inner.map();
  }
}
