import type { ReplayChannelTables } from "./replay-channel.ts";

/** What the device thread is given for a replay. Structured-cloneable. */
export interface ReplayerOptions {
  readonly channel: ReplayChannelTables;
  /** The {@link FrameQueue} that the reader fills. Time stamps count from the first frame. */
  readonly queue: SharedArrayBuffer;
  readonly device: number;
  readonly port: number;
  /** Times the recorded speed; 0 is as fast as the card and its driver take frames. */
  readonly factor: number;
  /** A frame that is due waits for room in the card instead of being dropped by it. */
  readonly lossless: boolean;
  /** At maximal speed: frames that may be between wire and consumer. 0 fills the card to the brim. */
  readonly inFlightLimit: number;
  /** Names in the device's statistics whose sum is the frames that it dropped. */
  readonly dropCounters: readonly string[];
}

/** What the replayer tells about itself when it is asked. */
export interface ReplayerReport {
  readonly sentCount: number;
  readonly sentBytes: number;
  /** Clock time of the first and of the last frame, in nanoseconds. */
  readonly firstNs: number;
  readonly lastNs: number;
  /** Times that a frame which was due waited for room, and for how long together. */
  readonly roomWaitCount: number;
  readonly roomWaitNs: number;
  /** How much later than due the latest frame was, and all together. 0 at maximal speed. */
  readonly lateMaxNs: number;
  readonly lateSumNs: number;
}
