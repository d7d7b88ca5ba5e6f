/** 802.1Q tags (data sheet 7.4): the four bytes behind the addresses, stripped on receive and inserted on transmit. */

import { copyMemory, type MemoryView } from "../../emulator/memory/memory-view.ts";
import { VLAN_TAG_BYTE_LENGTH } from "../../emulator/wire/frame.ts";

/** Destination and source address: what is before a tag. */
const ADDRESSES_BYTE_LENGTH = 12;
/** A name of this module: the engine folds it, and looks a sum of another module's up. */
const SHORTEST_TAGGED_BYTES: number = ADDRESSES_BYTE_LENGTH + VLAN_TAG_BYTE_LENGTH;

/** Tag control information of a frame whose EtherType is `vlanType`; -1 when it has no such tag. */
export function tagOf(bytes: Uint8Array, offset: number, byteLength: number, vlanType: number): number {
  if (byteLength < SHORTEST_TAGGED_BYTES) return -1;
  const at = (offset + ADDRESSES_BYTE_LENGTH) | 0;
  if ((((bytes[at] as number) << 8) | (bytes[(at + 1) | 0] as number)) !== vlanType) return -1;
  return ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

/** Copies a tagged frame without its tag; returns the number of bytes. */
export function copyWithoutTag(
  to: MemoryView,
  toOffset: number,
  from: MemoryView,
  fromOffset: number,
  byteLength: number,
): number {
  const behindTag = ADDRESSES_BYTE_LENGTH + VLAN_TAG_BYTE_LENGTH;
  copyMemory(to, toOffset, from, fromOffset, ADDRESSES_BYTE_LENGTH);
  copyMemory(to, toOffset + ADDRESSES_BYTE_LENGTH, from, fromOffset + behindTag, byteLength - behindTag);
  return byteLength - VLAN_TAG_BYTE_LENGTH;
}

/**
 * Inserts a tag into the frame at `offset`, which has four free bytes in front of it: the addresses move there. Returns
 * the new offset.
 */
export function insertTag(bytes: Uint8Array, offset: number, vlanType: number, tci: number): number {
  const start = offset - VLAN_TAG_BYTE_LENGTH;
  for (let index = 0; index < ADDRESSES_BYTE_LENGTH; index++) bytes[start + index] = bytes[offset + index] as number;
  const at = start + ADDRESSES_BYTE_LENGTH;
  bytes[at] = vlanType >>> 8;
  bytes[at + 1] = vlanType;
  bytes[at + 2] = tci >>> 8;
  bytes[at + 3] = tci;
  return start;
}
