import type { Bar, PciFunction } from "../../harness/index.ts";

const FACTORIAL = 0x08; // offsets in BAR 0, from the card's data sheet
const STATUS = 0x20;
const COMPUTING = 0x01;

export class EduDriver {
  readonly #pci: PciFunction;
  readonly #bar: Bar;

  constructor(pci: PciFunction) {
    this.#pci = pci;
    this.#bar = pci.bar(0);
  }

  /** n! modulo 2^32: written as n, there when the card has stopped computing. */
  factorial(n: number): number {
    this.#bar.write32(FACTORIAL, n);
    while ((this.#bar.read32(STATUS) & COMPUTING) !== 0) this.#pci.cpu.relax();
    return this.#bar.read32(FACTORIAL);
  }
}
