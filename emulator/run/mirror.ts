import type { Endpoint } from "../pcie/endpoint.ts";
import type { Register } from "../registers/declare.ts";
import type { RegisterFile } from "../registers/register-file.ts";
import { NO_REGISTER, type RegisterMap } from "../registers/register-map.ts";
import type { EventSource } from "./device-host.ts";

/** Registers compared in one turn: a whole card is gone through in some tens of turns. */
const SLICE_COUNT = 48;
/** Doorbells that have rung are looked at every turn, this many at most. */
const HOT_LIMIT = 64;
/** The registers of one ring usually stand in one block of this size; they are compared before its doorbell rings. */
const RING_BLOCK_BYTES = 64;

/**
 * A BAR as raw shared memory. The driver stores and loads without a call; the device compares the memory with what it
 * last put there. A word that differs was written by the driver: the write happens, and what a read would give goes
 * back. A register that the device changed is copied out.
 *
 * Raw memory keeps no order between registers, but a doorbell is written last: before one rings, the registers of its
 * ring are compared, and all registers of the card when it rings for the first time.
 *
 * What raw memory cannot do: a read has no side effect, two writes between two looks are one, and writing the value
 * that stands there already is no write.
 */
export class Mirror implements EventSource {
  readonly #bar: number;
  readonly #endpoint: Endpoint;
  readonly #file: RegisterFile;
  readonly #map: RegisterMap;
  readonly #memory: Int32Array;
  /** By ordinal: what the device last put into the memory. */
  readonly #shadow: Int32Array;
  readonly #hot = new Int32Array(HOT_LIMIT);
  readonly #isDoorbell: Uint8Array;
  readonly #isHot: Uint8Array;
  #hotCount = 0;
  #next = 0;

  constructor(bar: number, endpoint: Endpoint, file: RegisterFile, memory: SharedArrayBuffer) {
    this.#bar = bar;
    this.#endpoint = endpoint;
    this.#file = file;
    this.#map = file.map;
    this.#memory = new Int32Array(memory);
    this.#shadow = new Int32Array(this.#map.wordCount);
    this.#isHot = new Uint8Array(this.#map.wordCount);
    this.#isDoorbell = new Uint8Array(this.#map.wordCount);
    for (let ordinal = 0; ordinal < this.#map.wordCount; ordinal++) {
      this.#isDoorbell[ordinal] = this.#map.registerOf(ordinal).mirror === "doorbell" ? 1 : 0;
      const value = file.visible(ordinal);
      this.#shadow[ordinal] = value;
      Atomics.store(this.#memory, this.#wordOf(ordinal), value);
    }
  }

  poll(): boolean {
    let busy = false;
    for (let index = 0; index < this.#hotCount; index++) if (this.#compare(this.#hot[index] as number)) busy = true;
    const count = this.#map.wordCount;
    for (let budget = Math.min(SLICE_COUNT, count); budget > 0; budget--) {
      if (this.#compare(this.#next)) busy = true;
      if (++this.#next === count) this.#next = 0;
    }
    return busy;
  }

  isIdle(): boolean {
    for (let ordinal = 0; ordinal < this.#map.wordCount; ordinal++) {
      if (this.#memory[this.#wordOf(ordinal)] !== this.#shadow[ordinal]) return false;
    }
    return true;
  }

  /** True when the driver had written the register, or the device changed it. */
  #compare(ordinal: number): boolean {
    const word = this.#wordOf(ordinal);
    const written = Atomics.load(this.#memory, word);
    const shadow = this.#shadow[ordinal] as number;
    if (written !== shadow) {
      if (this.#isDoorbell[ordinal] === 1) this.#compareBeforeDoorbell(ordinal);
      this.#endpoint.write(this.#bar, this.#map.offsetOf[ordinal] as number, 4, written, 0);
      this.#publish(ordinal, word, written);
      return true;
    }
    const value = this.#file.visible(ordinal);
    if (value === shadow) return false;
    this.#publish(ordinal, word, shadow);
    return true;
  }

  /** What the driver stored before the doorbell is in memory by now, and has to be known before it rings. */
  #compareBeforeDoorbell(doorbell: number): void {
    if (this.#isHot[doorbell] === 0) {
      this.#heat(doorbell);
      for (let ordinal = 0; ordinal < this.#map.wordCount; ordinal++) {
        if (this.#isDoorbell[ordinal] === 0) this.#compare(ordinal);
      }
      return;
    }
    const block = (this.#map.offsetOf[doorbell] as number) & ~(RING_BLOCK_BYTES - 1);
    for (let offset = block; offset < block + RING_BLOCK_BYTES; offset += 4) {
      const ordinal = this.#map.ordinalAt(offset);
      if (ordinal !== NO_REGISTER && this.#isDoorbell[ordinal] === 0) this.#compare(ordinal);
    }
  }

  /** Puts out what a read gives now, unless the driver has written again since: that write is taken at the next look. */
  #publish(ordinal: number, word: number, expected: number): void {
    const value = this.#file.visible(ordinal);
    this.#shadow[ordinal] = value;
    if (value !== expected) Atomics.compareExchange(this.#memory, word, expected, value);
  }

  #heat(ordinal: number): void {
    this.#isHot[ordinal] = 1;
    if (this.#hotCount === HOT_LIMIT) return;
    this.#hot[this.#hotCount++] = ordinal;
  }

  #wordOf(ordinal: number): number {
    return (this.#map.offsetOf[ordinal] as number) >> 2;
  }
}

/** What a driver that maps this BAR has to know, in lines for a person; empty when raw memory can do everything. */
export function mappedAccessLimits(device: string, bar: number, map: RegisterMap): string[] {
  const exact = map.registers.filter((register) => register.mirror === "exact");
  if (exact.length === 0) return [];
  const lines = [
    `${device} BAR${bar} is mapped as raw memory: the device sees stores when it next looks, and no loads at all.`,
    `- A read has no side effect. Needs the accessors to be exact: ${namesOf(exact)}.`,
    "- Several stores to one register between two looks are one write; storing the value that is there is no write.",
  ];
  return lines;
}

function namesOf(registers: readonly Register[]): string {
  const names = registers.map((register) => register.name);
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`;
}
