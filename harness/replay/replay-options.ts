import type { SanitizeOptions } from "../../emulator/sanitize/rule.ts";
import type { TrailerOptions } from "../../emulator/wire/capture/trailer-records.ts";
import type { DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../emulator/wire/damage/ledger.ts";
import type { TraceRecord } from "../trace/trace-event.ts";
import type { TraceOptions } from "../trace/trace-options.ts";
import type { FcsMode } from "./frame-source.ts";
import type { RecordOrder } from "./preparation.ts";
import type { ReplayProgress } from "./replay-progress.ts";
import type { BurstScaling, ReplaySpeed } from "./replay-speed.ts";
import type { ReplayTarget } from "./replay-target.ts";
import { checkWindow, type ReplayWindow } from "./replay-window.ts";
import { checkStreamOptions, type StreamOptions } from "./streams/stream-plan.ts";

/** How long a paced replay is going to take. */
export interface ReplayExpectation {
  readonly durationNs: number;
  /**
   * `exact`: all of the source has been read. `estimate`: from the part that has, by the bytes of the file. `at-least`: as
   * much has been read, and nobody knows how much is left.
   */
  readonly certainty: "exact" | "estimate" | "at-least";
}

/** What the command line and the library can ask of a replay. */
export interface ReplayOptions extends StreamOptions {
  /** The card and its driver. */
  readonly target: ReplayTarget;
  /**
   * A pcap or pcapng file, plain or in gzip or zstd; several that were captured at the same time are merged by it. Without one
   * a session is made up: {@link ReplayOptions.session}.
   */
  readonly file?: string | readonly string[];
  /** The generated session. Default: seed 1, 200,000 frames. */
  readonly session?: { readonly seed?: number; readonly frameCount?: number };
  /**
   * Times the recorded speed, or a line rate, back to back; "max" is as fast as card and driver take frames. Default "max"
   * on the wall clock, recorded in virtual time, in which there is no "max".
   */
  readonly speed?: ReplaySpeed;
  /** Scales the gaps between bursts otherwise than those within. For speeds that are factors. */
  readonly bursts?: BurstScaling;
  /**
   * `wall` (default): three threads, and frames arrive at absolute deadlines of the monotonic clock. `virtual`: card and
   * driver in one thread, time moves from event to event, and the same replay is the same to the nanosecond every time.
   */
  readonly clock?: "wall" | "virtual";
  /** The part of the capture that is replayed. */
  readonly window?: ReplayWindow;
  /** How often it is replayed. Default 1. Sequence numbers are those of the capture in every pass. */
  readonly loopCount?: number;
  /**
   * From the last frame of a pass to the first of the next one, as recorded. By default the traffic goes on as it was: a
   * window with both ends in time takes its own length, any other one the mean of its gaps.
   */
  readonly loopGapNs?: number;
  /** What the wire does to the frames on their way to the card. */
  readonly damage?: DamagePlan;
  /** Called at the end with the books of the damage. After an interruption they also tell of frames that were not sent. */
  readonly onLedger?: (ledger: DamageLedger) => void;
  /**
   * In virtual time: which sanitizers look at the driver. Default true, which takes about a third more processor time; false
   * leaves what the card itself sees. Consumers that take frames in place have raw memory: their rings are judged, and their
   * buffers are not.
   */
  readonly sanitize?: SanitizeOptions;
  /** In virtual time: a file to write one line into for every frame at the card and at the consumer. */
  readonly eventLogPath?: string;
  /** URL of a decoder module, which gets every frame in place in the consumer's thread: see {@link FrameDecoder}. */
  readonly decoderUrl?: string;
  /** Called before the first frame of a paced replay. */
  readonly onBegin?: (expectation: ReplayExpectation) => void;
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
  /** Stops after so many frames of the source, whatever damage makes of them. */
  readonly limit?: number;
  /** Called with lines of text: every register and DMA access, by name, while it happens. Slows the card down. */
  readonly onTrace?: (lines: string) => void;
  /**
   * Called with every record of a trace of card and driver, from its header to its end. On the wall clock events are lost,
   * and counted, when they come faster than they are taken; in virtual time card and driver wait.
   */
  readonly onTraceRecord?: (record: TraceRecord) => void;
  /** What is recorded of it. */
  readonly traceOptions?: Pick<TraceOptions, "frameBytes" | "dmaBytes" | "filter">;
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

/** The speed that is meant where none is said. */
export function speedOf({ speed, clock, bursts }: Pick<ReplayOptions, "speed" | "clock" | "bursts">): ReplaySpeed {
  return speed ?? (clock === "virtual" || bursts !== undefined ? 1 : "max");
}

/** Whether frames wait for their times. */
export function isPaced(options: Pick<ReplayOptions, "speed" | "clock" | "bursts">): boolean {
  return speedOf(options) !== "max";
}

/** @throws RangeError in one sentence when options contradict each other. */
export function checkReplayOptions(options: ReplayOptions): void {
  const { clock, bursts, window, loopCount = 1, loopGapNs = 0, eventLogPath } = options;
  const speed = speedOf(options);
  if (clock === "virtual" && speed === "max") {
    throw new RangeError("in virtual time no consumer takes any time, so there is no full speed; take a pace.");
  }
  if (bursts !== undefined && typeof speed !== "number") {
    throw new RangeError(
      "gaps are scaled where frames keep their recorded ones; at full speed or line rate none does.",
    );
  }
  if (bursts !== undefined && !(bursts.gapNs > 0)) throw new RangeError("the gap that ends a burst is longer than 0.");
  if (eventLogPath !== undefined && clock !== "virtual") {
    throw new RangeError("the event log is written in virtual time, in which it is the same every time.");
  }
  if (!Number.isSafeInteger(loopCount) || loopCount < 1) throw new RangeError(`${loopCount} passes make no sense.`);
  if (!(loopGapNs >= 0)) throw new RangeError(`a gap of ${loopGapNs} ns between two passes makes no sense.`);
  if (window !== undefined) checkWindow(window);
  checkStreamOptions(options);
  if (options.target.deliversFrames === false && (asksForStreams(options) || options.decoderUrl !== undefined)) {
    const { name } = options.target.device;
    throw new RangeError(
      `${name} keeps frames to itself: there are none to decode, or to arbitrate, recover and book.`,
    );
  }
  if (loopCount > 1 && asksForStreams(options)) {
    throw new RangeError("every pass has the same sequence numbers: arbitration, recovery and books take one pass.");
  }
}

/** Whether something is to be made of the streams, for which the capture is read beforehand. */
export function asksForStreams({ arbitrate, recover, books }: StreamOptions): boolean {
  return arbitrate !== undefined || recover !== undefined || books === true;
}
