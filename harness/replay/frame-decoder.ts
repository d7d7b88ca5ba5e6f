/** Places in the array of times that a decoder gets. */
export const DELIVERED_NS = 0;
export const ARRIVED_NS = 1;

/**
 * A decoder of your own, in the consumer's thread: gets every frame where the driver has it, without a copy.
 *
 * ```ts
 * // my-decoder.ts: softbar replay session.pcap --decoder ./my-decoder.ts
 * import type { FrameDecoder } from "softbar";
 *
 * export default function (): FrameDecoder {
 *   let tradeCount = 0;
 *   return {
 *     frame(bytes, offset, byteLength, timesNs) {
 *       if (byteLength > 64 && bytes[offset + 64] === 0x50) tradeCount++;
 *     },
 *     report: () => ({ tradeCount }),
 *   };
 * }
 * ```
 */
export interface FrameDecoder {
  /**
   * One frame: `byteLength` bytes at `offset`, from the destination address on and without FCS. The bytes are the driver's
   * buffer and good until this returns. `timesNs[0]`: when the batch that the frame came in was taken from the driver;
   * `timesNs[1]`: when the frame arrived at the card, NaN where that is not known. Both count nanoseconds of one clock:
   * CLOCK_MONOTONIC, the same in all threads, or virtual time. Neither array is to be kept.
   */
  frame(bytes: Uint8Array, offset: number, byteLength: number, timesNs: Float64Array): void;
  /** Called once behind the last frame; what it returns is printed, and is `decoder` in the report. Structured-cloneable. */
  report?(): unknown;
}

/** What a decoder module exports by default. */
export type FrameDecoderFactory = () => FrameDecoder | Promise<FrameDecoder>;
