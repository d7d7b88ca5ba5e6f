import { frameSignature } from "./frame-signature.ts";
import type { ReplayChannel } from "./replay-channel.ts";

/** Entries looked at for one frame: more frames in a row than this are lost only when the log is behind anyway. */
const SEARCH_LIMIT = 4096;

/**
 * The replayer's side: writes down when each frame arrived at the card. The card shows a frame to its driver behind a
 * barrier that comes after the plain stores here, so whoever has the frame has its entry.
 */
export class ArrivalLog {
  readonly #channel: ReplayChannel;
  readonly #signatures: Int32Array;
  readonly #times: Float64Array;
  readonly #mask: number;
  #position = 0;

  constructor(channel: ReplayChannel) {
    this.#channel = channel;
    this.#signatures = channel.arrivalSignatures;
    this.#times = channel.arrivalTimes;
    this.#mask = this.#signatures.length - 1;
  }

  /** Notes a frame that arrives at `now[0]`. */
  note(bytes: Uint8Array, offset: number, byteLength: number, now: Float64Array): void {
    const at = this.#position & this.#mask;
    this.#times[at] = now[0] as number;
    this.#signatures[at] = frameSignature(bytes, offset, byteLength);
    this.#position = (this.#position + 1) | 0;
    this.#channel.notedCount = this.#position;
  }
}

/**
 * The consumer's side: finds the entry of each frame that comes out. Frames keep their order, so the entry is the next
 * one, or behind the entries of frames that the card dropped on the way.
 */
export class ArrivalSearch {
  /** `[0]`: when the frame of the last successful {@link find} arrived. */
  readonly arrivalNs: Float64Array = new Float64Array(1);
  /** Frames whose entry was not found: it was overwritten, or the driver changed the frame. */
  missedCount = 0;
  readonly #channel: ReplayChannel;
  readonly #signatures: Int32Array;
  readonly #times: Float64Array;
  readonly #mask: number;
  #position = 0;

  constructor(channel: ReplayChannel) {
    this.#channel = channel;
    this.#signatures = channel.arrivalSignatures;
    this.#times = channel.arrivalTimes;
    this.#mask = this.#signatures.length - 1;
  }

  /** Looks for the frame's entry. True: {@link arrivalNs} is set. */
  find(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const notedCount = this.#channel.notedCount;
    const signature = frameSignature(bytes, offset, byteLength);
    // Overwritten entries cannot be told from fresh ones; what is in flight now goes unmeasured, the next frame fits again.
    if (((notedCount - this.#position) | 0) > this.#mask) this.#position = notedCount;
    const ahead = (notedCount - this.#position) | 0;
    const limit = Math.min(ahead, SEARCH_LIMIT);
    for (let step = 0; step < limit; step++) {
      const at = (this.#position + step) & this.#mask;
      if (this.#signatures[at] !== signature) continue;
      this.arrivalNs[0] = this.#times[at] as number;
      this.#position = (this.#position + step + 1) | 0;
      return true;
    }
    this.missedCount++;
    return false;
  }
}
