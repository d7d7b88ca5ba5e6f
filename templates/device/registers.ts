/**
 * The registers of template-device, in the order of its data sheet (DATASHEET.md). What an access does by itself is
 * declared here; what the device does about it is in template-device.ts.
 */

import { bit, bits, type Field, type Register, RegisterMap, register } from "../../emulator/index.ts";

export const BAR0_BYTE_LENGTH = 0x1000;

export const IDENTIFICATION: Register = register("IDENTIFICATION", {
  offset: 0x0000,
  access: "ro",
  reset: 0x7a11_0001,
  about: "What the device is, and its version in the low byte.",
});

export const ENABLE: Field = bit(0, "rw", "Runs the queues. Setting it begins at entry 0, phase 1, total 0.");
export const INTERRUPT: Field = bit(1, "rw", "Sends MSI-X message 0 behind each completion.");
export const CONTROL: Register = register("CONTROL", {
  offset: 0x0004,
  access: "rw",
  fields: { ENABLE, INTERRUPT },
  owner: "both",
  about: "Queues and interrupt on and off.",
});

export const HALTED: Field = bit(0, "ro", "A DMA request failed; clearing CONTROL.ENABLE clears it.");
export const STATUS: Register = register("STATUS", {
  offset: 0x0008,
  access: "ro",
  fields: { HALTED },
  about: "State of the queues.",
});

const PAGE: Field = bits(31, 12, "rw", "Bits 31:12; the ring begins on a page.");
export const COMMANDS_LOW: Register = register("COMMANDS_LOW", {
  offset: 0x0010,
  access: "rw",
  fields: { PAGE },
  about: "Address of the command ring, low half.",
});
export const COMMANDS_HIGH: Register = register("COMMANDS_HIGH", {
  offset: 0x0014,
  access: "rw",
  about: "Address of the command ring, high half.",
});
export const COMPLETIONS_LOW: Register = register("COMPLETIONS_LOW", {
  offset: 0x0018,
  access: "rw",
  fields: { PAGE },
  about: "Address of the completion ring, low half.",
});
export const COMPLETIONS_HIGH: Register = register("COMPLETIONS_HIGH", {
  offset: 0x001c,
  access: "rw",
  about: "Address of the completion ring, high half.",
});
export const ENTRIES: Field = bits(7, 0, "rw", "2 to 255.");
export const ENTRY_COUNT: Register = register("ENTRY_COUNT", {
  offset: 0x0020,
  access: "rw",
  fields: { ENTRIES },
  about: "Entries of each ring.",
});

/** The driver owns it. */
export const TAIL: Register = register("TAIL", {
  offset: 0x0024,
  access: "rw",
  owner: "both",
  mirror: "doorbell",
  about: "The entry behind the last command. Writing it is the doorbell.",
});
/** The device owns it. */
export const HEAD: Register = register("HEAD", {
  offset: 0x0028,
  access: "ro",
  about: "The next command that the device takes.",
});
export const TOTAL: Register = register("TOTAL", {
  offset: 0x002c,
  access: "ro",
  about: "Sum of all commands so far, modulo 2^32.",
});

export const REGISTERS: RegisterMap = new RegisterMap(BAR0_BYTE_LENGTH, [
  IDENTIFICATION,
  CONTROL,
  STATUS,
  COMMANDS_LOW,
  COMMANDS_HIGH,
  COMPLETIONS_LOW,
  COMPLETIONS_HIGH,
  ENTRY_COUNT,
  TAIL,
  HEAD,
  TOTAL,
]);
