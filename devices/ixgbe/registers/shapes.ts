/** How the register families of this card are laid out, and the few kinds of declaration that recur on its pages. */

import { type Register, type RegisterOptions, register } from "../../../emulator/registers/declare.ts";

/** `register`, which keeps the names of the fields in its type. Called so where they are what the declaration is about. */
export { type FieldedRegister, register as fielded } from "../../../emulator/registers/declare.ts";

/** One register for each of the 128 receive queues: 0–63 in 0x01000–0x01fff, 64–127 in 0x0d000–0x0dfff. */
export function receiveQueues(offset: number): Pick<RegisterOptions, "offset" | "count" | "stride" | "more"> {
  return { offset, count: 64, stride: 0x40, more: [{ offset: offset + 0xc000, count: 64, stride: 0x40 }] };
}

/** One register for each of the 128 transmit queues. */
export function transmitQueues(offset: number): Pick<RegisterOptions, "offset" | "count" | "stride"> {
  return { offset, count: 128, stride: 0x40 };
}

type Extra = Omit<RegisterOptions, "offset" | "about" | "access"> & Partial<Pick<RegisterOptions, "access">>;

/**
 * A counter: reading clears it, and at its largest value it stays (8.2.3.23). Raw memory cannot see a read, so a driver
 * that maps the BAR reads a running total.
 */
export function counter(name: string, offset: number, about: string, extra: Extra = {}): Register {
  return register(name, { offset, access: ["ro", "rc"], mirror: "exact", about, ...extra });
}

/**
 * The low half of an octet counter. Reading it has no effect: it must be read first, and the read of the high half
 * clears both.
 */
export function counterLow(name: string, offset: number, about: string, extra: Extra = {}): Register {
  return register(name, { offset, access: "ro", mirror: "exact", about, ...extra });
}

/** Kept and read back, with nothing behind it that a driver could miss: drivers write it as a matter of routine. */
export function stored(name: string, offset: number, about: string, extra: Extra = {}): Register {
  return register(name, { offset, access: "rw", modelled: "partly", about, ...extra });
}

/** Kept and read back, but whoever touches it expects a feature that the model does not have. */
export function absent(name: string, offset: number, about: string, extra: Extra = {}): Register {
  return register(name, { offset, access: "rw", modelled: "not-modelled", about, ...extra });
}
