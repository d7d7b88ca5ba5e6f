/** The filter space of each port: buffers, and the rules that choose one. Write-only, as on the card. */

import { type Register, register } from "../../../emulator/registers/declare.ts";
import { FILTER_BUFFER_COUNT, RULE_COUNT } from "./shapes.ts";

/** Bytes of a frame that rules of each kind look at, and what each byte may be. */
export const MAC_RULE_BYTE_COUNT = 10;
export const IP_RULE_BYTE_COUNT = 13;
export const BYTE_VALUE_COUNT = 256;

const FILTERS_AT = 0x0040_0000;
const FILTERS_STRIDE = 0x0010_0000;

/** A table of each port in the filter space: the elements of port 0, then those of port 1. */
function filterTable(name: string, at: number, count: number, stride: number, about: string): Register {
  const more = [{ offset: FILTERS_AT + FILTERS_STRIDE + at, count, stride }];
  return register(name, { offset: FILTERS_AT + at, count, stride, more, access: "wo", mirror: "strobe", about });
}

// ---- 0x400000: steering -----------------------------------------------------------------------------------------------

export const BUFFER_BASE_HI: Register = filterTable(
  "BUFFER_BASE_HI",
  0x00000,
  FILTER_BUFFER_COUNT,
  8,
  "Upper half of the address of each buffer, port by port.",
);

export const BUFFER_BASE_LO: Register = filterTable(
  "BUFFER_BASE_LO",
  0x00004,
  FILTER_BUFFER_COUNT,
  8,
  "Lower half, with the address format in bit 0. The buffer begins anew with this write.",
);

export const MAC_RULE_BUFFER: Register = filterTable(
  "MAC_RULE_BUFFER",
  0x20000,
  RULE_COUNT,
  4,
  "The buffer of each MAC rule.",
);

export const IP_RULE_BUFFER: Register = filterTable(
  "IP_RULE_BUFFER",
  0x20400,
  RULE_COUNT,
  4,
  "The buffer of each IP rule.",
);

/** Every byte of what is looked at selects a word by its value; a rule matches when all words have its bit. */
export const MAC_RULES: Register = filterTable(
  "MAC_RULES",
  0x40000,
  MAC_RULE_BYTE_COUNT * BYTE_VALUE_COUNT,
  0x20,
  "By byte and its value, 256 words a byte: the rules that this value fits, a bit each. Bytes as they come: destination 0–5, EtherType 6–7; then the low 8 bits of the VLAN, and 0x10 with its upper 4 if there is a tag.",
);

export const IP_RULES: Register = filterTable(
  "IP_RULES",
  0x60000,
  IP_RULE_BYTE_COUNT * BYTE_VALUE_COUNT,
  0x20,
  "The same for IPv4. Bytes: destination port 0–1, source port 2–3, destination address 4–7, source address 8–11, protocol 12; each field as it comes.",
);

export const STEERING_REGISTERS: readonly Register[] = [
  BUFFER_BASE_HI,
  BUFFER_BASE_LO,
  MAC_RULE_BUFFER,
  IP_RULE_BUFFER,
  MAC_RULES,
  IP_RULES,
];
