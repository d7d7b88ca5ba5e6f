import type { MappedBuffer } from "../../driver/dma-buffer.ts";
import type { DmaBuffer } from "../../pcie/driver-view.ts";
import * as k from "../kinds.ts";
import { pieceLength } from "../timeline.ts";
import type { ExploredCpu } from "./explored-cpu.ts";

/** Stores that wait in the store buffer before a copy lets the others in between: it holds 24. */
const COPY_STORES = 16;

/** A DMA buffer whose every access is a scheduling point. `bytes` is raw memory: what goes through it is seen by nobody. */
export class ExploredBuffer implements DmaBuffer {
  readonly byteLength: number;
  readonly iova: number;
  readonly iovaHigh: number;
  readonly iovaLow: number;
  readonly #inner: MappedBuffer;
  readonly #cpu: ExploredCpu;
  /** Where it begins in the address space of the run. */
  readonly #base: number;
  readonly #onFree: () => void;
  readonly #onRaw: (iova: number) => void;

  /** `onRaw` is called when somebody asks for {@link bytes}. */
  constructor(inner: MappedBuffer, cpu: ExploredCpu, onFree: () => void, onRaw: (iova: number) => void) {
    this.byteLength = inner.byteLength;
    this.iova = inner.iova;
    this.iovaHigh = inner.iovaHigh;
    this.iovaLow = inner.iovaLow;
    this.#inner = inner;
    this.#cpu = cpu;
    this.#base = inner.bytes.byteOffset;
    this.#onFree = onFree;
    this.#onRaw = onRaw;
  }

  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.#onRaw(this.iova);
    return this.#inner.bytes;
  }

  /** Of one of its bytes, in the address space of the run. Throws RangeError outside. */
  addressOf(offset: number): number {
    if (!(offset >= 0 && offset < this.byteLength))
      throw new RangeError(`offset 0x${offset.toString(16)} of a DMA buffer of ${this.byteLength} bytes`);
    return this.#base + offset;
  }

  read8(offset: number): number {
    if (!this.#isExplored(offset, 1)) return this.#inner.read8(offset);
    return this.#cpu.access(k.LOAD, this.#base + offset, 1, 0, 0) & 0xff;
  }

  read16(offset: number): number {
    if (!this.#isExplored(offset, 2)) return this.#inner.read16(offset);
    return this.#cpu.access(k.LOAD, this.#base + offset, 2, 0, 0) & 0xffff;
  }

  read32(offset: number): number {
    if (!this.#isExplored(offset, 4)) return this.#inner.read32(offset);
    return this.#cpu.access(k.LOAD, this.#base + offset, 4, 0, 0) >>> 0;
  }

  write8(offset: number, value: number): void {
    if (!this.#isExplored(offset, 1)) this.#inner.write8(offset, value);
    else this.#cpu.access(k.STORE, this.#base + offset, 1, value | 0, 0);
  }

  write16(offset: number, value: number): void {
    if (!this.#isExplored(offset, 2)) this.#inner.write16(offset, value);
    else this.#cpu.access(k.STORE, this.#base + offset, 2, value | 0, 0);
  }

  write32(offset: number, value: number): void {
    if (!this.#isExplored(offset, 4)) this.#inner.write32(offset, value);
    else this.#cpu.access(k.STORE, this.#base + offset, 4, value | 0, 0);
  }

  readAcquire32(offset: number): number {
    if (!this.#isExplored(offset, 4)) return this.#inner.readAcquire32(offset);
    return this.#cpu.access(k.LOAD_ACQUIRE, this.#base + offset, 4, 0, 0) >>> 0;
  }

  writeRelease32(offset: number, value: number): void {
    if (!this.#isExplored(offset, 4)) this.#inner.writeRelease32(offset, value);
    else this.#cpu.access(k.STORE_RELEASE, this.#base + offset, 4, value | 0, 0);
  }

  compareExchange32(offset: number, expected: number, value: number): number {
    if (!this.#isExplored(offset, 4)) return this.#inner.compareExchange32(offset, expected, value);
    this.#cpu.port.state.operand[this.#cpu.thread] = expected | 0;
    return this.#cpu.access(k.COMPARE_EXCHANGE, this.#base + offset, 4, value | 0, 0) >>> 0;
  }

  lock(offset: number): void {
    if (!this.#isExplored(offset, 4)) this.#inner.lock(offset);
    else this.#cpu.access(k.LOCK, this.#base + offset, 4, 0, 0);
  }

  unlock(offset: number): void {
    if (!this.#isExplored(offset, 4)) this.#inner.unlock(offset);
    else if (this.#cpu.access(k.UNLOCK, this.#base + offset, 4, 0, 0) !== 1)
      throw new Error(`DMA buffer+0x${offset.toString(16)}: unlock of a lock that is not taken`);
  }

  /** In words of 8 bytes, which land one by one; between them nobody else has a turn unless the store buffer fills. */
  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void {
    const cpu = this.#cpu;
    if (!cpu.isExploring || this.#inner.isFreed || offset < 0 || offset + byteLength > this.byteLength) {
      this.#inner.copyFrom(offset, source, sourceOffset, byteLength);
      return;
    }
    const queue = k.STORE_BUFFER + cpu.index;
    for (let done = 0, length = 0; done < byteLength; done += length) {
      length = pieceLength(byteLength - done);
      let low = 0;
      let high = 0;
      for (let byte = 0; byte < length; byte++) {
        const value = source[sourceOffset + done + byte] as number;
        if (byte < 4) low |= value << (8 * byte);
        else high |= value << (8 * (byte - 4));
      }
      const address = this.#base + offset + done;
      const isFull = (cpu.port.state.flight.queued[queue] as number) >= COPY_STORES;
      if (done === 0 || isFull) cpu.access(k.STORE, address, length, low, high);
      else cpu.accessAtOnce(k.STORE, address, length, low, high);
    }
  }

  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    const cpu = this.#cpu;
    if (!cpu.isExploring || this.#inner.isFreed || offset < 0 || offset + byteLength > this.byteLength) {
      this.#inner.copyTo(offset, target, targetOffset, byteLength);
      return;
    }
    for (let done = 0, length = 0; done < byteLength; done += length) {
      length = pieceLength(byteLength - done);
      const address = this.#base + offset + done;
      const low =
        done === 0 ? cpu.access(k.LOAD, address, length, 0, 0) : cpu.accessAtOnce(k.LOAD, address, length, 0, 0);
      const high = cpu.port.state.answerHigh[cpu.thread] as number;
      for (let byte = 0; byte < length; byte++)
        target[targetOffset + done + byte] = byte < 4 ? low >>> (8 * byte) : high >>> (8 * (byte - 4));
    }
  }

  free(): void {
    this.#inner.free();
    this.#onFree();
  }

  /** False in the set-up, and for an access that the buffer itself refuses. */
  #isExplored(offset: number, byteLength: number): boolean {
    if (!this.#cpu.isExploring || this.#inner.isFreed) return false;
    return offset >= 0 && offset + byteLength <= this.byteLength && (offset & (byteLength - 1)) === 0;
  }
}
