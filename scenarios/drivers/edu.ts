/**
 * The tutorial driver: all that the edu offers, in the order of its data sheet (devices/edu/DATASHEET.md). It gets a PCI
 * function as a kernel hands one over, and knows nothing of what is behind it.
 */

import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";

// Data sheet, "Registers": offsets in BAR0, bits, causes; "DMA": the card's buffer.
const IDENTIFICATION = 0x0000;
const LIVENESS = 0x0004;
const FACTORIAL = 0x0008;
const STATUS = 0x0020;
const INTERRUPT_STATUS = 0x0024;
const INTERRUPT_RAISE = 0x0060;
const INTERRUPT_ACKNOWLEDGE = 0x0064;
const DMA_SOURCE = 0x0080;
const DMA_DESTINATION = 0x0088;
const DMA_COUNT = 0x0090;
const DMA_COMMAND = 0x0098;
const STATUS_COMPUTING = 0x01;
const STATUS_INTERRUPT = 0x80;
const COMMAND_START = 0x1;
const COMMAND_TO_HOST = 0x2;
const COMMAND_INTERRUPT = 0x4;
const CAUSE_FACTORIAL = 0x001;
const CAUSE_DMA = 0x100;
const CARD_BUFFER = 0x0004_0000;
const CARD_BUFFER_BYTE_LENGTH = 4096;

/** The card needs 100 µs at most. A driver that waits for ever turns a dead card into a dead machine. */
const WAIT_LIMIT_MS = 1000;

export type WaitBy = "poll" | "interrupt";

export class EduDriver {
  /** "1.0" */
  readonly version: string;
  readonly #pci: PciFunction;
  readonly #bar: Bar;
  readonly #interrupt: Interrupt;
  readonly #buffer: DmaBuffer;

  /** Brings the card up. Throws when it is no edu. */
  constructor(pci: PciFunction, kind: "intx" | "msi" = "msi") {
    this.#pci = pci;
    this.#bar = pci.bar(0);
    const identification = this.#bar.read32(IDENTIFICATION);
    if ((identification & 0xffff) !== 0x00ed)
      throw new Error(`no edu: identification 0x${identification.toString(16)}`);
    this.version = `${identification >>> 24}.${(identification >>> 16) & 0xff}`;
    // "PCI": without Bus Master the card can neither copy nor send its MSI.
    pci.config.setBusMaster(true);
    this.#buffer = pci.dma.alloc(CARD_BUFFER_BYTE_LENGTH, { label: "edu transfer buffer" });
    this.#interrupt = pci.interrupts(kind, 1)[0] as Interrupt;
  }

  /** Whether the card gives back the complement of a word. The read pushes the posted write before it. */
  isAlive(word: number): boolean {
    this.#bar.write32(LIVENESS, word >>> 0);
    return this.#bar.read32(LIVENESS) === ~word >>> 0;
  }

  /** n! modulo 2^32. */
  factorial(n: number, by: WaitBy): number {
    // "Factorial": the card looks at the bit when it is done, so it must be right before n is written.
    this.#bar.write32(STATUS, by === "interrupt" ? STATUS_INTERRUPT : 0);
    this.#bar.write32(FACTORIAL, n);
    if (by === "interrupt") this.#waitFor(CAUSE_FACTORIAL);
    else this.#pollUntilClear(STATUS, STATUS_COMPUTING);
    return this.#bar.read32(FACTORIAL);
  }

  /** Lets the card raise causes of the driver's own choice, and takes them: proves that interrupts get through. */
  raise(causes: number): void {
    this.#bar.write32(INTERRUPT_RAISE, causes);
    this.#waitFor(causes);
  }

  /** Copies up to 4 KiB into the card's buffer. */
  copyToCard(bytes: Uint8Array, cardOffset: number, by: WaitBy): void {
    this.#buffer.copyFrom(0, bytes, 0, bytes.length);
    this.#transfer(this.#buffer.iova, CARD_BUFFER + cardOffset, bytes.length, 0, by);
  }

  /** Fills `bytes` out of the card's buffer. */
  copyFromCard(bytes: Uint8Array, cardOffset: number, by: WaitBy): void {
    this.#transfer(CARD_BUFFER + cardOffset, this.#buffer.iova, bytes.length, COMMAND_TO_HOST, by);
    this.#buffer.copyTo(0, bytes, 0, bytes.length);
  }

  /** In this order: without Bus Master the card cannot reach the memory any more, whatever it is doing. */
  close(): void {
    this.#pci.config.setBusMaster(false);
    this.#buffer.free();
  }

  #transfer(source: number, destination: number, byteLength: number, direction: number, by: WaitBy): void {
    this.#bar.write64(DMA_SOURCE, BigInt(source));
    this.#bar.write64(DMA_DESTINATION, BigInt(destination));
    this.#bar.write64(DMA_COUNT, BigInt(byteLength));
    // The doorbell. Writes arrive in order, and behind what this CPU stored to memory: the card finds all of it.
    this.#bar.write32(DMA_COMMAND, COMMAND_START | direction | (by === "interrupt" ? COMMAND_INTERRUPT : 0));
    if (by === "interrupt") this.#waitFor(CAUSE_DMA);
    else this.#pollUntilClear(DMA_COMMAND, COMMAND_START);
  }

  #pollUntilClear(offset: number, bit: number): void {
    const deadlineNs = this.#pci.cpu.nowNs() + WAIT_LIMIT_MS * 1e6;
    while ((this.#bar.read32(offset) & bit) !== 0) {
      if (this.#pci.cpu.nowNs() > deadlineNs) throw new Error(`the edu stays busy (register 0x${offset.toString(16)})`);
      this.#pci.cpu.relax();
    }
  }

  /** Waits until the card has raised all of `causes`, and acknowledges whatever it raises. */
  #waitFor(causes: number): void {
    let missing = causes;
    for (let attempt = 0; missing !== 0; attempt++) {
      if (attempt === 1000 || !this.#interrupt.wait(WAIT_LIMIT_MS)) throw new Error("the edu's interrupt does not come");
      // Twice: the second read pushes the acknowledgement to the card, and finds what was raised in between. INTx stays
      // up for that, and a line that stays up does not rise again.
      for (let round = 0; round < 2; round++) {
        const raised = this.#bar.read32(INTERRUPT_STATUS);
        this.#bar.write32(INTERRUPT_ACKNOWLEDGE, raised);
        missing &= ~raised;
      }
    }
  }
}
