/**
 * What the wire allows: how long a frame occupies an Ethernet link, and how many fit into a second (IEEE 802.3, 4.2).
 * Frame lengths count from the destination address to the last byte of payload or padding, without the FCS, as a driver
 * hands them over and captures store them.
 */

/** Shortest frame without FCS; the MAC pads what is shorter. */
export const MIN_FRAME_BYTE_LENGTH = 60;
/** Longest untagged frame without FCS: 14 bytes of header and an MTU of 1500. */
export const MAX_STANDARD_FRAME_BYTE_LENGTH = 1514;
/** FCS 4, preamble and start delimiter 8, shortest gap to the next frame 12. */
export const FRAME_OVERHEAD_BYTE_LENGTH = 24;

const NS_PER_SECOND = 1e9;

/** Bytes of link time that a frame of `byteLength` takes, padding, FCS, preamble and gap included. */
export function wireByteLength(byteLength: number): number {
  return Math.max(byteLength, MIN_FRAME_BYTE_LENGTH) + FRAME_OVERHEAD_BYTE_LENGTH;
}

/**
 * Picoseconds of link time that a frame takes: an integer at every rate that Ethernet has (1, 2.5, 5, 10, 25, 40, 50,
 * 100, 200, 400 Gb/s), so that a sum over millions of frames drifts by nothing. Not rounded: at other rates, say 3 Gb/s,
 * it is a fraction.
 */
export function wireTimePs(byteLength: number, gigabitsPerSecond: number): number {
  return (wireByteLength(byteLength) * 8000) / gigabitsPerSecond;
}

/** Nanoseconds of link time that a frame takes, with their fraction: 67.2 for the shortest frame at 10 Gb/s. */
export function wireTimeNs(byteLength: number, gigabitsPerSecond: number): number {
  return (wireByteLength(byteLength) * 8) / gigabitsPerSecond;
}

/** Frames of `byteLength` that fit into one second of link time: 14 880 952.38 shortest ones at 10 Gb/s. */
export function lineRateFramesPerSecond(byteLength: number, gigabitsPerSecond: number): number {
  return (NS_PER_SECOND * gigabitsPerSecond) / (wireByteLength(byteLength) * 8);
}

/** Bits per second of frame content (without FCS, preamble and gap) when frames of `byteLength` follow back to back. */
export function goodputBitsPerSecond(byteLength: number, gigabitsPerSecond: number): number {
  return byteLength * 8 * lineRateFramesPerSecond(byteLength, gigabitsPerSecond);
}
