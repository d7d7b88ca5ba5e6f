/**
 * Rules that bring the frames of a flow into a buffer of their own (pcie_if.h, "Packet filters"). The card has no list of
 * rules: for each of the 13 bytes that it looks at, protocol, addresses and ports, it has a word for every value that the
 * byte may have, with a bit for each rule that the value fits. A field that does not matter fits all values. The words
 * cannot be read back, so the driver remembers them.
 */

import type { ExanicDriver } from "./exanic.ts";
import * as reg from "./exanic-registers.ts";

/** What a rule looks for; a field that is left out may be anything. Addresses and ports are Numbers. */
export interface IpFlow {
  readonly protocol?: number;
  readonly sourceIp?: number;
  readonly destinationIp?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export class ExanicSteering {
  readonly #driver: ExanicDriver;
  /** By byte and value: what was written. */
  readonly #words = new Int32Array(reg.IP_RULE_BYTE_COUNT * 256);

  constructor(driver: ExanicDriver) {
    this.#driver = driver;
  }

  /** Frames of the flow go to `buffer` from now on: the buffer first, so that no frame finds the rule without it. */
  add(rule: number, flow: IpFlow, buffer: number): void {
    const { bar, port } = this.#driver;
    bar.write32(reg.IP_RULE_BUFFER(port, rule), buffer);
    const bytes = [
      ...bytesOf(flow.destinationPort, 2),
      ...bytesOf(flow.sourcePort, 2),
      ...bytesOf(flow.destinationIp, 4),
      ...bytesOf(flow.sourceIp, 4),
      ...bytesOf(flow.protocol, 1),
    ];
    for (const [byteNumber, wanted] of bytes.entries()) {
      for (let value = 0; value < 256; value++) {
        if (wanted === undefined || wanted === value) this.#set(byteNumber, value, 1 << rule);
      }
    }
  }

  #set(byteNumber: number, value: number, bits: number): void {
    const { bar, port } = this.#driver;
    const at = byteNumber * 256 + value;
    const word = (this.#words[at] as number) | bits;
    this.#words[at] = word;
    bar.write32(reg.IP_RULE_WORD(port, byteNumber, value), word >>> 0);
  }
}

/** The bytes of a field as they come on the wire; undefined bytes where it does not matter. */
function bytesOf(value: number | undefined, byteLength: number): (number | undefined)[] {
  return Array.from({ length: byteLength }, (_, index) => {
    return value === undefined ? undefined : Math.floor(value / 256 ** (byteLength - 1 - index)) % 256;
  });
}
