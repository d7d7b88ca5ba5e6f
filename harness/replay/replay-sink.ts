import type { Clock } from "../../emulator/clock/clock.ts";
import { WallClock } from "../../emulator/clock/wall-clock.ts";
import type { FramePort } from "../../emulator/wire/recovery/mold-client.ts";
import { ArrivalSearch } from "./arrival-log.ts";
import { FeedMeter, type FeedReport } from "./feed-meter.ts";
import { ARRIVED_NS, DELIVERED_NS, type FrameDecoder } from "./frame-decoder.ts";
import type { FrameEventLog } from "./frame-event-log.ts";
import { LatencyMeter, type LatencyReport } from "./latency.ts";
import { REPLAY_FINISHED, ReplayChannel, type ReplayChannelTables } from "./replay-channel.ts";
import { ReplayDecoderError } from "./replay-errors.ts";
import { StreamDesk } from "./streams/stream-desk.ts";
import type { StreamPlan } from "./streams/stream-plan.ts";
import type { ConsumerStreamsReport } from "./streams/stream-report.ts";

/** What a replay driver module is called with: `(functions, argument: ReplayDriverArgument)`. Structured-cloneable. */
export interface ReplayDriverArgument {
  readonly channel: ReplayChannelTables;
  /** Nothing came for so long after the last frame was sent, and some are missing: they will not come. */
  readonly drainLimitMs: number;
  /** What the caller of `replay` gave for this driver. */
  readonly options: unknown;
  /** Set in the driver's own thread by what calls the driver module; it goes on to the sink with the rest. */
  readonly company?: SinkCompany;
  /** What is to be made of the streams in the frames. */
  readonly streams?: StreamPlan;
}

/** What a sink has in its thread besides. */
export interface SinkCompany {
  /** The user's decoder. */
  readonly decoder?: FrameDecoder;
  /** The clock of a driver that runs in virtual time; CLOCK_MONOTONIC otherwise. */
  readonly clock?: Clock;
  readonly log?: FrameEventLog;
  /** `[0]`: set by the sink to when it wants to be polled again at the latest. */
  readonly alarm?: Float64Array;
}

/** What a sink has counted. Plain data: what a replay driver module returns. */
export interface SinkReport {
  readonly deliveredCount: number;
  readonly deliveredBytes: number;
  /** Frames that the driver threw away: errors, parts of a frame. */
  readonly rejectedCount: number;
  /** When the last frame came, in nanoseconds of the wall clock. */
  readonly lastNs: number;
  /** Wire arrival at the card to consumer. Absent when nothing was measured. */
  readonly latency: LatencyReport | undefined;
  /** Frames without a latency: their arrival was not found. */
  readonly unmeasuredCount: number;
  readonly feed: FeedReport;
  /** What came of the streams. */
  readonly streams?: ConsumerStreamsReport;
  /** What the user's decoder returned. */
  readonly decoder?: unknown;
}

// Places in the sink's array of numbers that outgrow 31 bits.
const COUNT = 0;
const BYTES = 1;
const LAST = 2;
const DRY_SINCE = 3;

/** Empty polls between two looks at the clock. */
const POLLS_PER_LOOK = 1024;

/**
 * The consumer's end of a replay, in the driver's thread. A driver module polls its card and hands every frame over in
 * place; the sink looks into it, measures how long it took, and knows when no more will come.
 *
 * ```ts
 * export default function (functions: PciFunction[], argument: ReplayDriverArgument): SinkReport {
 *   const driver = MyDriver.probe(functions[0]);
 *   const sink = new ReplaySink(argument);
 *   sink.ready();
 *   while (!sink.isOver()) {
 *     const count = driver.poll();
 *     sink.begin();
 *     for (let index = 0; index < count; index++) sink.frame(driver.bytes, driver.offset(index), driver.length(index));
 *     sink.end();
 *   }
 *   return sink.report();
 * }
 * ```
 */
export class ReplaySink {
  readonly #channel: ReplayChannel;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder | undefined;
  readonly #log: FrameEventLog | undefined;
  readonly #decoderNs = new Float64Array(2);
  readonly #arrivals: ArrivalSearch;
  readonly #latency = new LatencyMeter();
  readonly #feed = new FeedMeter();
  readonly #desk: StreamDesk | undefined;
  readonly #drainLimitNs: number;
  readonly #times = new Float64Array(4);
  #deliveredCount = 0;
  #rejectedCount = 0;
  #shownCount = 0;
  #untilLook = POLLS_PER_LOOK;
  #isHeld = false;
  #requestCount = 0;

  /** `port` is the driver's way out, for replays with recovery, whose requests go through the card. */
  constructor(argument: ReplayDriverArgument, port?: FramePort) {
    this.#channel = new ReplayChannel(argument.channel);
    const { clock = new WallClock(), decoder, log, alarm } = argument.company ?? {};
    const { streams } = argument;
    if (streams !== undefined) this.#desk = new StreamDesk(streams, clock, port, alarm);
    this.#clock = clock;
    this.#decoder = decoder;
    this.#log = log;
    this.#arrivals = new ArrivalSearch(this.#channel);
    this.#drainLimitNs = argument.drainLimitMs * 1e6;
  }

  /** Says that the card is set up: the first frame may come. */
  ready(): void {
    this.#channel.ready();
  }

  /** A batch of frames was taken from the card: reads the clock once for all of them. */
  begin(): void {
    this.#clock.refresh();
  }

  /** One frame of the batch, without FCS. Its bytes are looked at now and not kept. */
  frame(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#deliveredCount = (this.#deliveredCount + 1) | 0;
    this.#times[COUNT] = (this.#times[COUNT] as number) + 1;
    this.#times[BYTES] = (this.#times[BYTES] as number) + byteLength;
    const isFound = this.#arrivals.find(bytes, offset, byteLength);
    if (isFound) this.#latency.record(this.#arrivals.arrivalNs, this.#clock.now);
    this.#log?.driver(bytes, offset, byteLength);
    const arrivedNs = isFound ? this.#arrivals.arrivalNs : this.#clock.now;
    // What was asked for is no feed, and has gaps wherever nothing was asked.
    if (this.#desk?.frame(bytes, offset, byteLength, arrivedNs) !== true) this.#feed.count(bytes, offset, byteLength);
    if (this.#decoder !== undefined) this.#decode(this.#decoder, isFound, bytes, offset, byteLength);
  }

  /** So many frames of the batch are in the card, which keeps them to itself (`ReplayTarget.deliversFrames`). */
  taken(frameCount: number): void {
    this.#deliveredCount = (this.#deliveredCount + frameCount) | 0;
    this.#times[COUNT] = (this.#times[COUNT] as number) + frameCount;
  }

  /** A frame that the driver throws away. */
  reject(): void {
    this.#rejectedCount = (this.#rejectedCount + 1) | 0;
  }

  /** The batch is done: tells the other threads how many have come. */
  end(): void {
    if (this.#channel.deliveredCount !== this.#deliveredCount) this.#times[LAST] = this.#clock.now[0] as number;
    this.#channel.deliveredCount = this.#deliveredCount;
    this.#channel.rejectedCount = this.#rejectedCount;
  }

  /** True when every frame that was sent has come or is known to be dropped, or will not come any more. */
  isOver(): boolean {
    if (this.#desk !== undefined) {
      this.#desk.pump();
      this.#hold(this.#desk.isOverfull());
      this.#tellRequests(this.#desk.requestCount());
    }
    if (this.#channel.state !== REPLAY_FINISHED) return false;
    if (this.#channel.outstandingCount !== 0 && !this.#hasRunDry()) return false;
    // What is missing is asked for, and given up after a number of times: that comes to an end. Who stops does not wait for it.
    if (this.#desk?.isSettled() === false && !this.#channel.isStopped) return false;
    this.#channel.over();
    return true;
  }

  report(): SinkReport {
    return {
      deliveredCount: this.#times[COUNT] as number,
      deliveredBytes: this.#times[BYTES] as number,
      rejectedCount: this.#rejectedCount,
      lastNs: this.#times[LAST] as number,
      latency: this.#latency.report(),
      unmeasuredCount: this.#arrivals.missedCount,
      feed: this.#feed.report(),
      ...(this.#desk === undefined ? {} : { streams: this.#desk.report() }),
      ...(this.#decoder?.report === undefined ? {} : { decoder: told(this.#decoder, this.#decoder.report) }),
    };
  }

  #tellRequests(count: number): void {
    if (count === this.#requestCount) return;
    this.#requestCount = count;
    this.#channel.requestCount = count;
  }

  #hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    this.#channel.isHeld = isHeld;
  }

  #decode(decoder: FrameDecoder, isFound: boolean, bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#decoderNs[DELIVERED_NS] = this.#clock.now[0] as number;
    this.#decoderNs[ARRIVED_NS] = isFound ? (this.#arrivals.arrivalNs[0] as number) : Number.NaN;
    try {
      decoder.frame(bytes, offset, byteLength, this.#decoderNs);
    } catch (thrown) {
      throw decoderError(thrown);
    }
  }

  /** Frames are missing and nothing has come for a long while. */
  #hasRunDry(): boolean {
    if (this.#shownCount !== this.#deliveredCount) {
      this.#shownCount = this.#deliveredCount;
      this.#times[DRY_SINCE] = 0;
    }
    if (--this.#untilLook > 0) return false;
    this.#untilLook = POLLS_PER_LOOK;
    this.#clock.refresh();
    const now = this.#clock.now[0] as number;
    if (this.#times[DRY_SINCE] === 0) this.#times[DRY_SINCE] = now;
    return now - (this.#times[DRY_SINCE] as number) > this.#drainLimitNs;
  }
}

function told(decoder: FrameDecoder, report: () => unknown): unknown {
  try {
    return report.call(decoder);
  } catch (thrown) {
    throw decoderError(thrown);
  }
}

function decoderError(thrown: unknown): ReplayDecoderError {
  const words = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new ReplayDecoderError(`The decoder threw ${words}`, { cause: thrown });
}
