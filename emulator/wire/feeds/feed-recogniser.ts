import { CBOE_CSM_FORMAT } from "./cboe-csm.ts";
import { CBOE_PITCH_FORMAT } from "./cboe-tracker.ts";
import { CME_FORMAT } from "./cme-tracker.ts";
import { FeedEvidence } from "./feed-evidence.ts";
import type { FeedFormat, FeedTracker } from "./feed-tracker.ts";
import { ICE_IMPACT_FORMAT } from "./ice-impact.ts";
import { IEX_DEEP_FORMAT, IEX_DEEP_PLUS_FORMAT, IEX_TOPS_FORMAT } from "./iex-tracker.ts";
import { ITCH_FORMAT } from "./itch-tracker.ts";
import { MEMX_MEMOIR_FORMAT } from "./memx-memoir.ts";
import { MIAX_MACH_FORMAT } from "./miax-tracker.ts";
import { NYSE_XDP_FORMAT } from "./xdp-tracker.ts";

/** The formats that are told apart. */
export const FEED_FORMATS: readonly FeedFormat[] = [
  ITCH_FORMAT,
  CBOE_PITCH_FORMAT,
  IEX_TOPS_FORMAT,
  IEX_DEEP_FORMAT,
  IEX_DEEP_PLUS_FORMAT,
  CME_FORMAT,
  NYSE_XDP_FORMAT,
  MIAX_MACH_FORMAT,
  ICE_IMPACT_FORMAT,
  MEMX_MEMOIR_FORMAT,
  CBOE_CSM_FORMAT,
];

/**
 * One line (a UDP destination) and what it carries, told by structure alone: never by address or port, since captures are
 * replayed to others. Every packet is weighed by each format, and the first that has evidence enough, and clearly more than any
 * other, is taken for good. Until then each format that could be it counts along, so that nothing is missing from the figures of
 * the one that is taken.
 */
export class FeedLine {
  readonly #formats: readonly FeedFormat[];
  readonly #evidence: FeedEvidence;
  readonly #candidates: (FeedTracker | undefined)[];
  #tracker: FeedTracker | undefined;

  constructor(formats: readonly FeedFormat[] = FEED_FORMATS) {
    this.#formats = formats;
    this.#evidence = new FeedEvidence(formats.length);
    this.#candidates = new Array<FeedTracker | undefined>(formats.length).fill(undefined);
  }

  /** Of the feed that the line carries; undefined until that is sure. */
  get tracker(): FeedTracker | undefined {
    return this.#tracker;
  }

  /** Counts a UDP payload. Allocates only where a format is seen for the first time, or a stream begins. */
  count(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (this.#tracker !== undefined) {
      this.#tracker.track(bytes, offset, byteLength);
      return;
    }
    for (let index = 0; index < this.#formats.length; index++) this.#weigh(index, bytes, offset, byteLength);
    this.#decide();
  }

  #weigh(index: number, bytes: Uint8Array, offset: number, byteLength: number): void {
    const format = this.#formats[index] as FeedFormat;
    const bits = format.weigh(bytes, offset, byteLength);
    this.#evidence.add(index, bits);
    if (bits < 0) {
      // What this format cannot read is no packet of it, but stands in its way if the line turns out to be its own.
      this.#candidates[index]?.track(bytes, offset, byteLength);
      return;
    }
    const candidate = this.#candidates[index] ?? format.openTracker();
    this.#candidates[index] = candidate;
    candidate.track(bytes, offset, byteLength);
  }

  #decide(): void {
    const { leader } = this.#evidence;
    if (leader < 0 || !this.#evidence.isDecisive(leader)) return;
    this.#tracker = this.#candidates[leader];
    this.#candidates.fill(undefined);
  }
}
