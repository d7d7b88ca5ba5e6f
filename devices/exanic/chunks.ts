/** The two chunk formats: what the card writes into a receive region, and what a driver writes into the TX region (fifo_if.h). */

/** Bytes of one chunk of a receive region, and how many of them are payload. The info word takes the other eight. */
export const RX_CHUNK_BYTE_LENGTH = 128;
export const RX_PAYLOAD_BYTE_LENGTH = 120;
/** 2 MiB of chunks. */
export const RX_CHUNK_COUNT = 16_384;

/**
 * The info word, little-endian: timestamp in bytes 0–3, then status, length, matched filter, generation. Offsets count
 * from the start of the chunk. The upper half is what a reader polls.
 */
export const RX_TIMESTAMP_AT = 120;
export const RX_STATE_AT = 124;
/** Places in the upper half of the info word. */
export const RX_LENGTH_SHIFT = 8;
export const RX_FILTER_SHIFT = 16;
export const RX_GENERATION_SHIFT = 24;

/** What became of a frame, in the lower half of the status byte of its last chunk. */
export const RX_STATUS_OK = 0;
export const RX_STATUS_CORRUPT = 2;
export const RX_STATUS_HARDWARE_OVERFLOW = 3;
/** The upper half of the status byte says which kind of rule matched. */
export const RX_REGION_SHIFT = 4;
export const FILTER_REGION_MAC = 0;
export const FILTER_REGION_IP = 1;

/**
 * The header of a chunk in the TX region: feedback id u16, feedback slot u16 (bit 15: none wanted), length u16 of what
 * follows, type u8, flags u8. Two bytes of padding stand before the frame and are counted in the length.
 */
export const TX_HEADER_BYTE_LENGTH = 8;
export const TX_PADDING_BYTE_LENGTH = 2;
export const TX_NO_FEEDBACK = 0x8000;
export const TX_TYPE_RAW = 1;
export const TX_FEEDBACK_SLOT_COUNT = 256;
/** A chunk begins where this many bytes end. */
export const TX_CHUNK_ALIGNMENT = 8;
/** Bytes of a port's share of the TX region for each entry of its command queue. */
export const TX_BYTES_PER_COMMAND = 512;
