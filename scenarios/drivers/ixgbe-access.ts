import type { Bar, Cpu, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { STATUS } from "./ixgbe-registers.ts";

/** How long a card may take for a bit that it sets or clears by itself: far more than it needs. */
const ANSWER_LIMIT_MS = 100;
/** The same as a number of polls, for clocks that stand still. */
const POLL_LIMIT = 10_000_000;
/** What a read gives when no card answers. */
const NOBODY_THERE = 0xffff_ffff;

/** Changes of single bits, and waits for bits that the card changes. Control path only. */
export class RegisterAccess {
  readonly bar: Bar;
  readonly #name: string;
  readonly #cpu: Cpu;

  constructor(pci: PciFunction) {
    this.bar = pci.bar(0);
    this.#name = pci.name;
    this.#cpu = pci.cpu;
  }

  /**
   * A register that somebody is to believe. All ones may be a completion that timed out, or nobody there any more: STATUS,
   * which is never that, tells which. Throws Error when the card is gone.
   */
  read(offset: number): number {
    const value = this.bar.read32(offset);
    return value === NOBODY_THERE ? this.#readAgain(offset) : value;
  }

  set(offset: number, bits: number): void {
    this.bar.write32(offset, (this.read(offset) | bits) >>> 0);
  }

  clear(offset: number, bits: number): void {
    this.bar.write32(offset, (this.read(offset) & ~bits) >>> 0);
  }

  /** Polls until one of `bits` is set. Throws Error that names the bit and the register when it never comes. */
  waitSet(offset: number, bits: number, bitName: string, limitMs: number = ANSWER_LIMIT_MS): void {
    this.#waitFor(offset, bits, true, bitName, limitMs);
  }

  /** Polls until all of `bits` are clear. Throws Error that names the bit and the register when one stays. */
  waitClear(offset: number, bits: number, bitName: string, limitMs: number = ANSWER_LIMIT_MS): void {
    this.#waitFor(offset, bits, false, bitName, limitMs);
  }

  /** Sets bits that the card shows when it has done what they ask for, and waits until it has. */
  switchOn(offset: number, bits: number, bitName: string): void {
    this.set(offset, bits);
    this.waitSet(offset, bits, bitName);
  }

  switchOff(offset: number, bits: number, bitName: string): void {
    this.clear(offset, bits);
    this.waitClear(offset, bits, bitName);
  }

  #readAgain(offset: number): number {
    // Once more before a card is given up: two reads in a row do not time out by chance.
    if (this.bar.read32(STATUS) !== NOBODY_THERE) return this.bar.read32(offset);
    throw new Error(
      `${this.#name}: register 0x${hex5(offset)}, as STATUS, reads all ones: the card is gone from the bus`,
    );
  }

  #waitFor(offset: number, bits: number, wantSet: boolean, bitName: string, limitMs: number): void {
    const deadlineNs = this.#cpu.nowNs() + limitMs * 1e6;
    for (let polls = 0; polls < POLL_LIMIT; polls++) {
      // The time before the register: whoever is held up between the two has looked once more when the limit was over.
      const isLate = this.#cpu.nowNs() > deadlineNs;
      if (((this.read(offset) & bits) !== 0) === wantSet) return;
      if (isLate) break;
      this.#cpu.relax();
    }
    const place = `${bitName} (bit ${31 - Math.clz32(bits)} of register 0x${hex5(offset)})`;
    const value = `0x${this.bar.read32(offset).toString(16).padStart(8, "0")}`;
    throw new Error(
      `${this.#name}: ${place} did not ${wantSet ? "come" : "go"} within ${limitMs} ms; the register reads ${value}`,
    );
  }
}

function hex5(offset: number): string {
  return offset.toString(16).padStart(5, "0");
}
