import { ALL, type Mutant } from "./mutant.ts";

const file = "edu.ts";

/** Mistakes in the tutorial driver. */
export const EDU_MUTANTS: readonly Mutant[] = [
  {
    name: "edu-factorial-not-awaited",
    file,
    find: "    this.#finish(CAUSE_FACTORIAL, STATUS, STATUS_COMPUTING);\n",
    replace: "",
    mistake: "the result is read before the card has it",
    wrongIn: ALL,
    workload: "edu-poll",
  },
  {
    name: "edu-wrong-busy-bit",
    file,
    find: "this.#finish(CAUSE_DMA, DMA_COMMAND, COMMAND_START);",
    replace: "this.#finish(CAUSE_DMA, DMA_COMMAND, COMMAND_INTERRUPT);",
    mistake: "waits for a bit that is never set",
    wrongIn: ALL,
    workload: "edu-poll",
  },
  {
    name: "edu-wrong-cause",
    file,
    find: "const CAUSE_DMA = 0x100;",
    replace: "const CAUSE_DMA = 0x200;",
    mistake: "takes the interrupt of a copy for another one",
    wrongIn: ALL,
    workload: "edu-msi",
  },
  {
    name: "edu-not-acknowledged",
    file,
    find: "      this.#bar.write32(INTERRUPT_ACKNOWLEDGE, raised);\n      taken |= raised;",
    replace: "      taken |= raised;\n      return taken;",
    mistake: "causes are taken but not acknowledged: the line stays up, and the next wait ends at once",
    wrongIn: ALL,
    workload: "edu-intx",
  },
  {
    name: "edu-command-before-count",
    file,
    find: `    this.#bar.write64(DMA_COUNT, BigInt(byteLength));
    // The doorbell. Writes arrive in order, and behind what this CPU stored to memory: the card finds all of it.
    this.#bar.write32(DMA_COMMAND, command | (this.#interrupt === undefined ? 0 : COMMAND_INTERRUPT));`,
    replace: `    this.#bar.write32(DMA_COMMAND, command | (this.#interrupt === undefined ? 0 : COMMAND_INTERRUPT));
    this.#bar.write64(DMA_COUNT, BigInt(byteLength));`,
    mistake: "the doorbell is rung before the count is set",
    wrongIn: ALL,
    workload: "edu-poll",
  },
  {
    name: "edu-buffer-after-doorbell",
    file,
    find: `    this.#buffer.copyFrom(0, bytes, 0, bytes.length);
    this.#transfer(this.#buffer.iova, CARD_BUFFER + cardOffset, bytes.length, COMMAND_START);`,
    replace: `    this.#transfer(this.#buffer.iova, CARD_BUFFER + cardOffset, bytes.length, COMMAND_START);
    this.#buffer.copyFrom(0, bytes, 0, bytes.length);`,
    mistake: "the data is written when the card has copied it already",
    wrongIn: ALL,
    workload: "edu-poll",
  },
  {
    name: "edu-relaxed-doorbell",
    file,
    find: "this.#bar.write32(DMA_COMMAND, command | (this.#interrupt === undefined ? 0 : COMMAND_INTERRUPT));",
    replace:
      "this.#bar.writeRelaxed32(DMA_COMMAND, command | (this.#interrupt === undefined ? 0 : COMMAND_INTERRUPT));",
    mistake: "the doorbell may overtake the data",
    wrongIn: [],
    argument:
      "The registers before it are written with write64, which is ordered behind the stores of the data; posted writes keep their order among themselves, so the relaxed one is behind the data too.",
    workload: "edu-poll",
  },
  {
    name: "edu-freed-under-dma",
    file,
    find: `    this.#transfer(CARD_BUFFER + cardOffset, this.#buffer.iova, bytes.length, COMMAND_START | COMMAND_TO_HOST);
    this.#buffer.copyTo(0, bytes, 0, bytes.length);`,
    replace: `    this.#bar.write64(DMA_SOURCE, BigInt(CARD_BUFFER + cardOffset));
    this.#bar.write64(DMA_DESTINATION, BigInt(this.#buffer.iova));
    this.#bar.write64(DMA_COUNT, BigInt(bytes.length));
    this.#bar.write32(DMA_COMMAND, COMMAND_START | COMMAND_TO_HOST);
    this.#buffer.copyTo(0, bytes, 0, bytes.length);`,
    mistake: "the copy is not waited for: its buffer is read too early, and unmapped under it",
    wrongIn: ALL,
    workload: "edu-poll",
  },
];
