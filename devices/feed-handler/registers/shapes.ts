/** What registers of several files share: how many there are of each part, and how a register of each is declared. */

import { type FieldedRegister, register } from "../../../emulator/registers/declare.ts";

export const BAR0_BYTE_LENGTH = 0x0001_0000;
export const LINE_COUNT = 2;
export const CHANNEL_COUNT = 4;
/** Stocks that the card follows at a time. */
export const SLOT_COUNT = 64;
export const TRIGGER_COUNT = 16;
export const TEMPLATE_COUNT = 16;
/** Cycles a second of the clock that stamps everything: one cycle is 4 ns. */
export const CLOCK_HZ = 250_000_000;
export const NS_PER_CYCLE: number = 1e9 / CLOCK_HZ;

/** Where the registers of a part begin, how far apart those of two elements lie, and how many there are. */
export interface Block {
  readonly base: number;
  readonly stride: number;
  readonly count: number;
}

/** The register at `offset` within each element of a block. */
export function each<Names extends string = string>(
  block: Block,
  name: string,
  offset: number,
  options: Omit<Parameters<typeof register<Names>>[1], "offset" | "count" | "stride">,
): FieldedRegister<Names> {
  return register<Names>(name, { ...options, offset: block.base + offset, count: block.count, stride: block.stride });
}
