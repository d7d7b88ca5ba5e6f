/** Sizing a base address register as a kernel does when it finds the function (PCI 3.0, 6.2.5.1). */

import type { ConfigRead, ConfigWrite } from "./capability-walk.ts";
import { BASE_ADDRESS_0, COMMAND } from "./config-header.ts";

/** What software learns about one BAR. */
export interface SizedBar {
  /** `none` where the slot is not implemented; `io` BARs are told apart, not sized further. */
  readonly kind: "memory32" | "memory64" | "io" | "none";
  /** Zero for `none`. Exact: a power of two. */
  readonly byteLength: number;
  readonly prefetchable: boolean;
  /** Slots that the BAR takes: go on at `index + slotCount`. */
  readonly slotCount: 1 | 2;
}

const NONE: SizedBar = { kind: "none", byteLength: 0, prefetchable: false, slotCount: 1 };
/** I/O space and memory space enable. */
const COMMAND_DECODE = 0x0003;

/**
 * Writes all ones to BAR `index`, reads back which bits took, and restores the register. Decoding is off meanwhile:
 * otherwise the function would answer at the top of the address space for a moment.
 */
export function sizeBar(read: ConfigRead, write: ConfigWrite, index: number): SizedBar {
  if (!Number.isInteger(index) || index < 0 || index > 5) throw new RangeError(`BAR${index}: want BAR0 to BAR5`);
  const command = read(COMMAND, 2);
  write(COMMAND, 2, command & ~COMMAND_DECODE);
  const offset = BASE_ADDRESS_0 + 4 * index;
  const low = probe(read, write, offset);
  const is64Bit = (low & 0x7) === 0x4 && index < 5;
  const high = is64Bit ? probe(read, write, offset + 4) : 0;
  write(COMMAND, 2, command);

  // Zero: not implemented. All ones: nobody answers; no BAR can read so, its type bits forbid it.
  if (low === 0 || low === 0xffffffff) return NONE;
  if ((low & 0x1) !== 0) {
    return { kind: "io", byteLength: lowestBit(low & ~0x3), prefetchable: false, slotCount: 1 };
  }
  const lowBit = lowestBit(low & ~0xf);
  const byteLength = lowBit !== 0 ? lowBit : lowestBit(high) * 2 ** 32;
  if (byteLength === 0) return NONE;
  return {
    kind: is64Bit ? "memory64" : "memory32",
    byteLength,
    prefetchable: (low & 0x8) !== 0,
    slotCount: is64Bit ? 2 : 1,
  };
}

function probe(read: ConfigRead, write: ConfigWrite, offset: number): number {
  const address = read(offset, 4);
  write(offset, 4, 0xffffffff);
  const answer = read(offset, 4);
  write(offset, 4, address);
  return answer;
}

function lowestBit(word: number): number {
  return (word & -word) >>> 0;
}
