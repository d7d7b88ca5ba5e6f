import type { Bar, DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { hex, type LinearMemory } from "./linear-memory.ts";
import { WasmDriverError } from "./wasm-errors.ts";

/**
 * The accesses of a driver by address. What lies in a BAR goes to the card, what lies in a DMA buffer to the testbed, and
 * the driver's own memory is memory. Single accesses allocate nothing.
 */
export class WasmAccesses {
  readonly #memory: LinearMemory;
  readonly #bars: readonly (Bar | undefined)[];
  readonly #view: DataView;

  constructor(memory: LinearMemory, pci: PciFunction) {
    this.#memory = memory;
    this.#bars = Array.from(memory.barStarts, (start, index) => (start < 0 ? undefined : pci.bar(index)));
    this.#view = new DataView(memory.bytes.buffer);
  }

  // ---- registers ---------------------------------------------------------------------------------------------------

  read8(at: number): number {
    return this.#bar(at).read8(this.#offset);
  }

  read16(at: number): number {
    return this.#bar(at).read16(this.#offset);
  }

  read32(at: number): number {
    return this.#bar(at).read32(this.#offset);
  }

  write8(at: number, value: number): void {
    this.#bar(at).write8(this.#offset, value);
  }

  write16(at: number, value: number): void {
    this.#bar(at).write16(this.#offset, value);
  }

  write32(at: number, value: number): void {
    this.#bar(at).write32(this.#offset, value);
  }

  writeRelaxed32(at: number, value: number): void {
    this.#bar(at).writeRelaxed32(this.#offset, value);
  }

  writeCombining32(at: number, value: number): void {
    this.#bar(at).writeCombining32(this.#offset, value);
  }

  // ---- memory ------------------------------------------------------------------------------------------------------

  load8(at: number): number {
    const buffer = this.#buffer(at);
    return buffer === undefined ? this.#view.getUint8(at >>> 0) : buffer.read8(this.#offset);
  }

  load16(at: number): number {
    const buffer = this.#buffer(at);
    return buffer === undefined ? this.#view.getUint16(at >>> 0, true) : buffer.read16(this.#offset);
  }

  load32(at: number): number {
    const buffer = this.#buffer(at);
    return buffer === undefined ? this.#view.getInt32(at >>> 0, true) : buffer.read32(this.#offset);
  }

  loadAcquire32(at: number): number {
    const buffer = this.#buffer(at);
    return buffer === undefined ? this.#view.getInt32(at >>> 0, true) : buffer.readAcquire32(this.#offset);
  }

  store8(at: number, value: number): void {
    const buffer = this.#buffer(at);
    if (buffer === undefined) this.#view.setUint8(at >>> 0, value);
    else buffer.write8(this.#offset, value & 0xff);
  }

  store16(at: number, value: number): void {
    const buffer = this.#buffer(at);
    if (buffer === undefined) this.#view.setUint16(at >>> 0, value, true);
    else buffer.write16(this.#offset, value & 0xffff);
  }

  store32(at: number, value: number): void {
    const buffer = this.#buffer(at);
    if (buffer === undefined) this.#view.setInt32(at >>> 0, value, true);
    else buffer.write32(this.#offset, value);
  }

  storeRelease32(at: number, value: number): void {
    const buffer = this.#buffer(at);
    if (buffer === undefined) this.#view.setInt32(at >>> 0, value, true);
    else buffer.writeRelease32(this.#offset, value);
  }

  compareExchange32(at: number, expected: number, value: number): number {
    const buffer = this.#buffer(at);
    if (buffer !== undefined) return buffer.compareExchange32(this.#offset, expected, value);
    const before = this.#view.getInt32(at >>> 0, true);
    if (before === expected) this.#view.setInt32(at >>> 0, value, true);
    return before;
  }

  /** memmove: at least one side is no DMA buffer, or both are and the copy goes word by word. */
  copy(to: number, from: number, byteLength: number): void {
    const count = byteLength >>> 0;
    if (count === 0) return;
    const { bytes } = this.#memory;
    const source = this.#buffer(from);
    const sourceOffset = this.#offset;
    const target = this.#buffer(to);
    const targetOffset = this.#offset;
    if (source === undefined && target === undefined) bytes.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + count);
    else if (source === undefined) target?.copyFrom(targetOffset, bytes, from >>> 0, count);
    else if (target === undefined) source.copyTo(sourceOffset, bytes, to >>> 0, count);
    else {
      const between = new Uint8Array(count);
      source.copyTo(sourceOffset, between, 0, count);
      target.copyFrom(targetOffset, between, 0, count);
    }
  }

  fill(at: number, value: number, byteLength: number): void {
    const count = byteLength >>> 0;
    if (count === 0) return;
    const buffer = this.#buffer(at);
    if (buffer === undefined) this.#memory.bytes.fill(value, at >>> 0, (at >>> 0) + count);
    else buffer.copyFrom(this.#offset, new Uint8Array(count).fill(value), 0, count);
  }

  // ---- both, by what lies there ------------------------------------------------------------------------------------

  /** 1, 2 or 4 bytes, aligned. */
  get(at: number, byteLength: number): number {
    if (this.#memory.ownerOf(at) < 0)
      return byteLength === 4 ? this.read32(at) : byteLength === 2 ? this.read16(at) : this.read8(at);
    return byteLength === 4 ? this.load32(at) : byteLength === 2 ? this.load16(at) : this.load8(at);
  }

  /** 1, 2 or 4 bytes, aligned. A plain store to a register is ordered behind nothing: a barrier has to do that. */
  put(at: number, byteLength: number, value: number): void {
    if (this.#memory.ownerOf(at) < 0) {
      if (byteLength === 4) this.writeRelaxed32(at, value);
      else if (byteLength === 2) this.write16(at, value);
      else this.write8(at, value);
    } else if (byteLength === 4) this.store32(at, value);
    else if (byteLength === 2) this.store16(at, value);
    else this.store8(at, value);
  }

  /** Of the byte that was looked up last, in its BAR or buffer. */
  #offset = 0;

  #bar(at: number): Bar {
    const owner = this.#memory.ownerOf(at);
    const index = -1 - owner;
    const bar = owner < 0 ? this.#bars[index] : undefined;
    if (bar === undefined)
      throw new WasmDriverError(`a register access at ${hex(at)}, where no BAR is: ${this.#places()}`);
    this.#offset = (at >>> 0) - (this.#memory.barStarts[index] as number);
    return bar;
  }

  #buffer(at: number): DmaBuffer | undefined {
    const owner = this.#memory.ownerOf(at);
    if (owner === 0) return undefined;
    const buffer = this.#memory.buffers[owner - 1];
    if (buffer === undefined)
      throw new WasmDriverError(
        `a memory access at ${hex(at)}, which is in a BAR: registers have accessors of their own`,
      );
    this.#offset = (at >>> 0) - buffer.iova;
    return buffer;
  }

  #places(): string {
    const places = this.#bars.flatMap((bar) => {
      if (bar === undefined) return [];
      const start = this.#memory.barStarts[bar.index] as number;
      return `BAR${bar.index} is ${hex(start)} to ${hex(start + bar.byteLength - 1)}`;
    });
    return places.join(", ");
  }
}
