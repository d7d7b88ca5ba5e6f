/** What registers of several files share: sizes, and how a register of each port is declared. */

import { bit, bits, type Field, type FieldedRegister, register } from "../../../emulator/registers/declare.ts";

export const PORT_COUNT = 2;
export const BAR0_BYTE_LENGTH = 0x0080_0000;
/** BAR2, shared out among the ports in equal parts. */
export const TX_REGION_BYTE_LENGTH = 0x0004_0000;
export const TX_PORT_BYTE_LENGTH: number = TX_REGION_BYTE_LENGTH / PORT_COUNT;

/** Further buffers of a port, beside the one that takes what nothing steers. */
export const FILTER_BUFFER_COUNT = 32;
/** Rules of each kind of a port. Newer firmware has more; a driver reads the numbers. */
export const RULE_COUNT = 32;
export const HASH_FUNCTION_COUNT = 3;
/** Cycles a second of the clock that HW_TIME counts. */
export const CLOCK_HZ = 161_132_812;

/** Of every address register: the page, and which of the two request formats goes there. */
export const ADDRESS_FIELDS: { readonly PAGE: Field; readonly BELOW_PAGE: Field; readonly IS_32_BIT: Field } = {
  PAGE: bits(31, 12, "rw", "The region begins on a page."),
  BELOW_PAGE: bits(11, 1, "ro", "The card takes them for 0."),
  IS_32_BIT: bit(0, "rw", "1 for an address below 4 GiB, 0 for one above."),
};

/** One register of each port. */
export function perPort<Names extends string = string>(
  name: string,
  index: number,
  options: Omit<Parameters<typeof register<Names>>[1], "offset" | "count" | "stride">,
  [base, stride]: readonly [base: number, stride: number] = [0x0200, 0x40],
): FieldedRegister<Names> {
  return register<Names>(name, { ...options, offset: base + 4 * index, count: PORT_COUNT, stride });
}
