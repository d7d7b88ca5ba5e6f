import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import type { Damage } from "../../emulator/wire/damage/damage.ts";
import { faultTallies } from "../faults/fault-counters.ts";
import type { LiveTrace } from "../trace/live-trace.ts";
import type { DecodingArgument } from "./decoding.driver.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { ReplayBed } from "./replay-bed.ts";
import type { ReplayChannel } from "./replay-channel.ts";
import { ReplayDecoderError, ReplayDriverError, ReplayStuckError } from "./replay-errors.ts";
import { checkFrames, expectationOf, readerError } from "./replay-expectation.ts";
import { isPaced, type ReplayOptions, speedOf } from "./replay-options.ts";
import {
  balanceOf,
  damageReport,
  deliveredBytesOf,
  dropsOf,
  type ReplayDriverResult,
  type ReplayReport,
  streamsReport,
} from "./replay-report.ts";
import type { ReplayDriverArgument } from "./replay-sink.ts";
import type { OpenSource } from "./replay-source.ts";
import type { PlannedStreams } from "./streams/plan-streams.ts";
import { ReplayWatch } from "./watch.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** Loads a decoder and then the driver. */
const DECODING_DRIVER = new URL(`./decoding.driver${EXTENSION}`, import.meta.url).href;
/** The reader's turn: short enough that a queue which was full does not run empty. */
const TURN_MS = 5;
const PROGRESS_INTERVAL_MS = 100;
/** How long nothing may move. */
const MOVE_LIMIT_MS = 10_000;
/** How long a driver may take to come to its end once the user wants to stop. */
const STOP_LIMIT_MS = 2_000;
/** What the sink waits for frames that are missing, and the longest that a driver may be stuck. */
const DRAIN_LIMIT_MS = 2_000;

/** Frames on their way into a replay. */
export interface ReplayInput {
  readonly source: OpenSource;
  readonly reader: FrameReader;
  readonly queue: SharedArrayBuffer;
  readonly channel: ReplayChannel;
  readonly damagedWire: Damage | undefined;
  /** What is to be made of the streams, and what of it cannot be. */
  readonly streams: PlannedStreams | undefined;
  /** Why the file could not be read to its end. */
  damage: string | undefined;
}

type Outcome = { readonly result: ReplayDriverResult } | { readonly error: Error };

/** One replay on a testbed that is plugged in: the main thread's part, which reads, watches and asks for the results. */
export class ReplayRun {
  readonly #bed: ReplayBed;
  readonly #input: ReplayInput;
  readonly #options: ReplayOptions;
  readonly #trace: LiveTrace | undefined;
  readonly #watch: ReplayWatch;
  readonly #startedAtMs = performance.now();
  #outcome: Outcome | undefined;
  #isStarted = false;
  #stoppedAtMs: number | undefined;
  #progressAtMs = 0;

  constructor(bed: ReplayBed, input: ReplayInput, options: ReplayOptions, trace: LiveTrace | undefined) {
    this.#bed = bed;
    this.#input = input;
    this.#options = options;
    this.#trace = trace;
    this.#watch = new ReplayWatch(
      input.channel,
      limitUnderDebugger(options.limitMs ?? MOVE_LIMIT_MS),
      performance.now(),
      options.clock === "virtual",
    );
  }

  async run(): Promise<ReplayReport> {
    // In virtual time the first frame comes as soon as the driver is ready, at the same time in every run.
    if (this.#options.clock === "virtual") this.#start();
    const driver = this.#runDriver() as Promise<ReplayDriverResult>;
    const settled = driver.then(
      (result) => this.#settle({ result }),
      (error: Error) => this.#settle({ error: driverError(error) }),
    );
    // Beside the turns, not in them: whoever writes into a pipe may take his time.
    const read = this.#read().catch((error: Error) => this.#settle({ error }));
    while (this.#outcome === undefined) {
      await Promise.race([settled, sleepMs(TURN_MS)]);
      await this.#turn();
    }
    if (!this.#input.source.isLive) await read;
    return this.#finish(this.#outcome);
  }

  #runDriver(): Promise<unknown> {
    const { target, decoderUrl } = this.#options;
    const { streams } = this.#input;
    const argument: ReplayDriverArgument = {
      channel: this.#input.channel.tables,
      drainLimitMs: limitUnderDebugger(DRAIN_LIMIT_MS),
      options: target.driverOptions,
      ...(streams === undefined ? {} : { streams: streams.plan }),
    };
    if (decoderUrl === undefined) return this.#bed.run(target.driverUrl, argument);
    const decoding: DecodingArgument = { ...argument, driverUrl: target.driverUrl, decoderUrl };
    return this.#bed.run(DECODING_DRIVER, decoding);
  }

  #settle(outcome: Outcome): void {
    this.#outcome ??= outcome;
  }

  async #turn(): Promise<void> {
    const nowMs = performance.now();
    this.#trace?.drain();
    if (this.#options.signal?.aborted === true) this.#stop(nowMs);
    if (!this.#isStarted && this.#input.channel.isReady) this.#start();
    if (this.#outcome === undefined) this.#watch.look(nowMs, this.#isStarved());
    if (nowMs - this.#progressAtMs >= PROGRESS_INTERVAL_MS) this.#tellProgress(nowMs);
  }

  /** The first frame may go. */
  #start(): void {
    this.#isStarted = true;
    const { reader, source } = this.#input;
    if (isPaced(this.#options)) this.#options.onBegin?.(expectationOf(reader, source, this.#options.loopCount));
    this.#input.channel.start();
  }

  /** Fills the queue until all is read or the replay is over. */
  async #read(): Promise<void> {
    const { reader, source } = this.#input;
    try {
      while (!reader.isDone && this.#outcome === undefined) if (!(await reader.fill())) await sleepMs(TURN_MS);
    } catch (error) {
      if (!(error instanceof CaptureError) || reader.frameCount === 0) throw readerError(error);
      this.#input.damage = error.message;
    }
    checkFrames(source, reader);
  }

  /** Nothing can move, because there is nothing to send yet. */
  #isStarved(): boolean {
    return this.#isStarted && !this.#input.reader.isDone && this.#input.reader.hasCaughtUp;
  }

  /** Sends nothing more; what was sent is still delivered. */
  #stop(nowMs: number): void {
    if (this.#stoppedAtMs === undefined) {
      this.#stoppedAtMs = nowMs;
      this.#input.channel.stop();
      this.#input.channel.start();
    } else if (nowMs - this.#stoppedAtMs > limitUnderDebugger(STOP_LIMIT_MS)) {
      throw new ReplayStuckError(
        `The replay was stopped, and the driver did not end within ${STOP_LIMIT_MS / 1000} s.`,
      );
    }
  }

  async #finish(outcome: Outcome): Promise<ReplayReport> {
    if ("error" in outcome) throw outcome.error;
    const driver = checkedResult(outcome.result);
    const { replayer, after } = await this.#bed.cardResult();
    this.#tellProgress(performance.now());
    if (this.#input.damagedWire !== undefined) this.#options.onLedger?.(this.#input.damagedWire.ledger);
    return this.#report({ replayer, driver, after });
  }

  #report(counts: Parameters<typeof dropsOf>[1]): ReplayReport {
    const { replayer, driver } = counts;
    const { target, clock = "wall", lossless = false, bursts } = this.#options;
    const { reader, source, damage, damagedWire } = this.#input;
    const speed = speedOf(this.#options);
    const waits = lossless || speed === "max";
    const drops = dropsOf(target, counts);
    const elapsedNs = Math.max(1, driver.lastNs - replayer.firstNs);
    const interrupted = this.#stoppedAtMs !== undefined;
    const deliveredBytes = deliveredBytesOf(target, counts);
    return {
      source: {
        ...reader.report(),
        kind: source.kind,
        name: source.name,
        format: source.format,
        damage: damage ?? reader.end?.cut?.message,
        ...(source.preparation === undefined ? {} : { preparation: source.preparation() }),
      },
      device: target.device.name,
      clock,
      speed,
      bursts,
      lossless: waits,
      interrupted,
      sentCount: replayer.sentCount,
      sentBytes: replayer.sentBytes,
      deliveredCount: driver.deliveredCount,
      deliveredBytes,
      droppedCount: drops.reduce((sum, { count }) => sum + count, 0),
      drops,
      balance: balanceOf(target, counts),
      elapsedNs,
      framesPerSecond: (driver.deliveredCount * 1e9) / elapsedNs,
      gigabitsPerSecond: (deliveredBytes * 8) / elapsedNs,
      latency: driver.latency,
      unmeasuredCount: driver.unmeasuredCount,
      roomWaits: waits ? { count: replayer.roomWaitCount, totalNs: replayer.roomWaitNs } : undefined,
      plannedNs: speed === "max" || interrupted ? undefined : reader.report().plannedNs,
      sentNs: replayer.lastNs - replayer.firstNs,
      lateness: replayer.lateness,
      damage:
        damagedWire === undefined
          ? undefined
          : damageReport(damagedWire.ledger, this.#options.damage ?? {}, interrupted),
      faults: faultTallies(counts.after),
      feed: driver.feed,
      card: driver.card,
      streams: streamsReport(counts, this.#input.streams?.notes ?? []),
      decoder: driver.decoder,
      violations: this.#bed.violations,
      notes: this.#bed.notes,
    };
  }

  #tellProgress(nowMs: number): void {
    this.#progressAtMs = nowMs;
    const { source, reader, channel } = this.#input;
    const sentCount = this.#watch.sent.total;
    const { queuedCount, queuedBytes, passCount } = reader.report();
    const { loopCount = 1 } = this.#options;
    const sentBytes = queuedCount === 0 ? 0 : (queuedBytes * sentCount) / queuedCount;
    const isWhole = loopCount === 1 && this.#options.window === undefined && passCount === 1;
    this.#options.onProgress?.({
      sentCount,
      deliveredCount: this.#watch.delivered.total,
      droppedCount: channel.droppedCount,
      elapsedMs: nowMs - this.#startedAtMs,
      frameCount: reader.isDone ? queuedCount : isWhole ? source.frameCount : undefined,
      fraction: reader.isDone
        ? Math.min(1, sentCount / Math.max(1, queuedCount))
        : isWhole
          ? source.fractionOf(sentCount, sentBytes)
          : undefined,
    });
  }
}

/** Errors of the testbed stay what they are; everything else a driver module throws is the driver's. */
function driverError(error: Error): Error {
  if (error instanceof TestbedError) return error;
  if (error.name === "ReplayDecoderError") return new ReplayDecoderError(error.message, { cause: error });
  return new ReplayDriverError(`The driver threw ${error.stack ?? `${error.name}: ${error.message}`}`, {
    cause: error,
  });
}

function checkedResult(result: ReplayDriverResult | undefined): ReplayDriverResult {
  if (typeof result?.deliveredCount === "number") return result;
  throw new ReplayDriverError(
    "The driver returned no report: its default export must return what `sink.report()` gives.",
  );
}

function sleepMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
