/**
 * The frame check sequence of Ethernet (IEEE 802.3, 3.2.9): CRC-32 with the reflected polynomial 0xEDB88320, register
 * preset to all ones, result complemented, sent least significant byte first. Slicing by eight (Kounavis and Berry,
 * 2005): eight table look-ups advance eight bytes.
 */

import type { MemoryView } from "../memory/memory-view.ts";

/** Bytes of the frame check sequence at the end of a frame. */
export const FCS_BYTE_LENGTH = 4;

/** CRC-32 over a frame together with its own correct FCS, whatever the frame (the complement of residue 0xDEBB20E3). */
const CRC_OF_FRAME_WITH_FCS = 0x2144_df1c;

// One array for the eight tables: table k, entry b at [k * 256 + b] is the effect of byte b followed by k zero bytes.
const TABLES: Int32Array = buildTables();

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0xedb8_8320 : register >>> 1;
    tables[byte] = register;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256] as number;
    tables[index] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}

/**
 * CRC-32 over `byteLength` bytes at `offset`, as a signed word (`>>> 0` gives the usual unsigned spelling; signed,
 * because V8 keeps it out of the heap). `previous` is the result over the bytes before these, for data that lies in
 * pieces. The caller answers for the range lying inside the array.
 */
export function crc32(bytes: Uint8Array, offset: number, byteLength: number, previous = 0): number {
  const tables = TABLES;
  const end = offset + byteLength;
  let register = ~previous;
  let at = offset;
  for (const lastEight = end - 8; at <= lastEight; at += 8) {
    const low =
      register ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    register =
      (tables[0x700 + (low & 0xff)] as number) ^
      (tables[0x600 + ((low >>> 8) & 0xff)] as number) ^
      (tables[0x500 + ((low >>> 16) & 0xff)] as number) ^
      (tables[0x400 + (low >>> 24)] as number) ^
      (tables[0x300 + (bytes[at + 4] as number)] as number) ^
      (tables[0x200 + (bytes[at + 5] as number)] as number) ^
      (tables[0x100 + (bytes[at + 6] as number)] as number) ^
      (tables[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) {
    register = (register >>> 8) ^ (tables[(register ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~register;
}

/** {@link crc32} over a piece of memory: by words where `offset` is a multiple of 4, in little more than half of the time. */
export function crc32OfMemory(memory: MemoryView, offset: number, byteLength: number): number {
  if ((offset & 3) !== 0) return crc32(memory.bytes, offset, byteLength);
  const tables = TABLES;
  const { words } = memory;
  const end = (offset + byteLength) >> 2;
  let register = -1;
  let at = offset >> 2;
  for (; ((at + 1) | 0) < end; at = (at + 2) | 0) {
    const low = register ^ (words[at] as number);
    const high = words[(at + 1) | 0] as number;
    // In brackets: the half that does not wait for the register of the round before comes first.
    const ofHigh =
      (tables[0x300 + (high & 0xff)] as number) ^
      (tables[0x200 + ((high >>> 8) & 0xff)] as number) ^
      (tables[0x100 + ((high >>> 16) & 0xff)] as number) ^
      (tables[high >>> 24] as number);
    register =
      (tables[0x700 + (low & 0xff)] as number) ^
      (tables[0x600 + ((low >>> 8) & 0xff)] as number) ^
      ((tables[0x500 + ((low >>> 16) & 0xff)] as number) ^ ((tables[0x400 + (low >>> 24)] as number) ^ ofHigh));
  }
  if (at < end) {
    const low = register ^ (words[at] as number);
    register =
      (tables[0x300 + (low & 0xff)] as number) ^
      (tables[0x200 + ((low >>> 8) & 0xff)] as number) ^
      ((tables[0x100 + ((low >>> 16) & 0xff)] as number) ^ (tables[low >>> 24] as number));
  }
  const done = (end << 2) - offset;
  return done === byteLength ? ~register : crc32(memory.bytes, end << 2, byteLength - done, ~register);
}

/** Puts the FCS of the frame of `byteLength` bytes at `offset` into the four bytes behind it. */
export function appendFcs(bytes: Uint8Array, offset: number, byteLength: number): void {
  const fcs = crc32(bytes, offset, byteLength);
  const at = offset + byteLength;
  bytes[at] = fcs;
  bytes[at + 1] = fcs >>> 8;
  bytes[at + 2] = fcs >>> 16;
  bytes[at + 3] = fcs >>> 24;
}

/** Whether the last four of `byteLength` bytes are the right FCS of those before them; false for fewer than five bytes. */
export function hasValidFcs(bytes: Uint8Array, offset: number, byteLength: number): boolean {
  return byteLength > FCS_BYTE_LENGTH && crc32(bytes, offset, byteLength) === CRC_OF_FRAME_WITH_FCS;
}
