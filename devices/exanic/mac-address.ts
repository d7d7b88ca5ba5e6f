import { parseMacAddress } from "../ixgbe/eeprom.ts";

/**
 * The two words in which a port's address stands in the registers: its first three bytes and its last three, the first of
 * each lowest. Port n has the address n behind that of port 0. Throws RangeError for a text that is no unicast address.
 */
export function macWords(text: string, portIndex: number): readonly [oui: number, nic: number] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = parseMacAddress(text);
  const last = ((d << 16) | (e << 8) | f) + portIndex;
  return [a | (b << 8) | (c << 16), ((last >> 16) & 0xff) | (last & 0xff00) | ((last & 0xff) << 16)];
}
