import type { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { FrameSequence } from "../../emulator/wire/damage/frame-sequence.ts";
import { wireByteLength, wireTimeNs } from "../../emulator/wire/line-rate.ts";
import type { BurstScaling, ReplaySpeed } from "./replay-speed.ts";
import { REORDER_SLACK_NS, type ReplayWindow, sinceRecord } from "./replay-window.ts";
import { Timetable } from "./timetable.ts";

/** What decides which frames go, and when. */
export interface ScheduleOptions {
  readonly speed?: ReplaySpeed;
  readonly bursts?: BurstScaling;
  readonly window?: ReplayWindow;
  /** How often the window is replayed; 1 when left out. */
  readonly loopCount?: number;
  /**
   * From the last frame of a pass to the first of the next one, as recorded. Left out, the traffic goes on as it was: a
   * window with both ends in time takes its own length, another one the mean of its gaps.
   */
  readonly loopGapNs?: number;
}

/** The rate at which a lone frame, which has no gaps, is followed by itself. */
const LONE_FRAME_GIGABITS = 10;

// Places in the array of times, which are doubles.
/** Of the record just looked at, since the first one of the capture. */
const RECORD = 0;
/** Of the frame before, on the time line of all passes. */
const LAST = 1;
/** Where this pass begins on that line, and the first and last frame of it since the first of the capture. */
const PASS = 2;
const PASS_FIRST = 3;
const PASS_LAST = 4;
/** Of the frame being taken, on the time line of all passes. */
const FRAME = 5;
const TIME_COUNT = 6;

/**
 * Says of every record whether it is in the window and when its frame is to arrive, over any number of passes. Times
 * never go back: a frame with an earlier time than the one before goes at once.
 */
export class FrameSchedule {
  /** `[0]`: when the frame taken last is to arrive, in nanoseconds since the first one. */
  readonly plannedNs: Float64Array;
  outOfOrderCount = 0;
  untimedCount = 0;
  /** Records that were not in the window. */
  outsideCount = 0;
  /** Records whose sequence number was looked for, and those that had one. */
  searchedCount = 0;
  sequencedCount = 0;
  /** The first and last time stamp of the capture that were seen. */
  readonly seen: { first: [seconds: number, nanoseconds: number]; last: [seconds: number, nanoseconds: number] } = {
    first: [0, 0],
    last: [0, 0],
  };
  readonly #options: ScheduleOptions;
  readonly #timetable: Timetable;
  readonly #sequence: FrameSequence | undefined;
  readonly #times = new Float64Array(TIME_COUNT);
  readonly #gapNs = new Float64Array(1);
  #fromNs = Number.NEGATIVE_INFINITY;
  #toNs = Number.POSITIVE_INFINITY;
  #isTimed = false;
  #passIndex = 0;
  #frameCount = 0;
  #passFrameCount = 0;
  #lastByteLength = 0;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#timetable = new Timetable(options.speed ?? "max", options.bursts);
    this.plannedNs = this.#timetable.plannedNs;
    const { fromSequence, toSequence, protocol = "auto" } = options.window ?? {};
    this.#sequence = (fromSequence ?? toSequence) === undefined ? undefined : new FrameSequence(protocol);
  }

  /** True when no further record of this pass can be in the window. */
  get isPast(): boolean {
    return (this.#times[RECORD] as number) >= this.#toNs + REORDER_SLACK_NS;
  }

  /** From the first to the last frame as recorded, the gaps between passes included. */
  get recordedNs(): number {
    return this.#times[LAST] as number;
  }

  /** Passes that have begun. */
  get passCount(): number {
    return this.#passIndex + 1;
  }

  /** Whether the record is in the window. Called for every record, in order. */
  takes(record: CaptureRecord): boolean {
    if (record.timed) this.#look(record);
    const times = this.#times;
    const at = times[RECORD] as number;
    if (at >= this.#fromNs && at < this.#toNs && this.#takesSequence(record)) return true;
    this.outsideCount++;
    return false;
  }

  /** Plans the frame of the record that was taken last; `byteLength` is what goes on the wire. */
  plan(record: CaptureRecord, byteLength: number): void {
    const times = this.#times;
    if (!record.timed) this.untimedCount++;
    const at = times[RECORD] as number;
    if (this.#passFrameCount === 0) {
      times[PASS_FIRST] = at;
      times[PASS_LAST] = at;
    } else if (at < (times[PASS_LAST] as number)) {
      if (record.timed) this.outOfOrderCount++;
    } else {
      times[PASS_LAST] = at;
    }
    times[FRAME] = (times[PASS] as number) + (times[PASS_LAST] as number) - (times[PASS_FIRST] as number);
    this.#gapNs[0] = this.#frameCount === 0 ? 0 : (times[FRAME] as number) - (times[LAST] as number);
    times[LAST] = times[FRAME] as number;
    this.#timetable.take(this.#gapNs, wireByteLength(byteLength));
    this.#frameCount++;
    this.#passFrameCount++;
    this.#lastByteLength = byteLength;
  }

  /** All records of a pass have been seen. True when another pass follows. */
  endPass(): boolean {
    if (this.#passFrameCount === 0 || this.#passIndex + 1 >= (this.#options.loopCount ?? 1)) return false;
    const times = this.#times;
    times[PASS] = (times[PASS] as number) + this.#periodNs();
    times[RECORD] = 0;
    this.#passIndex++;
    this.#passFrameCount = 0;
    return true;
  }

  #look(record: CaptureRecord): void {
    const { seconds, nanoseconds } = record;
    const { first, last } = this.seen;
    if (!this.#isTimed) {
      this.#isTimed = true;
      first[0] = seconds;
      first[1] = nanoseconds;
      const { from, to } = this.#options.window ?? {};
      if (from !== undefined) this.#fromNs = sinceRecord(from, seconds, nanoseconds);
      if (to !== undefined) this.#toNs = sinceRecord(to, seconds, nanoseconds);
    }
    last[0] = seconds;
    last[1] = nanoseconds;
    this.#times[RECORD] = (seconds - first[0]) * 1e9 + (nanoseconds - first[1]);
  }

  #takesSequence({ bytes, offset, byteLength }: CaptureRecord): boolean {
    const sequence = this.#sequence;
    if (sequence === undefined) return true;
    const { fromSequence = 0, toSequence = Number.MAX_SAFE_INTEGER } = this.#options.window ?? {};
    sequence.read(bytes, offset, byteLength);
    this.searchedCount++;
    if (sequence.hasSequence) this.sequencedCount++;
    if (sequence.carries(fromSequence, toSequence)) return true;
    // A heartbeat shows that the sequence before the one it names was sent.
    const next = sequence.range[0] as number;
    const isEmpty = sequence.hasSequence && next === sequence.range[1];
    return isEmpty && next > fromSequence && next - 1 <= toSequence;
  }

  /** From the first frame of a pass to the first of the next one. */
  #periodNs(): number {
    const times = this.#times;
    const spanNs = (times[PASS_LAST] as number) - (times[PASS_FIRST] as number);
    const { loopGapNs } = this.#options;
    if (loopGapNs !== undefined) return spanNs + loopGapNs;
    const windowNs = this.#toNs - this.#fromNs;
    if (Number.isFinite(windowNs)) return Math.max(windowNs, spanNs);
    if (spanNs === 0) return Math.ceil(wireTimeNs(this.#lastByteLength, LONE_FRAME_GIGABITS));
    return spanNs + Math.round(spanNs / (this.#passFrameCount - 1));
  }
}
