/**
 * What a folder of a served device holds, for processes that map memory: `control`, `dma` and one `bar<n>` for each BAR
 * with registers. `include/softbar.h` beside this file is the other side of it.
 */

/** "SBSM". */
export const SHM_MAGIC = 0x4d534253;
export const SHM_VERSION = 2;
export const CONTROL_BYTES = 4096;

/**
 * Bytes of `control` that are locked for as long as somebody has the device: one by its client, one by its server. The
 * kernel frees the lock of a process that dies, and numbers of processes tell nothing beyond their own container.
 */
export const CLIENT_LOCK = 0;
export const SERVER_LOCK = 1;

// Words of `control`. Each has one writer, but for REQUEST and ASLEEP, which the other side clears, and CLIENT and LOST.
/** Gone when the server has ended in good order. */
export const MAGIC = 0;
export const VERSION = 1;
/** Bytes of `dma`, a multiple of the page. */
export const DMA_BYTES = 2;
/** Where the device finds its first byte: low and high word. */
export const DMA_BASE_LOW = 3;
export const DMA_BASE_HIGH = 4;
/** Process number of the client, for people; 0 when there is none. One that dies leaves it behind. */
export const CLIENT = 16;
/** A client asks for a function-level reset by 1; the device has done it when it is 0 again. */
export const REQUEST = 17;
/** Counts the clients that came. */
export const CLIENT_COUNT = 18;
/** Counts those that went without a word: whoever takes such a one's number out counts it. */
export const LOST_COUNT = 19;
/** 1 while the device sleeps: whoever stores into a BAR then wakes it through this word (futex). */
export const ASLEEP = 32;
/** Counts resets: of one that a client did not ask for, it knows that its device began anew. */
export const GENERATION = 48;
/** Counts the device's looks at its BARs: a client that waits for a register waits for looks too, not for time alone. */
export const LOOKS = 56;
/** Six words: bytes of each BAR that can be mapped, 0 for the others. */
export const BAR_BYTES = 64;
