/**
 * Configuration space bit by bit, written from the specifications alone: the register tables of PCI 3.0 chapter 6,
 * PCI power management 1.2 chapter 3 and PCI Express 3.0 chapter 7 for the function declared below.
 */

import type { FunctionDeclaration } from "../../../emulator/pcie/config-space.ts";

export const NETWORK_CARD: FunctionDeclaration = {
  identity: {
    vendorId: 0x8086,
    deviceId: 0x10fb,
    revisionId: 0x01,
    classCode: 0x020000,
    subsystemVendorId: 0x8086,
    subsystemId: 0x0003,
    interruptPin: 1,
  },
  bars: [
    { index: 0, byteLength: 0x80000, kind: "memory64", prefetchable: true, about: "registers" },
    { index: 2, byteLength: 0x1000, kind: "memory32", about: "flash" },
    { index: 4, byteLength: 0x4000, kind: "memory64", prefetchable: true, about: "MSI-X" },
  ],
  msix: { vectorCount: 64, bar: 4, tableOffset: 0x0000, pendingBitsOffset: 0x2000 },
  serialNumber: { high: 0x001b21ff, low: 0xff123456 },
};

/** The classes of table 7-2; `rwl` is an RW bit that 6.6.2 exempts from a function-level reset. */
type BitClass = "ro" | "rw" | "rws" | "rwl" | "rw1c" | "rw1cs";

// offset of the register: bits class value after reset (hexadecimal, of the field). Bits not listed are ro, 0.
const SPECIFIED = `
0x000: 15:0 ro 8086, 31:16 ro 10fb
0x004: 1 rw 0, 2 rw 0, 6 rw 0, 8 rw 0, 10 rw 0, 20 ro 1, 24 rw1c 0, 31:27 rw1c 0
0x008: 7:0 ro 1, 31:8 ro 20000
0x00c: 7:0 rw 0
0x010: 3:0 ro c, 31:19 rw 0
0x014: 31:0 rw 0
0x018: 3:0 ro 0, 31:12 rw 0
0x020: 3:0 ro c, 31:14 rw 0
0x024: 31:0 rw 0
0x02c: 15:0 ro 8086, 31:16 ro 3
0x034: 7:0 ro 40
0x03c: 7:0 rw 0, 15:8 ro 1
0x040: 7:0 ro 1, 15:8 ro 50, 18:16 ro 3
0x044: 1:0 rw 0, 3 ro 1
0x050: 7:0 ro 5, 15:8 ro 70, 16 rw 0, 23 ro 1
0x054: 31:2 rw 0
0x058: 31:0 rw 0
0x05c: 15:0 rw 0
0x070: 7:0 ro 11, 15:8 ro a0, 26:16 ro 3f, 30 rw 0, 31 rw 0
0x074: 2:0 ro 4, 31:3 ro 0
0x078: 2:0 ro 4, 31:3 ro 400
0x0a0: 7:0 ro 10, 15:8 ro 0, 19:16 ro 2
0x0a4: 2:0 ro 2, 5 ro 1, 15 ro 1, 28 ro 1
0x0a8: 3:0 rw 0, 4 rw 1, 7:5 rwl 0, 8 rw 0, 11 rw 1, 14:12 rw 2, 15 ro 0, 19:16 rw1c 0
0x0ac: 3:0 ro 2, 9:4 ro 8, 22 ro 1
0x0b0: 1:0 rwl 0, 3 rwl 0, 6 rwl 0, 7 rwl 0, 19:16 ro 2, 25:20 ro 8, 28 ro 1
0x0c4: 3:0 ro f, 4 ro 1
0x0c8: 3:0 rw 0, 4 rw 0
0x0cc: 7:1 ro 3
0x0d0: 3:0 rws 2, 4 rws 0, 9:7 rws 0, 10 rws 0, 11 rws 0, 15:12 rws 0
0x100: 15:0 ro 1, 19:16 ro 1, 31:20 ro 140
0x104: 4 rw1cs 0, 12 rw1cs 0, 13 rw1cs 0, 14 rw1cs 0, 15 rw1cs 0, 16 rw1cs 0, 17 rw1cs 0, 18 rw1cs 0, 20 rw1cs 0
0x108: 4 rws 0, 12 rws 0, 13 rws 0, 14 rws 0, 15 rws 0, 16 rws 0, 17 rws 0, 18 rws 0, 20 rws 0
0x10c: 4 rws 1, 12 rws 0, 13 rws 1, 14 rws 0, 15 rws 0, 16 rws 0, 17 rws 1, 18 rws 1, 20 rws 0
0x110: 0 rw1cs 0, 6 rw1cs 0, 7 rw1cs 0, 8 rw1cs 0, 12 rw1cs 0, 13 rw1cs 0
0x114: 0 rws 0, 6 rws 0, 7 rws 0, 8 rws 0, 12 rws 0, 13 rws 1
0x140: 15:0 ro 3, 19:16 ro 1, 31:20 ro 0
0x144: 31:0 ro ff123456
0x148: 31:0 ro 001b21ff
`;

const BIT_COUNT = 4096 * 8;
const INITIATE_FLR = 8 * 0xa8 + 15;
const CLASSES: BitClass[] = new Array(BIT_COUNT).fill("ro");
const DEFAULTS = new Uint8Array(BIT_COUNT);

for (const line of SPECIFIED.trim().split("\n")) {
  const [offset = "", fields = ""] = line.split(": ");
  for (const field of fields.split(", ")) {
    const [range = "", bitClass = "", value = ""] = field.split(" ");
    const [high = 0, low = high] = range.split(":").map(Number);
    for (let bit = low; bit <= high; bit++) {
      CLASSES[8 * Number(offset) + bit] = bitClass as BitClass;
      DEFAULTS[8 * Number(offset) + bit] = Number((BigInt(`0x${value}`) >> BigInt(bit - low)) & 1n);
    }
  }
}

/** The function's configuration space as the specifications describe it. */
export class ConfigSpaceModel {
  bits: Uint8Array = DEFAULTS.slice();
  /** Names of the hooks that should have been called, in order. */
  readonly calls: string[] = [];

  read(offset: number, byteLength: number): number {
    if (offset % byteLength !== 0 || offset < 0 || offset + byteLength > 4096) return 2 ** (8 * byteLength) - 1;
    return this.field(8 * offset + 8 * byteLength - 1, 8 * offset);
  }

  write(offset: number, byteLength: number, value: number): void {
    if (offset % byteLength !== 0 || offset < 0 || offset + byteLength > 4096) return;
    const before = this.bits.slice();
    let initiatesReset = false;
    for (let index = 0; index < 8 * byteLength; index++) {
      const bit = 8 * offset + index;
      const written = Math.floor(value / 2 ** index) % 2;
      const bitClass = CLASSES[bit] as BitClass;
      if (bitClass === "rw" || bitClass === "rws" || bitClass === "rwl") this.bits[bit] = written;
      if ((bitClass === "rw1c" || bitClass === "rw1cs") && written === 1) this.bits[bit] = 0;
      if (bit === INITIATE_FLR && written === 1) initiatesReset = true;
    }
    if (initiatesReset) {
      // The other bits of the write count as well: the reset exempts some of them.
      this.functionLevelReset();
      this.calls.push("flr");
      return;
    }
    const powerState = this.field(8 * 0x44 + 1, 8 * 0x44);
    if (powerState === 1 || powerState === 2) this.bits.set(before.subarray(8 * 0x44, 8 * 0x44 + 2), 8 * 0x44);
    const changed = this.#differs(before, 0x04, 16) || this.#differs(before, 0x44, 2) || this.#differs(before, 0x52, 1);
    if (changed) this.calls.push("command");
    if (this.#differs(before, 0x72, 16)) this.calls.push("msix");
  }

  reset(): void {
    this.bits = DEFAULTS.slice();
  }

  functionLevelReset(): void {
    for (let bit = 0; bit < BIT_COUNT; bit++) {
      const bitClass = CLASSES[bit] as BitClass;
      if (bitClass === "ro" || bitClass === "rw" || bitClass === "rw1c") this.bits[bit] = DEFAULTS[bit] as number;
    }
  }

  /** The device detects errors. */
  latch(offset: number, byteLength: number, errors: number): void {
    for (let index = 0; index < 8 * byteLength; index++) {
      const isStatus = CLASSES[8 * offset + index]?.startsWith("rw1c") === true;
      if (isStatus && Math.floor(errors / 2 ** index) % 2 === 1) this.bits[8 * offset + index] = 1;
    }
  }

  setBit(bit: number, on: boolean): void {
    this.bits[bit] = on ? 1 : 0;
  }

  /** The unsigned number in bits `high` to `low` of the space. */
  field(high: number, low: number): number {
    let value = 0;
    for (let bit = high; bit >= low; bit--) value = 2 * value + (this.bits[bit] as number);
    return value;
  }

  #differs(before: Uint8Array, offset: number, bitCount: number): boolean {
    for (let bit = 8 * offset; bit < 8 * offset + bitCount; bit++) if (before[bit] !== this.bits[bit]) return true;
    return false;
  }
}

/** Bits that no write may change, of the byte at `offset`. */
export function readOnlyMask(offset: number): number {
  let mask = 0;
  for (let bit = 0; bit < 8; bit++) if (CLASSES[8 * offset + bit] === "ro") mask |= 1 << bit;
  return mask;
}
