// The tutorial driver: what the edu offers, in the order of its data sheet (devices/edu/DATASHEET.md). It gets a PCI
// function as a kernel hands one over, and knows nothing of what is behind it.

import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";

// Data sheet, "Registers": offsets in BAR0, bits, causes; "DMA": the card's buffer.
const IDENTIFICATION = 0x0000;
const LIVENESS = 0x0004;
const FACTORIAL = 0x0008;
const STATUS = 0x0020;
const INTERRUPT_STATUS = 0x0024;
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
/** The card needs 100 µs. A driver that waits for ever turns a dead card into a dead machine. */
const WAIT_LIMIT_MS = 1000;
const ROUND_LIMIT = 100;

export class EduDriver {
  /** 0xRRrr00ed: major and minor version. */
  readonly identification: number;
  readonly #pci: PciFunction;
  readonly #bar: Bar;
  readonly #buffer: DmaBuffer;
  /** Undefined in a driver that polls. */
  readonly #interrupt: Interrupt | undefined;

  /** Brings the card up. Throws when it is no edu. */
  constructor(pci: PciFunction, waitBy: "poll" | "intx" | "msi" = "msi") {
    this.#pci = pci;
    this.#bar = pci.bar(0);
    this.identification = this.#bar.read32(IDENTIFICATION);
    if ((this.identification & 0xffff) !== 0x00ed) throw new Error(`${pci.name} is no edu`);
    // "PCI": without Bus Master the card can neither copy nor send its MSI.
    pci.config.setBusMaster(true);
    this.#buffer = pci.dma.alloc(4096, { label: "edu transfer buffer" });
    if (waitBy !== "poll") this.#interrupt = pci.interrupts(waitBy, 1)[0];
  }

  /** Whether the card gives back the complement of a word. The read pushes the posted write before it. */
  isAlive(word: number): boolean {
    this.#bar.write32(LIVENESS, word >>> 0);
    return this.#bar.read32(LIVENESS) === ~word >>> 0;
  }

  /** n! modulo 2^32. */
  factorial(n: number): number {
    // "Factorial": the card looks at the bit when it is done, so it must be right before n is written.
    this.#bar.write32(STATUS, this.#interrupt === undefined ? 0 : STATUS_INTERRUPT);
    this.#bar.write32(FACTORIAL, n);
    this.#finish(CAUSE_FACTORIAL, STATUS, STATUS_COMPUTING);
    return this.#bar.read32(FACTORIAL);
  }

  /** Copies up to 4 KiB into the card's buffer. */
  copyToCard(bytes: Uint8Array, cardOffset: number): void {
    this.#buffer.copyFrom(0, bytes, 0, bytes.length);
    this.#transfer(this.#buffer.iova, CARD_BUFFER + cardOffset, bytes.length, COMMAND_START);
  }

  /** Fills `bytes` out of the card's buffer. */
  copyFromCard(bytes: Uint8Array, cardOffset: number): void {
    this.#transfer(CARD_BUFFER + cardOffset, this.#buffer.iova, bytes.length, COMMAND_START | COMMAND_TO_HOST);
    this.#buffer.copyTo(0, bytes, 0, bytes.length);
  }

  /** In this order: without Bus Master the card cannot reach the memory any more, whatever it is doing. */
  close(): void {
    this.#pci.config.setBusMaster(false);
    this.#buffer.free();
  }

  #transfer(source: number, destination: number, byteLength: number, command: number): void {
    this.#bar.write64(DMA_SOURCE, BigInt(source));
    this.#bar.write64(DMA_DESTINATION, BigInt(destination));
    this.#bar.write64(DMA_COUNT, BigInt(byteLength));
    // The doorbell. Writes arrive in order, and behind what this CPU stored to memory: the card finds all of it.
    this.#bar.write32(DMA_COMMAND, command | (this.#interrupt === undefined ? 0 : COMMAND_INTERRUPT));
    this.#finish(CAUSE_DMA, DMA_COMMAND, COMMAND_START);
  }

  /** Waits for the interrupt, or polls until the bit clears. Throws when neither happens. */
  #finish(cause: number, register: number, busyBit: number): void {
    if (this.#interrupt !== undefined) {
      for (let round = 0; round < ROUND_LIMIT && this.#interrupt.wait(WAIT_LIMIT_MS); round++) {
        if ((this.#takeCauses() & cause) !== 0) return;
      }
      throw new Error(`the edu does not interrupt (cause 0x${cause.toString(16)})`);
    }
    const { cpu } = this.#pci;
    const deadlineNs = cpu.nowNs() + WAIT_LIMIT_MS * 1e6;
    for (;;) {
      // The time before the register: whoever is held up between the two has looked once more when the limit was over.
      const isLate = cpu.nowNs() > deadlineNs;
      if ((this.#bar.read32(register) & busyBit) === 0) return;
      if (isLate) throw new Error(`the edu stays busy (0x${register.toString(16)})`);
      cpu.relax();
    }
  }

  /** Acknowledges until none is left: INTx, held up by a cause that came in between, would not rise again. */
  #takeCauses(): number {
    let taken = 0;
    for (let round = 0; round < ROUND_LIMIT; round++) {
      const raised = this.#bar.read32(INTERRUPT_STATUS);
      if (raised === 0) return taken;
      this.#bar.write32(INTERRUPT_ACKNOWLEDGE, raised);
      taken |= raised;
    }
    throw new Error("the edu's causes do not clear");
  }
}
