// A driver for template-device, by its data sheet. It gets a PCI function as a kernel hands one over, and knows nothing
// of what is behind it.

import type { Bar, DmaBuffer, PciFunction } from "../../harness/index.ts";

// Data sheet, "Registers": offsets in BAR0, bits.
const IDENTIFICATION = 0x0000;
const CONTROL = 0x0004;
const COMMANDS_LOW = 0x0010;
const COMMANDS_HIGH = 0x0014;
const COMPLETIONS_LOW = 0x0018;
const COMPLETIONS_HIGH = 0x001c;
const ENTRY_COUNT = 0x0020;
const TAIL = 0x0024;
const CONTROL_ENABLE = 0x1;

export class TemplateDeviceDriver {
  readonly #pci: PciFunction;
  readonly #bar: Bar;
  readonly #commands: DmaBuffer;
  readonly #completions: DmaBuffer;
  readonly #entryCount: number;
  /** Entry of the next command; ours. */
  #tail = 0;
  /** Entry of the next completion, and the phase that it will have. */
  #head = 0;
  #phase = 1;

  /** Brings the device up with rings of `entryCount` entries. Throws when it is another device. */
  constructor(pci: PciFunction, entryCount: number = 8) {
    this.#pci = pci;
    this.#bar = pci.bar(0);
    this.#entryCount = entryCount;
    if (this.#bar.read32(IDENTIFICATION) >>> 8 !== 0x7a1100) throw new Error(`${pci.name} is no template-device`);
    pci.config.setBusMaster(true);
    this.#commands = pci.dma.alloc(4 * entryCount, { label: "command ring", direction: "to-device" });
    this.#completions = pci.dma.alloc(8 * entryCount, { label: "completion ring" });
    this.#bar.write32(COMMANDS_LOW, this.#commands.iovaLow >>> 0);
    this.#bar.write32(COMMANDS_HIGH, this.#commands.iovaHigh >>> 0);
    this.#bar.write32(COMPLETIONS_LOW, this.#completions.iovaLow >>> 0);
    this.#bar.write32(COMPLETIONS_HIGH, this.#completions.iovaHigh >>> 0);
    this.#bar.write32(ENTRY_COUNT, entryCount);
    this.#bar.write32(CONTROL, CONTROL_ENABLE);
  }

  /** Hands the device a word to add; false while the ring is full. */
  add(word: number): boolean {
    const next = (this.#tail + 1) % this.#entryCount;
    if (next === this.#head) return false;
    this.#commands.write32(4 * this.#tail, word >>> 0);
    this.#tail = next;
    // The doorbell. An ordinary write stays behind the store above: the device finds the command.
    this.#bar.write32(TAIL, next);
    return true;
  }

  /** The next total, or undefined while there is none. */
  total(): number | undefined {
    const at = 8 * this.#head;
    const flags = this.#completions.readAcquire32(at + 4);
    if ((flags & 1) !== this.#phase) return undefined;
    const total = this.#completions.read32(at);
    this.#head = (this.#head + 1) % this.#entryCount;
    if (this.#head === 0) this.#phase ^= 1;
    return total;
  }

  /** In this order: without Bus Master the device cannot reach the memory any more, whatever it is doing. */
  close(): void {
    this.#bar.write32(CONTROL, 0);
    this.#pci.config.setBusMaster(false);
    this.#commands.free();
    this.#completions.free();
  }
}
