/**
 * The registers of the edu device, in the order of its data sheet (DATASHEET.md, "Registers"). Everything that an access
 * does by itself is declared here; what the card does about it is in edu.ts.
 */

import { bit, type Field, type Register, register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";

export const BAR0_BYTE_LENGTH = 0x0010_0000;

export const IDENTIFICATION: Register = register("IDENTIFICATION", {
  offset: 0x0000,
  access: "ro",
  reset: 0x0100_00ed,
  about: "Major version, minor version, zero, 0xed: 0xRRrr00ed.",
});

export const LIVENESS: Register = register("LIVENESS", {
  offset: 0x0004,
  access: "rw",
  owner: "both",
  about: "Reads as the complement of what was written.",
});

export const FACTORIAL: Register = register("FACTORIAL", {
  offset: 0x0008,
  access: "rw",
  owner: "both",
  about: "Write n; when STATUS.COMPUTING has gone, it holds n! modulo 2^32. A write before that is dropped.",
});

export const COMPUTING: Field = bit(0, "ro", "A factorial is being computed.");
export const INTERRUPT_WHEN_COMPUTED: Field = bit(7, "rw", "Raise cause 0x001 at the end of the computation.");
export const STATUS: Register = register("STATUS", {
  offset: 0x0020,
  access: "rw",
  fields: { COMPUTING, INTERRUPT_WHEN_COMPUTED },
  owner: "both",
  about: "State of the factorial engine.",
});

/** The card's own causes. A driver that raises interrupts itself may use any bit. */
export const FACTORIAL_COMPUTED = 0x0001;
export const DMA_COMPLETE = 0x0100;
export const INTERRUPT_STATUS: Register = register("INTERRUPT_STATUS", {
  interrupt: "cause",
  offset: 0x0024,
  access: "ro",
  about: "Causes that were raised and not acknowledged: 0x001 factorial computed, 0x100 DMA complete, or the driver's.",
});

export const INTERRUPT_RAISE: Register = register("INTERRUPT_RAISE", {
  offset: 0x0060,
  access: "wo",
  mirror: "strobe",
  about: "Adds the bits to INTERRUPT_STATUS and interrupts.",
});

export const INTERRUPT_ACKNOWLEDGE: Register = register("INTERRUPT_ACKNOWLEDGE", {
  interrupt: "acknowledge",
  offset: 0x0064,
  access: "wo",
  mirror: "strobe",
  about: "Takes the bits out of INTERRUPT_STATUS; INTx falls when none is left.",
});

export const DMA_SOURCE: Register = register("DMA_SOURCE", {
  offset: 0x0080,
  width: 64,
  access: "rw",
  about: "Address to read from: an IOVA, or one of the card's buffer (0x40000–0x40fff).",
});

export const DMA_DESTINATION: Register = register("DMA_DESTINATION", {
  offset: 0x0088,
  width: 64,
  access: "rw",
  about: "Address to write to: one of the card's buffer (0x40000–0x40fff), or an IOVA.",
});

export const DMA_COUNT: Register = register("DMA_COUNT", {
  offset: 0x0090,
  width: 64,
  access: "rw",
  about: "Bytes to move.",
});

export const START: Field = bit(0, "sc", "Starts the transfer; reads 1 until it is complete.");
export const TO_HOST: Field = bit(1, "rw", "0: host memory to card. 1: card to host memory.");
export const INTERRUPT_WHEN_COMPLETE: Field = bit(2, "rw", "Raise cause 0x100 at the end of the transfer.");
export const DMA_COMMAND: Register = register("DMA_COMMAND", {
  offset: 0x0098,
  width: 64,
  access: "rw",
  fields: { START, TO_HOST, INTERRUPT_WHEN_COMPLETE },
  owner: "both",
  mirror: "doorbell",
  about: "Starts a transfer. A write without START does nothing; while one runs, writes to 0x0080–0x009f are dropped.",
});

/** The answer where there is none: no register, a write-only one, a wrong width. */
export const ALL_ONES = -1;

export const EDU_REGISTERS: RegisterMap = new RegisterMap(
  BAR0_BYTE_LENGTH,
  [
    IDENTIFICATION,
    LIVENESS,
    FACTORIAL,
    STATUS,
    INTERRUPT_STATUS,
    INTERRUPT_RAISE,
    INTERRUPT_ACKNOWLEDGE,
    DMA_SOURCE,
    DMA_DESTINATION,
    DMA_COUNT,
    DMA_COMMAND,
  ],
  ALL_ONES,
);
