import type { MoldServerReport } from "../../emulator/wire/recovery/mold-request-server.ts";
import type { LatenessReport } from "./latency.ts";
import type { ReplayChannelTables } from "./replay-channel.ts";
import type { StreamPlan } from "./streams/stream-plan.ts";

/** What the device thread is given for a replay. Structured-cloneable. */
export interface ReplayerOptions {
  readonly channel: ReplayChannelTables;
  /** The {@link FrameQueue} that the reader fills. Times are when frames are to arrive, from the first one on. */
  readonly queue: SharedArrayBuffer;
  readonly device: number;
  readonly port: number;
  /** Frames wait for their times; else they come as fast as the card and its driver take them. */
  readonly isPaced: boolean;
  /** A frame that is due waits for room in the card instead of being dropped by it. */
  readonly lossless: boolean;
  /** At maximal speed: frames that may be between wire and consumer. 0 fills the card to the brim. */
  readonly inFlightLimit: number;
  /** Names in the device's statistics whose sum is the frames that it dropped. */
  readonly dropCounters: readonly string[];
  /** Re-request servers at the far end of the wire. */
  readonly recovery?: NonNullable<StreamPlan["recovery"]>;
}

/** What the replayer tells about itself when it is asked. */
export interface ReplayerReport {
  readonly sentCount: number;
  readonly sentBytes: number;
  /** Frames that the far end answered with: they are among the sent ones. */
  readonly answerCount: number;
  /** By session that is recovered. */
  readonly servers: readonly MoldServerReport[];
  /** Clock time of the first and of the last frame, in nanoseconds. */
  readonly firstNs: number;
  readonly lastNs: number;
  /** Times that a frame which was due waited for room, and for how long together. */
  readonly roomWaitCount: number;
  readonly roomWaitNs: number;
  /** How late frames arrived against their deadlines; undefined at maximal speed. */
  readonly lateness: LatenessReport | undefined;
  /** The device's statistics when the first frame was about to come. */
  readonly before: Readonly<Record<string, number>>;
}
