/**
 * What the threads of a testbed share to find data races while they run: the device thread numbers the DMA transfers of its
 * cards and notes at each word of the arena which transfer touched it last; the driver's threads look there. Both do so only
 * while a window is open: {@link DmaMarks} opens and closes them, {@link RaceSampler} looks.
 */

import { ARENA_PAGE_BYTES } from "../memory/arena.ts";
import { CPU_COUNT } from "../pcie/interrupt-controller.ts";
import type { RaceSampling } from "./rule.ts";

/** Structured-cloneable; every thread makes its own views. */
export interface RaceTables {
  readonly sampling: Required<RaceSampling>;
  readonly control: SharedArrayBuffer;
  /** A mark for each word of the arena: the last DMA write to it. Its pages cost memory once they are touched. */
  readonly written: SharedArrayBuffer;
  /** The same of the last DMA read. */
  readonly fetched: SharedArrayBuffer;
  /** A byte for each page of the arena: 1 where the driver has raw views. */
  readonly raw: SharedArrayBuffer;
  /** The last {@link LOG_ENTRY_COUNT} transfers. */
  readonly log: SharedArrayBuffer;
}

// ---- words of the control part; the first ones are the device thread's -----------------------------------------------

/** Number of the window that is open, from 1; 0 while none is. */
export const WINDOW = 0;
/** Transfers up to here are not judged in this window. */
export const START = 1;
/** The last transfer that was numbered; stored before anything of it is. */
export const TRANSFER = 2;
/** The last one that wrote to memory which a driver may read past the accessors. */
export const LAST_RAW = 3;
/** How many of {@link RAW_REQUESTS} the device thread knows of since the window opened. */
export const RAW_SEEN = 4;
/** Drivers': how often somebody asked for raw memory. */
export const RAW_REQUESTS = 16;
/** Drivers': 1 once a BAR is mapped. Registers are looked at unheard then, and nothing is judged any more. */
export const IS_OFF = 17;
const SLOTS = 32;
/** A cache line a CPU. */
const SLOT_STRIDE = 16;
/** The testbed itself has the last one: it waits until the cards rest. */
export const SLOT_COUNT: number = CPU_COUNT + 1;
const CONTROL_WORDS: number = SLOTS + SLOT_COUNT * SLOT_STRIDE;

/** Where a CPU keeps the newest transfer that it has heard of: what it stores, and what it tells others, is behind that. */
export function slotOf(cpu: number): number {
  return SLOTS + cpu * SLOT_STRIDE;
}

// ---- marks -----------------------------------------------------------------------------------------------------------

/** A mark is the number of the transfer, two bits of what it wrote, and one bit for each byte that it touched. */
export const NUMBER_SHIFT = 6;
export const KIND_SHIFT = 4;
export const KIND_MASK = 3;
export const ALL_BYTES = 15;
/** Numbers begin anew, and all marks are cleared, before one would not fit. */
export const NUMBER_LIMIT: number = 2 ** 25 - 1;

/** What a DMA write without a flag brings, or what a DMA read touches. */
export const ALONE = 0;
/** One word at most that comes alone: an index, a counter. It is as good as a flag. */
export const WORD = 1;
/** What a DMA write with a flag brings besides it: the rest of a descriptor. */
export const FLAGGED = 2;
/** The flag: the word that is stored last, which drivers poll. */
export const FLAG = 3;

/** The bytes of word `word` that an access of `byteLength` bytes at byte `at` touches, as bits of a mark. */
export function bytesOf(word: number, at: number, byteLength: number): number {
  const from = at - (word << 2);
  const to = from + byteLength;
  let bytes = ALL_BYTES;
  if (from > 0) bytes &= ALL_BYTES << from;
  if (to < 4) bytes &= ALL_BYTES >> (4 - to);
  return bytes;
}

// ---- log -------------------------------------------------------------------------------------------------------------

/** More than a default window has transfers. */
const LOG_ENTRY_COUNT: number = 1 << 14;
const LOG_STRIDE = 4;
export const LOG_FUNCTION = 0;
export const LOG_OFFSET = 1;
export const LOG_BYTES = 2;
export const LOG_NUMBER = 3;

/** First word of a transfer's entry. */
export function logAt(number: number): number {
  return (number & (LOG_ENTRY_COUNT - 1)) * LOG_STRIDE;
}

/** Lays the tables out over an arena of so many bytes. */
export function createRaceTables(arenaBytes: number, sampling: Required<RaceSampling>): RaceTables {
  const markBytes = (arenaBytes + 3) & ~3;
  return {
    sampling,
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    written: new SharedArrayBuffer(markBytes),
    fetched: new SharedArrayBuffer(markBytes),
    raw: new SharedArrayBuffer(Math.ceil(arenaBytes / ARENA_PAGE_BYTES)),
    log: new SharedArrayBuffer(LOG_ENTRY_COUNT * LOG_STRIDE * 4),
  };
}

/** The cards rest, and somebody has waited for it: all that they did is before whatever a driver does from here on. */
export function noteSettled({ control }: RaceTables): void {
  const words = new Int32Array(control);
  Atomics.store(words, slotOf(SLOT_COUNT - 1), Atomics.load(words, TRANSFER));
}
