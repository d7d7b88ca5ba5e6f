import { closeSync, openSync } from "node:fs";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import {
  createTables,
  declarationOf,
  type LoadedDevice,
  loadDevice,
  type MachineTables,
} from "../../emulator/run/machine.ts";
import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import { Damage } from "../../emulator/wire/damage/damage.ts";
import { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import { callerLine } from "../open-testbeds.ts";
import { ThreadedTestbed } from "../threaded-testbed.ts";
import { LiveTrace } from "../trace/live-trace.ts";
import { FrameReader } from "./frame-reader.ts";
import type { ScheduleOptions } from "./frame-schedule.ts";
import { type ReplayBed, ThreadedReplayBed } from "./replay-bed.ts";
import { ReplayChannel } from "./replay-channel.ts";
import { ReplayInputError } from "./replay-errors.ts";
import { checkFrames, readerError } from "./replay-expectation.ts";
import { asksForStreams, checkReplayOptions, isPaced, type ReplayOptions, speedOf } from "./replay-options.ts";
import type { ReplayReport } from "./replay-report.ts";
import { type ReplayInput, ReplayRun } from "./replay-run.ts";
import { filesOf, type OpenSource, openSource } from "./replay-source.ts";
import type { ReplayerOptions } from "./replayer-options.ts";
import { type PlannedStreams, planStreams } from "./streams/plan-streams.ts";
import { surveyStreams } from "./streams/stream-survey.ts";
import { VirtualReplayBed } from "./virtual-bed.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const REPLAYER = new URL(`./replayer${EXTENSION}`, import.meta.url).href;
const READ_AHEAD_BYTES = 64 << 20;
const IN_FLIGHT_LIMIT = 256;

/**
 * Replays a capture, or a session that it makes up, through a simulated card into a driver, and says what came of it.
 * Three threads: this one reads and sleeps, the card's thread injects, the driver's consumes.
 *
 * ```ts
 * import { ixgbeTarget } from "softbar/scenarios";
 *
 * const report = await replay({ target: ixgbeTarget(), file: "session.pcap", speed: 10 });
 * console.log(report.deliveredCount, report.latency?.p99Ns);
 * ```
 *
 * With `clock: "virtual"` card and driver share one thread, and the same replay is the same every time.
 *
 * Rejects with RangeError when options contradict each other, CaptureError or ReplayInputError when the input cannot be replayed, ReplayStuckError when nothing moves
 * for the limit, ReplayDriverError when the driver throws, and TestbedError when the testbed itself fails. All threads
 * have ended when it settles.
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const openedAt = callerLine();
  checkReplayOptions(options);
  if (options.eventLogPath !== undefined) checkWritable(options.eventLogPath);
  const device = await loadDevice(options.target.device);
  checkWire(device, options.target.port ?? 0);
  const streams = await plannedStreams(options);
  const source = await openSource(options);
  let reader: FrameReader | undefined;
  try {
    const input = await readAhead(source, options, streams);
    ({ reader } = input);
    const { bed, trace } = await plugIn(device, input, options, openedAt);
    let failure = "";
    try {
      return await new ReplayRun(bed, input, options, trace).run();
    } catch (error) {
      failure = (error as Error).message;
      throw error;
    } finally {
      await bed.close();
      // What was recorded last, after its threads have ended.
      if (failure !== "") trace?.end("failed", failure);
      else trace?.end(options.signal?.aborted === true ? "interrupted" : "complete", "");
    }
  } finally {
    await closeSource(source, reader);
  }
}

/** Fills the queue before anything else starts: bad input is told without a thread, and small captures wait for no disk. */
async function readAhead(
  source: OpenSource,
  options: ReplayOptions,
  streams: PlannedStreams | undefined,
): Promise<ReplayInput> {
  const queue = FrameQueue.createBuffer(options.readAheadBytes ?? READ_AHEAD_BYTES);
  const { limit = Number.POSITIVE_INFINITY, damage } = options;
  const damagedWire = damage === undefined ? undefined : new Damage(damage, MemoryView.ofSize(4));
  const reader = new FrameReader(source.frames, new FrameQueue(queue), {
    ...scheduleOf(options),
    limit,
    ...(damagedWire === undefined ? {} : { damage: damagedWire }),
    ...(source.reopen === undefined ? {} : { reopen: source.reopen }),
  });
  const input: ReplayInput = {
    source,
    reader,
    queue,
    channel: new ReplayChannel(ReplayChannel.createTables()),
    damagedWire,
    streams,
    damage: undefined,
  };
  if (source.isLive) return input;
  try {
    while (!reader.isDone && (await reader.fill())) if (options.signal?.aborted === true) break;
  } catch (error) {
    if (!(error instanceof CaptureError) || reader.frameCount === 0) {
      await reader.close();
      throw readerError(error);
    }
    input.damage = error.message;
  }
  checkFrames(source, reader);
  return input;
}

/** Reads the capture once beforehand, where something is to be made of its streams. */
async function plannedStreams(options: ReplayOptions): Promise<PlannedStreams | undefined> {
  if (!asksForStreams(options)) return undefined;
  const survey = await surveyStreams(options, options.recover !== undefined);
  return planStreams(survey, options, filesOf(options).join(" + ") || "the generated session");
}

/** What the reader has to know of times. */
function scheduleOf(options: ReplayOptions): ScheduleOptions {
  const { bursts, window, loopCount, loopGapNs } = options;
  return {
    speed: speedOf(options),
    ...(bursts === undefined ? {} : { bursts }),
    ...(window === undefined ? {} : { window }),
    ...(loopCount === undefined ? {} : { loopCount }),
    ...(loopGapNs === undefined ? {} : { loopGapNs }),
  };
}

/** A pipe into which nobody writes is not waited for: its last read ends when it may. */
async function closeSource(source: OpenSource, reader: FrameReader | undefined): Promise<void> {
  // The reader has opened it anew for a further pass.
  const closed = reader === undefined ? source.frames.close?.() : reader.close();
  if (!source.isLive) await closed;
  else closed?.catch(() => {});
}

async function plugIn(
  device: LoadedDevice,
  input: ReplayInput,
  options: ReplayOptions,
  openedAt: string,
): Promise<{ readonly bed: ReplayBed; readonly trace: LiveTrace | undefined }> {
  const { target, clock = "wall", lossless = false, inFlightLimit = IN_FLIGHT_LIMIT, sanitize } = options;
  const recovery = input.streams?.plan.recovery;
  // Requests are taken from the far end of the wire; nobody wants anything else that a driver sends.
  const sentFrames = recovery === undefined ? "count" : "keep";
  const tables = createTables([device], { clock, sentFrames, ...(sanitize === undefined ? {} : { sanitize }) });
  const trace = liveTrace(device, tables, input, options);
  const replayer: ReplayerOptions = {
    channel: input.channel.tables,
    queue: input.queue,
    device: 0,
    port: target.port ?? 0,
    isPaced: isPaced(options),
    lossless,
    inFlightLimit,
    dropCounters: target.drops.map(({ counter }) => counter),
    ...(recovery === undefined ? {} : { recovery }),
  };
  if (clock === "virtual") {
    const { eventLogPath } = options;
    const traces = { trace: trace?.attachment, driverTrace: trace?.driver };
    const data = { device: target.device, tables, replayer, ...traces, eventLogPath };
    return { bed: new VirtualReplayBed(data), trace };
  }
  const attachments = [{ moduleUrl: REPLAYER, options: replayer }];
  const testbed = await ThreadedTestbed.start(
    [target.device],
    tables,
    {},
    {
      attachments: trace === undefined ? attachments : [...attachments, trace.attachment],
      openedAt,
      notice: () => {},
      driverTrace: trace?.driver,
    },
  );
  return { bed: new ThreadedReplayBed(testbed), trace };
}

/** The log is written in another thread; a place where none can be is told before anything begins. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, "w"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ReplayInputError(`${path}: the event log cannot be written (${code}).`, { cause: error });
  }
}

function checkWire(device: LoadedDevice, port: number): void {
  const { name, wirePortCount } = declarationOf(device);
  if (port < wirePortCount) return;
  const has = wirePortCount === 0 ? "no wire" : `no port ${port} (it has ${wirePortCount})`;
  throw new ReplayInputError(`${name} has ${has} to replay into.`);
}

/** The trace that is asked for. */
function liveTrace(
  device: LoadedDevice,
  tables: MachineTables,
  { source }: ReplayInput,
  { clock, onTrace, onTraceRecord, traceOptions }: ReplayOptions,
): LiveTrace | undefined {
  if (onTrace === undefined && onTraceRecord === undefined) return undefined;
  return new LiveTrace([device], tables, {
    ...traceOptions,
    title: source.name,
    isVirtual: clock === "virtual",
    ...(onTrace === undefined ? {} : { onText: onTrace }),
    ...(onTraceRecord === undefined ? {} : { onRecord: onTraceRecord }),
  });
}
