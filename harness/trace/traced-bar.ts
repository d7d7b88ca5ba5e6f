import type { Bar } from "../../emulator/pcie/driver-view.ts";
import type { CpuLog } from "./cpu-log.ts";
import { MMIO_ANSWER, MMIO_READ, MMIO_WRITE } from "./trace-ring.ts";

/** How a write is ordered: the text of its event. */
const RELAXED_WRITE = "relaxed";
const COMBINED_WRITE = "write-combining";

/** A BAR whose accesses are noted: writes before they are posted, reads before and when they are answered. */
export class TracedBar implements Bar {
  readonly index: number;
  readonly byteLength: number;
  readonly mappedOffset: number;
  readonly #bar: Bar;
  readonly #log: CpuLog;
  readonly #device: number;

  constructor(bar: Bar, log: CpuLog, device: number) {
    this.index = bar.index;
    this.byteLength = bar.byteLength;
    this.mappedOffset = bar.mappedOffset;
    this.#bar = bar;
    this.#log = log;
    this.#device = device;
  }

  read32(offset: number): number {
    this.#ask(offset, 4);
    return this.#answered(offset, 4, this.#bar.read32(offset));
  }

  read16(offset: number): number {
    this.#ask(offset, 2);
    return this.#answered(offset, 2, this.#bar.read16(offset));
  }

  read8(offset: number): number {
    this.#ask(offset, 1);
    return this.#answered(offset, 1, this.#bar.read8(offset));
  }

  read64(offset: number): bigint {
    this.#ask(offset, 8);
    const value = this.#bar.read64(offset);
    this.#log.note(MMIO_ANSWER, this.#device, 8, this.index, offset, lowOf(value), highOf(value));
    return value;
  }

  write32(offset: number, value: number): void {
    this.#log.note(MMIO_WRITE, this.#device, 4, this.index, offset, value | 0, 0);
    this.#bar.write32(offset, value);
  }

  write16(offset: number, value: number): void {
    this.#log.note(MMIO_WRITE, this.#device, 2, this.index, offset, value | 0, 0);
    this.#bar.write16(offset, value);
  }

  write8(offset: number, value: number): void {
    this.#log.note(MMIO_WRITE, this.#device, 1, this.index, offset, value | 0, 0);
    this.#bar.write8(offset, value);
  }

  write64(offset: number, value: bigint): void {
    this.#log.note(MMIO_WRITE, this.#device, 8, this.index, offset, lowOf(value), highOf(value));
    this.#bar.write64(offset, value);
  }

  writeRelaxed32(offset: number, value: number): void {
    this.#log.noteText(MMIO_WRITE, this.#device, 4, this.index, offset, value | 0, 0, RELAXED_WRITE);
    this.#bar.writeRelaxed32(offset, value);
  }

  writeCombining32(offset: number, value: number): void {
    this.#log.noteText(MMIO_WRITE, this.#device, 4, this.index, offset, value | 0, 0, COMBINED_WRITE);
    this.#bar.writeCombining32(offset, value);
  }

  map(): SharedArrayBuffer {
    return this.#bar.map();
  }

  #ask(offset: number, byteLength: number): void {
    this.#log.note(MMIO_READ, this.#device, byteLength, this.index, offset, 0, 0);
  }

  #answered(offset: number, byteLength: number, value: number): number {
    this.#log.note(MMIO_ANSWER, this.#device, byteLength, this.index, offset, value | 0, 0);
    return value;
  }
}

function lowOf(value: bigint): number {
  return Number(value & 0xffff_ffffn) | 0;
}

function highOf(value: bigint): number {
  return Number((value >> 32n) & 0xffff_ffffn) | 0;
}
