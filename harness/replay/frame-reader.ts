import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../emulator/wire/crc32.ts";
import type { Damage } from "../../emulator/wire/damage/damage.ts";
import type { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import { FrameOutlet } from "./frame-outlet.ts";
import { FrameSchedule, type ScheduleOptions } from "./frame-schedule.ts";
import type { FrameReaderReport, FrameSource } from "./frame-source.ts";

/** Records read in one go, so that the event loop of the thread goes round. */
const RECORDS_PER_TURN = 20_000;
/** Longer frames are copied by the engine's memmove, which needs a sub-array. */
const LONGEST_SMALL_COPY = 512;

/** What a {@link FrameReader} is to do with the records. */
export interface FrameReaderOptions extends ScheduleOptions {
  /** Frames of the source after which it stops; Infinity reads all. */
  readonly limit: number;
  /** The wire that the frames go through. */
  readonly damage?: Damage;
  /** Opens the source anew for another pass. */
  readonly reopen?: () => Promise<FrameSource>;
}

/**
 * Takes records from a source, makes them frames as they were on the wire, and fills the queue to the device thread:
 * without FCS, padded, with the times at which they are to arrive, which count from the first frame and never go back.
 */
export class FrameReader {
  #source: FrameSource;
  readonly #queue: FrameQueue;
  readonly #limit: number;
  readonly #record = new CaptureRecord();
  #staging = MemoryView.ofSize(4096);
  readonly #schedule: FrameSchedule;
  readonly #outlet: FrameOutlet;
  readonly #reopen: (() => Promise<FrameSource>) | undefined;
  /** The source gave its last frame. What the outlet holds is still to come. */
  #isAtEnd = false;
  /** Why it gave none after that. */
  #error: unknown;
  #isDone = false;
  #stagedFlags = 0;
  readonly #count = {
    frameCount: 0,
    byteCount: 0,
    paddedCount: 0,
    snappedCount: 0,
    fcsCount: 0,
    badFcsCount: 0,
    longestByteCount: 0,
  };

  constructor(source: FrameSource, queue: FrameQueue, options: FrameReaderOptions) {
    this.#source = source;
    this.#queue = queue;
    this.#limit = options.limit;
    this.#schedule = new FrameSchedule(options);
    this.#outlet = new FrameOutlet(queue, options.damage);
    this.#reopen = options.reopen;
  }

  /** True when the last frame is in the queue and the queue is closed. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** True when the window is one of sequence numbers, and no record had any. */
  get lacksSequences(): boolean {
    return this.#schedule.searchedCount > 0 && this.#schedule.sequencedCount === 0;
  }

  /** True when everything that was read has been taken. */
  get hasCaughtUp(): boolean {
    return this.#queue.isEmpty && this.#outlet.isEmpty;
  }

  get frameCount(): number {
    return this.#count.frameCount;
  }

  report(): FrameReaderReport {
    const { outOfOrderCount, untimedCount, outsideCount, passCount, recordedNs } = this.#schedule;
    return {
      ...this.#count,
      outOfOrderCount,
      untimedCount,
      outsideCount,
      passCount,
      recordedNs,
      plannedNs: this.#outlet.lastNs[0] as number,
      queuedCount: this.#outlet.frameCount,
      queuedBytes: this.#outlet.byteCount,
    };
  }

  /** The first and last time stamp of the source that were seen, in or out of the window. */
  get seen(): FrameSchedule["seen"] {
    return this.#schedule.seen;
  }

  /**
   * Reads until the queue is full, the source is at its end, or a good while has passed. False when the queue is full.
   * @throws CaptureError when the file is damaged beyond a cut; what came before is in the queue, and the queue is closed.
   */
  async fill(): Promise<boolean> {
    try {
      const hasRoom = await this.#fill();
      if (this.#isDone && this.#error !== undefined) throw this.#error;
      return hasRoom;
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  async #fill(): Promise<boolean> {
    for (let budget = RECORDS_PER_TURN; budget > 0 && !this.#isDone; budget--) {
      if (!this.#outlet.drain()) {
        this.#queue.publish();
        return false;
      }
      if (this.#isAtEnd) this.#finish();
      else if (this.#count.frameCount >= this.#limit) this.#end();
      else {
        // Only the end of a chunk is waited for: an await for each record would cost as much as the record.
        const step = this.#step();
        if (step !== undefined) await step;
      }
    }
    this.#queue.publish();
    return true;
  }

  /** Takes the next record, or ends the pass. A promise where something has to be waited for. */
  #step(): Promise<void> | undefined {
    try {
      if (this.#schedule.isPast) return this.#endPass();
      const next = this.#nextRecord();
      if (next !== true) return this.#stepLater(next);
      this.#take(this.#record);
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  async #stepLater(next: boolean | Promise<boolean>): Promise<void> {
    try {
      if (await next) this.#take(this.#record);
      else await this.#endPass();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The source is damaged: what came before is still delivered, and then the error is told. */
  #fail(error: unknown): void {
    this.#error = error;
    this.#end();
  }

  #take(record: CaptureRecord): void {
    if (!this.#schedule.takes(record)) return;
    const byteLength = this.#stage(record);
    this.#schedule.plan(record, byteLength);
    this.#outlet.push(this.#staging, byteLength, this.#stagedFlags, this.#schedule.plannedNs);
  }

  /** Begins the next pass over the source, if there is to be one. */
  async #endPass(): Promise<void> {
    if (!this.#schedule.endPass() || this.#reopen === undefined) {
      this.#end();
      return;
    }
    this.#queue.publish();
    await this.#source.close?.();
    this.#source = await this.#reopen();
  }

  #end(): void {
    this.#isAtEnd = true;
    this.#outlet.end();
  }

  /** Closes what the reader has open. */
  async close(): Promise<void> {
    await this.#source.close?.();
  }

  /** How the source that was read last ended. */
  get end(): FrameSource["end"] {
    return this.#source.end;
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#queue.close();
  }

  /** Makes `#record` the next record. False at the end. */
  #nextRecord(): boolean | Promise<boolean> {
    if (this.#source.next(this.#record)) return true;
    return this.#moreRecords();
  }

  async #moreRecords(): Promise<boolean> {
    // Whoever feeds a pipe may take his time; what is here already can go.
    this.#queue.publish();
    while ((await this.#source.more?.()) === true) if (this.#source.next(this.#record)) return true;
    return false;
  }

  /** Makes a record the frame that was on the wire, in `#staging`, and returns its length. */
  #stage(record: CaptureRecord): number {
    const count = this.#count;
    const { bytes, offset, originalByteLength, fcsByteLength } = record;
    const isWhole = record.byteLength >= originalByteLength;
    let byteLength = Math.min(record.byteLength, Math.max(0, originalByteLength - fcsByteLength));
    this.#stagedFlags = 0;
    if (!isWhole) count.snappedCount++;
    else if (fcsByteLength === FCS_BYTE_LENGTH) {
      count.fcsCount++;
      if (!hasValidFcs(bytes, offset, record.byteLength)) {
        count.badFcsCount++;
        this.#stagedFlags = FRAME_BAD_FCS;
      }
    }
    if (byteLength > this.#staging.byteLength) this.#staging = MemoryView.ofSize(2 * byteLength);
    const staging = this.#staging.bytes;
    if (byteLength > LONGEST_SMALL_COPY) staging.set(bytes.subarray(offset, offset + byteLength));
    else for (let index = 0; index < byteLength; index++) staging[index] = bytes[offset + index] as number;
    if (byteLength < MIN_FRAME_BYTE_LENGTH) {
      staging.fill(0, byteLength, MIN_FRAME_BYTE_LENGTH);
      byteLength = MIN_FRAME_BYTE_LENGTH;
      count.paddedCount++;
    }
    count.frameCount++;
    count.byteCount += byteLength;
    if (byteLength > count.longestByteCount) count.longestByteCount = byteLength;
    return byteLength;
  }
}
