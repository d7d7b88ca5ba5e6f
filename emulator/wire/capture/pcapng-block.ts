/** The blocks of pcapng that a reader needs, how short each can be, and what is said of an impossible one. */

import { CaptureError, hexOffset } from "./capture-error.ts";

export const PCAPNG_SECTION_HEADER = 0x0a0d_0d0a;
export const PCAPNG_BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
export const PCAPNG_INTERFACE_DESCRIPTION = 0x0000_0001;
/** Of 2004; interface and drop count share the first word. Some old files still have it. */
const PCAPNG_OBSOLETE_PACKET = 0x0000_0002;
export const PCAPNG_SIMPLE_PACKET = 0x0000_0003;
export const PCAPNG_INTERFACE_STATISTICS = 0x0000_0005;
export const PCAPNG_ENHANCED_PACKET = 0x0000_0006;

/** Shortest lengths, framing (type, total length, total length again) included and without options. */
export const SECTION_HEADER_MIN_BYTE_LENGTH = 28;
export const PACKET_MIN_BYTE_LENGTH = 32;
export const SIMPLE_PACKET_MIN_BYTE_LENGTH = 16;
const INTERFACE_MIN_BYTE_LENGTH = 20;
const STATISTICS_MIN_BYTE_LENGTH = 24;
/** A statistics block has some hundred bytes; a longer one is passed over, for no memory should wait for it. */
const STATISTICS_MAX_BYTE_LENGTH = 64 * 1024;
const BLOCK_MIN_BYTE_LENGTH = 12;

/** Blocks that hold a frame. */
export function isPacketBlock(type: number): boolean {
  return type === PCAPNG_ENHANCED_PACKET || type === PCAPNG_SIMPLE_PACKET || type === PCAPNG_OBSOLETE_PACKET;
}

/** Blocks whose content is needed; all others stream past. */
export function isHeldWhole(type: number, totalByteLength: number): boolean {
  if (type === PCAPNG_INTERFACE_STATISTICS) {
    return totalByteLength >= STATISTICS_MIN_BYTE_LENGTH && totalByteLength <= STATISTICS_MAX_BYTE_LENGTH;
  }
  return type === PCAPNG_INTERFACE_DESCRIPTION || isPacketBlock(type);
}

export function minBlockByteLength(type: number): number {
  if (type === PCAPNG_ENHANCED_PACKET || type === PCAPNG_OBSOLETE_PACKET) return PACKET_MIN_BYTE_LENGTH;
  if (type === PCAPNG_INTERFACE_DESCRIPTION) return INTERFACE_MIN_BYTE_LENGTH;
  if (type === PCAPNG_SIMPLE_PACKET) return SIMPLE_PACKET_MIN_BYTE_LENGTH;
  if (type === PCAPNG_SECTION_HEADER) return SECTION_HEADER_MIN_BYTE_LENGTH;
  return BLOCK_MIN_BYTE_LENGTH;
}

/** A length that such a block cannot have, or (`detail`) that does not fit what is in it. */
export function blockLengthError(
  name: string,
  fileOffset: number,
  type: number,
  totalByteLength: number,
  detail: string,
): CaptureError {
  return new CaptureError(
    `${name}: the block of type ${hexOffset(type)} at file offset ${hexOffset(fileOffset)} has the impossible length ` +
      `${totalByteLength}${detail}; the file is damaged there.`,
    fileOffset,
  );
}

/** The two copies of a block's length differ. */
export function blockTrailerError(
  name: string,
  fileOffset: number,
  type: number,
  totalByteLength: number,
  trailer: number,
): CaptureError {
  return new CaptureError(
    `${name}: the block of type ${hexOffset(type)} at file offset ${hexOffset(fileOffset)} says at its start that it ` +
      `has ${totalByteLength} bytes and at its end that it has ${trailer}; the file is damaged there.`,
    fileOffset,
  );
}
