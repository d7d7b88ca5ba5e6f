/**
 * Finding a capability as a driver does, over any means of reading configuration space. The lists come from a device,
 * which may be hostile, broken or gone: every walk is bounded, and a loop ends as "not found".
 */

import { CAPABILITIES_POINTER, STATUS, STATUS_CAPABILITIES_LIST } from "./config-header.ts";
import type { ConfigWidth } from "./config-image.ts";

/** Reads one, two or four bytes of configuration space as an unsigned number; all ones when nobody answers. */
export type ConfigRead = (offset: number, byteLength: ConfigWidth) => number;

/** Writes one, two or four bytes of configuration space. */
export type ConfigWrite = (offset: number, byteLength: ConfigWidth, value: number) => void;

// As many dword-aligned capabilities as fit behind the header, at their smallest size.
const CAPABILITY_COUNT_MAX = (0x0100 - 0x0040) / 4;
const EXTENDED_CAPABILITY_COUNT_MAX = (0x1000 - 0x0100) / 4;

/**
 * Byte offset of the first capability with this id (PCI 3.0, 6.7), or 0 when there is none.
 *
 * @param after offset of a capability to look behind, for ids that occur more than once (vendor-specific, 0x09)
 */
export function findCapability(read: ConfigRead, id: number, after = 0): number {
  if (after === 0 && (read(STATUS, 2) & STATUS_CAPABILITIES_LIST) === 0) return 0;
  let pointer = read(after === 0 ? CAPABILITIES_POINTER : after + 1, 1) & 0xfc;
  for (let count = 0; count < CAPABILITY_COUNT_MAX; count++) {
    // Below 0x0040 is the header: 0 ends the list, anything else is a broken link.
    if (pointer < 0x40) return 0;
    const header = read(pointer, 2);
    // All ones: the device is gone.
    if (header === 0xffff) return 0;
    if ((header & 0xff) === id) return pointer;
    pointer = (header >>> 8) & 0xfc;
  }
  return 0;
}

/**
 * Byte offset of the first extended capability with this id (PCI Express 3.0, 7.9), or 0 when there is none.
 *
 * @param after offset of an extended capability to look behind
 */
export function findExtendedCapability(read: ConfigRead, id: number, after = 0): number {
  let offset = after === 0 ? 0x0100 : nextExtended(read(after, 4));
  for (let count = 0; count < EXTENDED_CAPABILITY_COUNT_MAX; count++) {
    if (offset < 0x0100) return 0;
    const header = read(offset, 4);
    // Zero: no extended capabilities. All ones: no extended space, or the device is gone.
    if (header === 0 || header === 0xffffffff) return 0;
    if ((header & 0xffff) === id) return offset;
    offset = nextExtended(header);
  }
  return 0;
}

function nextExtended(header: number): number {
  return (header >>> 20) & 0xffc;
}
