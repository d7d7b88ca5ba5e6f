import type { DmaBuffer } from "../pcie/driver-view.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { RacePlace } from "./race-findings.ts";
import type { RaceSampler } from "./race-sampler.ts";

/** A DMA buffer of a threaded run, whose accesses are looked at for data races now and then. */
export class SampledBuffer implements DmaBuffer, RacePlace {
  readonly byteLength: number;
  readonly iova: number;
  readonly iovaHigh: number;
  readonly iovaLow: number;
  readonly base: number;
  readonly label: string;
  readonly findings: FindingRecorder;
  readonly #inner: DmaBuffer;
  readonly #sampler: RaceSampler;

  /** `base`: byte of the arena at which it begins, negative for memory of its own. */
  constructor(inner: DmaBuffer, sampler: RaceSampler, base: number, label: string, findings: FindingRecorder) {
    this.byteLength = inner.byteLength;
    this.iova = inner.iova;
    this.iovaHigh = inner.iovaHigh;
    this.iovaLow = inner.iovaLow;
    this.base = base;
    this.label = label;
    this.findings = findings;
    this.#inner = inner;
    this.#sampler = sampler;
  }

  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.#sampler.becameRaw(this.base, this.byteLength);
    return this.#inner.bytes;
  }

  read8(offset: number): number {
    const value = this.#inner.read8(offset);
    if (this.#sampler.isOpen) this.#sampler.loaded(this, offset, 1, false);
    return value;
  }

  read16(offset: number): number {
    const value = this.#inner.read16(offset);
    if (this.#sampler.isOpen) this.#sampler.loaded(this, offset, 2, false);
    return value;
  }

  read32(offset: number): number {
    const value = this.#inner.read32(offset);
    if (this.#sampler.isOpen) this.#sampler.loaded(this, offset, 4, false);
    return value;
  }

  write8(offset: number, value: number): void {
    this.#inner.write8(offset, value);
    if (this.#sampler.isOpen) this.#sampler.stored(this, offset, 1, false);
  }

  write16(offset: number, value: number): void {
    this.#inner.write16(offset, value);
    if (this.#sampler.isOpen) this.#sampler.stored(this, offset, 2, false);
  }

  write32(offset: number, value: number): void {
    this.#inner.write32(offset, value);
    if (this.#sampler.isOpen) this.#sampler.stored(this, offset, 4, false);
  }

  readAcquire32(offset: number): number {
    const value = this.#inner.readAcquire32(offset);
    if (this.#sampler.isOpen) this.#sampler.loaded(this, offset, 4, true);
    return value;
  }

  writeRelease32(offset: number, value: number): void {
    this.#inner.writeRelease32(offset, value);
    if (this.#sampler.isOpen) this.#sampler.stored(this, offset, 4, true);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    const before = this.#inner.compareExchange32(offset, expected, value);
    if (this.#sampler.isOpen) this.#sampler.updated(this, offset);
    return before;
  }

  lock(offset: number): void {
    this.#inner.lock(offset);
    if (this.#sampler.isOpen) this.#sampler.updated(this, offset);
  }

  unlock(offset: number): void {
    if (this.#sampler.isOpen) this.#sampler.posted();
    this.#inner.unlock(offset);
  }

  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    this.#inner.copyFrom(offset, source, sourceOffset, byteLength);
    if (byteLength > 0 && this.#sampler.isOpen) this.#sampler.stored(this, offset, byteLength, false);
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    this.#inner.copyTo(offset, target, targetOffset, byteLength);
    if (byteLength > 0 && this.#sampler.isOpen) this.#sampler.loaded(this, offset, byteLength, false);
  }

  free(): void {
    this.#inner.free();
  }
}
