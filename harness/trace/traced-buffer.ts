import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { type CpuLog, ORDERED, PLAIN } from "./cpu-log.ts";
import { DMA_UNMAP, MEMORY_READ, MEMORY_UPDATE, MEMORY_WRITE } from "./trace-ring.ts";

/** A DMA buffer whose accesses are noted: loads when they are made, stores before. What goes through `bytes` is not seen. */
export class TracedBuffer implements DmaBuffer {
  readonly byteLength: number;
  readonly iova: number;
  readonly iovaHigh: number;
  readonly iovaLow: number;
  readonly #buffer: DmaBuffer;
  readonly #log: CpuLog;
  readonly #device: number;

  constructor(buffer: DmaBuffer, log: CpuLog, device: number) {
    this.byteLength = buffer.byteLength;
    this.iova = buffer.iova;
    this.iovaHigh = buffer.iovaHigh;
    this.iovaLow = buffer.iovaLow;
    this.#buffer = buffer;
    this.#log = log;
    this.#device = device;
  }

  /** Handed through when it is asked for: whoever takes it is judged no more. */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    return this.#buffer.bytes;
  }

  read8(offset: number): number {
    const value = this.#buffer.read8(offset);
    this.#loaded(offset, 1, value, PLAIN);
    return value;
  }

  read16(offset: number): number {
    const value = this.#buffer.read16(offset);
    this.#loaded(offset, 2, value, PLAIN);
    return value;
  }

  read32(offset: number): number {
    const value = this.#buffer.read32(offset);
    this.#loaded(offset, 4, value, PLAIN);
    return value;
  }

  write8(offset: number, value: number): void {
    this.#store(offset, 1, value, PLAIN);
    this.#buffer.write8(offset, value);
  }

  write16(offset: number, value: number): void {
    this.#store(offset, 2, value, PLAIN);
    this.#buffer.write16(offset, value);
  }

  write32(offset: number, value: number): void {
    this.#store(offset, 4, value, PLAIN);
    this.#buffer.write32(offset, value);
  }

  readAcquire32(offset: number): number {
    const value = this.#buffer.readAcquire32(offset);
    this.#loaded(offset, 4, value, ORDERED);
    return value;
  }

  writeRelease32(offset: number, value: number): void {
    this.#store(offset, 4, value, ORDERED);
    this.#buffer.writeRelease32(offset, value);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    const before = this.#buffer.compareExchange32(offset, expected, value);
    this.#update("compare-exchange", offset, value, before);
    return before;
  }

  lock(offset: number): void {
    this.#log.wait("lock", this.#device, "");
    this.#buffer.lock(offset);
    this.#log.wake("lock", this.#device, false, "");
    this.#update("lock", offset, 1, 0);
  }

  unlock(offset: number): void {
    this.#update("unlock", offset, 0, 1);
    this.#buffer.unlock(offset);
  }

  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    this.#copied(MEMORY_WRITE, offset, source, sourceOffset, byteLength);
    this.#buffer.copyFrom(offset, source, sourceOffset, byteLength);
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    this.#buffer.copyTo(offset, target, targetOffset, byteLength);
    this.#copied(MEMORY_READ, offset, target, targetOffset, byteLength);
  }

  free(): void {
    this.#log.note(DMA_UNMAP, this.#device, this.byteLength, this.iovaHigh, this.iovaLow, 0, 0);
    this.#buffer.free();
  }

  #loaded(offset: number, byteLength: number, value: number, order: number): void {
    const at = this.iova + offset;
    this.#log.load(this.#device, highOf(at), at | 0, byteLength, value | 0, order);
  }

  #store(offset: number, byteLength: number, value: number, order: number): void {
    const at = this.iova + offset;
    this.#log.note(MEMORY_WRITE, this.#device, byteLength, highOf(at), at | 0, value | 0, order);
  }

  #update(operation: string, offset: number, value: number, result: number): void {
    const at = this.iova + offset;
    this.#log.noteText(MEMORY_UPDATE, this.#device, 4, highOf(at), at | 0, value | 0, result | 0, operation);
  }

  #copied(kind: number, offset: number, data: Uint8Array, dataOffset: number, byteLength: number): void {
    const at = this.iova + offset;
    this.#log.copy(kind, this.#device, highOf(at), at | 0, data, dataOffset, byteLength);
  }
}

/** An address lies below 2^48. */
function highOf(address: number): number {
  return Math.floor(address / 2 ** 32);
}
