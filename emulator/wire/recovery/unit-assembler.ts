import { CboeUnitPacket } from "../feeds/cboe-unit.ts";
import { u16le } from "../feeds/little-endian.ts";

/** A unit's length is a u16. */
const UNIT_BYTE_LIMIT = 65_535;

/** Makes sequenced units out of the pieces of a byte stream. Copies each byte once, into memory of its own. */
export class UnitAssembler {
  readonly bytes: Uint8Array = new Uint8Array(2 * UNIT_BYTE_LIMIT);
  readonly packet: CboeUnitPacket = new CboeUnitPacket();
  /** What came cannot be units, so no further one can be found: the connection is of no use any more. */
  isBroken = false;
  #start = 0;
  #end = 0;

  /** Adds a piece of at most 65,535 bytes. All whole units before it must have been taken by {@link next}. */
  push(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (this.#end + byteLength > this.bytes.length) {
      this.bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    for (let at = 0; at < byteLength; at++) this.bytes[this.#end + at] = bytes[offset + at] as number;
    this.#end += byteLength;
  }

  /** Parses the next whole unit into {@link packet}; false when its end has not come, or when the stream is broken. */
  next(): boolean {
    const left = this.#end - this.#start;
    if (this.isBroken || left < 2) return false;
    const byteLength = u16le(this.bytes, this.#start);
    if (left < byteLength) return false;
    if (!this.packet.parse(this.bytes, this.#start, left)) {
      this.isBroken = true;
      return false;
    }
    this.#start += byteLength;
    return true;
  }
}
