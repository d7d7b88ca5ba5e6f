import type { TrailerOptions } from "../../emulator/wire/capture/trailer-records.ts";
import type { FcsMode } from "./frame-source.ts";
import type { RecordOrder } from "./preparation.ts";
import type { ReplayProgress } from "./replay-progress.ts";
import type { ReplayTarget } from "./replay-target.ts";

/** What the command line and the library can ask of a replay. */
export interface ReplayOptions {
  /** The card and its driver. */
  readonly target: ReplayTarget;
  /** A pcap or pcapng file, plain or in gzip or zstd. Without it a session is made up: {@link ReplayOptions.session}. */
  readonly file?: string;
  /** The generated session. Default: seed 1, 200,000 frames. */
  readonly session?: { readonly seed?: number; readonly frameCount?: number };
  /** Times the recorded speed; "max" (default) is as fast as card and driver take frames. */
  readonly speed?: "max" | number;
  /** A frame that is due waits for room instead of being dropped by the card. Always so at "max". Default false. */
  readonly lossless?: boolean;
  /**
   * At "max": how many frames may be between wire and consumer. Default 256: enough to keep both threads busy, and few
   * enough that latency is not the time spent in a full packet buffer. 0 fills the card to the brim.
   */
  readonly inFlightLimit?: number;
  /** Whether frames end in an FCS. Default "auto": what the capture's header says, else what the first frames show. */
  readonly fcs?: FcsMode;
  /**
   * "time" puts records of all interfaces in order of time, within a window of 65,536 records or 16 MiB; "file" takes them
   * as they stand. Default "time", but "file" for a pipe, whose frames would have to wait.
   */
  readonly order?: RecordOrder;
  /** What a capture device put behind each frame, to be taken off; with `asClock` its time is the frame's. */
  readonly trailer?: TrailerOptions;
  /** Stops after so many frames. */
  readonly limit?: number;
  /** Called with lines of text: every register and DMA access, by name, while it happens. Slows the card down. */
  readonly onTrace?: (lines: string) => void;
  /** Called about ten times a second. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends the replay early: what was sent is still delivered, and the report says so. */
  readonly signal?: AbortSignal;
  /** How long nothing may move before the replay is given up. Default 10,000; Infinity under a debugger. */
  readonly limitMs?: number;
  /** Bytes of frames read ahead, a power of two. Default 64 MiB. */
  readonly readAheadBytes?: number;
}

/** Made-up sessions have so many frames: a few seconds of the wire, less than a second at full speed. */
export const DEFAULT_SESSION_FRAME_COUNT = 200_000;

/** Paced replays beyond these factors are not what anybody means. */
const SPEED_MIN = 1e-6;
const SPEED_MAX = 1e9;

/**
 * "recorded", "max", "10x", "0.5x" or "10" as a factor, or "max". Throws RangeError, in one sentence, for anything else.
 */
export function parseSpeed(text: string): "max" | number {
  if (text === "max") return "max";
  if (text === "recorded") return 1;
  const digits = /^(\d+(?:\.\d+)?|\.\d+)x?$/i.exec(text)?.[1];
  const factor = Number(digits ?? Number.NaN);
  if (!(factor >= SPEED_MIN && factor <= SPEED_MAX)) {
    throw new RangeError(`"${text}" is no speed: want "recorded", "max", or a factor such as "10x" or "0.5x".`);
  }
  return factor;
}
