import { u16le } from "./little-endian.ts";

/**
 * Repeating groups of a message in Simple Binary Encoding ("FIX SBE 1.0", section 3.4), little-endian, as exchanges with 8-bit
 * entry counts write them: block length u16 and count u8; or, where a group is aligned, block length u16, 5 bytes of padding
 * and count u8. A cursor over groups, and over the entries of each. Entries are stepped by the block length on the wire, so
 * that fields of newer schemas at their end are passed over.
 */

export const SBE_GROUP_HEADER_BYTE_LENGTH = 3;
export const SBE_ALIGNED_GROUP_HEADER_BYTE_LENGTH = 8;

export class SbeGroups {
  /** Of each entry of the current group. */
  blockLength = 0;
  entryCount = 0;
  /** After `nextEntry`: where the entry begins. */
  entryOffset = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** Where the next group begins. */
  #cursor = 0;
  #entryIndex = 0;
  #firstEntry = 0;

  /** Begins behind a root block. `end` is the end of the message. */
  begin(bytes: Uint8Array, offset: number, end: number): void {
    this.#bytes = bytes;
    this.#cursor = offset;
    this.#end = end;
    this.entryCount = 0;
    this.blockLength = 0;
    this.#entryIndex = 0;
  }

  /** Moves to the next group, whatever of the current one was read. False where none follows, or none that fits. */
  nextGroup(headerByteLength: number): boolean {
    const at = this.#cursor;
    this.entryCount = 0;
    this.#entryIndex = 0;
    if (at + headerByteLength > this.#end) return false;
    const blockLength = u16le(this.#bytes, at);
    const entryCount = this.#bytes[at + headerByteLength - 1] as number;
    const firstEntry = at + headerByteLength;
    const behind = firstEntry + blockLength * entryCount;
    if (behind > this.#end) return false;
    this.blockLength = blockLength;
    this.entryCount = entryCount;
    this.#firstEntry = firstEntry;
    this.#cursor = behind;
    return true;
  }

  /** Moves to the next entry of the group; false behind the last. */
  nextEntry(): boolean {
    if (this.#entryIndex === this.entryCount) return false;
    this.entryOffset = this.#firstEntry + this.#entryIndex * this.blockLength;
    this.#entryIndex++;
    return true;
  }
}
