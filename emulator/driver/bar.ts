import type { Bar } from "../pcie/driver-view.ts";
import type { DriverCpu } from "./cpu.ts";
import type { CpuLink } from "./cpu-link.ts";

/** A BAR in the driver's hands: every access crosses the link. */
export class DriverBar implements Bar {
  readonly index: number;
  readonly byteLength: number;
  readonly mappedOffset: number;
  readonly #link: CpuLink;
  readonly #cpu: DriverCpu;

  constructor(index: number, byteLength: number, mappedOffset: number, link: CpuLink, cpu: DriverCpu) {
    this.index = index;
    this.byteLength = byteLength;
    this.mappedOffset = mappedOffset;
    this.#link = link;
    this.#cpu = cpu;
  }

  read32(offset: number): number {
    this.#check(offset, 4);
    return this.#link.read(this.index, offset, 4) >>> 0;
  }

  read16(offset: number): number {
    this.#check(offset, 2);
    return this.#link.read(this.index, offset, 2) & 0xffff;
  }

  read8(offset: number): number {
    this.#check(offset, 1);
    return this.#link.read(this.index, offset, 1) & 0xff;
  }

  read64(offset: number): bigint {
    this.#check(offset, 8);
    const low = this.#link.read(this.index, offset, 8) >>> 0;
    return (BigInt(this.#link.readHigh >>> 0) << 32n) | BigInt(low);
  }

  write32(offset: number, value: number): void {
    this.#check(offset, 4);
    this.#link.write(this.index, offset, 4, value | 0, 0);
  }

  write16(offset: number, value: number): void {
    this.#check(offset, 2);
    this.#link.write(this.index, offset, 2, value & 0xffff, 0);
  }

  write8(offset: number, value: number): void {
    this.#check(offset, 1);
    this.#link.write(this.index, offset, 1, value & 0xff, 0);
  }

  write64(offset: number, value: bigint): void {
    this.#check(offset, 8);
    this.#link.write(this.index, offset, 8, Number(value & 0xffffffffn) | 0, Number((value >> 32n) & 0xffffffffn) | 0);
  }

  writeRelaxed32(offset: number, value: number): void {
    // On real threads every store of the link is ordered; the weaker form differs where memory models are chosen.
    if (this.#link.writeRelaxed === undefined) {
      this.write32(offset, value);
      return;
    }
    this.#check(offset, 4);
    this.#link.writeRelaxed(this.index, offset, 4, value | 0, 0);
  }

  writeCombining32(offset: number, value: number): void {
    if (this.#link.writeCombining === undefined) {
      this.write32(offset, value);
      return;
    }
    this.#check(offset, 4);
    this.#link.writeCombining(this.index, offset, 4, value | 0, 0);
  }

  map(): SharedArrayBuffer {
    return this.#link.mapBar(this.index);
  }

  #check(offset: number, byteLength: number): void {
    this.#cpu.attend();
    // In this form it also refuses NaN and undefined: an offset that was never defined.
    if (!(offset >= 0 && offset + byteLength <= this.byteLength)) {
      const where = Number.isFinite(offset) ? `0x${offset.toString(16)}` : String(offset);
      throw new RangeError(
        `${byteLength}-byte access at offset ${where} of BAR${this.index}, which has ${this.byteLength} bytes`,
      );
    }
  }
}
