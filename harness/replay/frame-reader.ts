import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../emulator/wire/crc32.ts";
import type { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import type { FcsMode, FrameReaderReport, FrameSource } from "./frame-source.ts";

/** Records looked at before it is decided whether they end in an FCS. */
const FCS_LOOK_AHEAD = 16;
/** Records read in one go, so that the event loop of the thread goes round. */
const RECORDS_PER_TURN = 20_000;
/** Longer frames are copied by the engine's memmove, which needs a sub-array. */
const LONGEST_SMALL_COPY = 512;

/**
 * Takes records from a source, makes them frames as they were on the wire, and fills the queue to the device thread:
 * without FCS, padded, with times that count from the first frame and never go back.
 */
export class FrameReader {
  readonly #source: FrameSource;
  readonly #queue: FrameQueue;
  readonly #limit: number;
  readonly #mode: FcsMode;
  /** Of records whose capture does not say; decided by the user or the first frames. */
  #undeclaredFcsByteLength: number;
  #isDecided = false;
  readonly #record = new CaptureRecord();
  /** Records that were read to decide on the FCS, and are replayed first. */
  readonly #lookedAt: CaptureRecord[] = [];
  #staging = MemoryView.ofSize(4096);
  /** The frame in `#staging` did not fit into the queue yet. */
  #isStaged = false;
  #stagedByteLength = 0;
  #stagedFlags = 0;
  #isTimed = false;
  #firstSeconds = 0;
  #firstNanoseconds = 0;
  /** Time of the frame before, from the first one. */
  #seconds = 0;
  #nanoseconds = 0;
  #isDone = false;
  readonly #count = {
    frameCount: 0,
    byteCount: 0,
    paddedCount: 0,
    snappedCount: 0,
    outOfOrderCount: 0,
    untimedCount: 0,
    fcsCount: 0,
    badFcsCount: 0,
    longestByteCount: 0,
  };

  /** `limit` is the number of frames after which the reader stops; Infinity reads all. */
  constructor(source: FrameSource, queue: FrameQueue, options: { readonly fcs: FcsMode; readonly limit: number }) {
    this.#source = source;
    this.#queue = queue;
    this.#mode = options.fcs;
    this.#undeclaredFcsByteLength = options.fcs === "present" ? FCS_BYTE_LENGTH : 0;
    this.#limit = options.limit;
  }

  /** True when the last frame is in the queue and the queue is closed. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** True when everything that was read has been taken. */
  get hasCaughtUp(): boolean {
    return this.#queue.isEmpty && !this.#isStaged;
  }

  get frameCount(): number {
    return this.#count.frameCount;
  }

  report(): FrameReaderReport {
    return { ...this.#count, recordedNs: this.#seconds * 1e9 + this.#nanoseconds };
  }

  /**
   * Reads until the queue is full, the source is at its end, or a good while has passed. False when the queue is full.
   * @throws CaptureError when the file is damaged beyond a cut; what came before is in the queue, and the queue is closed.
   */
  async fill(): Promise<boolean> {
    try {
      return await this.#fill();
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  async #fill(): Promise<boolean> {
    if (!this.#isDecided) {
      this.#isDecided = true;
      if (this.#mode === "auto") await this.#decideFcs();
    }
    for (let budget = RECORDS_PER_TURN; budget > 0 && !this.#isDone; budget--) {
      if (this.#isStaged && !this.#put()) {
        this.#queue.publish();
        return false;
      }
      if (this.#count.frameCount >= this.#limit) {
        this.#finish();
        break;
      }
      // Only the end of a chunk is waited for: an await for each record would cost as much as the record.
      const next = this.#nextRecord();
      if (next === true || (await next)) this.#stage(this.#lookedAt.shift() ?? this.#record);
      else this.#finish();
    }
    this.#queue.publish();
    return true;
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#queue.close();
  }

  /** Makes `#record`, or the head of `#lookedAt`, the next record. False at the end. */
  #nextRecord(): boolean | Promise<boolean> {
    if (this.#lookedAt.length > 0) return true;
    if (this.#source.next(this.#record)) return true;
    return this.#moreRecords();
  }

  async #moreRecords(): Promise<boolean> {
    // Whoever feeds a pipe may take his time; what is here already can go.
    this.#queue.publish();
    while ((await this.#source.more?.()) === true) if (this.#source.next(this.#record)) return true;
    return false;
  }

  /** One frame in four billion has a right FCS at its end by chance; a frame that was damaged decides nothing. */
  async #decideFcs(): Promise<void> {
    try {
      while (this.#lookedAt.length < FCS_LOOK_AHEAD) {
        if (!this.#source.next(this.#record) && !(await this.#moreRecords())) break;
        this.#lookedAt.push(copyOf(this.#record));
      }
    } catch {
      // A damaged file: its source throws the same again when the records before the damage are used up.
    }
    const whole = this.#lookedAt.filter((record) => record.byteLength === record.originalByteLength);
    const hasFcs = whole.some(({ bytes, offset, byteLength }) => hasValidFcs(bytes, offset, byteLength));
    this.#undeclaredFcsByteLength = hasFcs ? FCS_BYTE_LENGTH : 0;
  }

  /** Makes a record the frame that was on the wire, in `#staging`. */
  #stage(record: CaptureRecord): void {
    const count = this.#count;
    const { bytes, offset, originalByteLength } = record;
    const isWhole = record.byteLength >= originalByteLength;
    const fcsByteLength = this.#fcsByteLength(record);
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
    this.#moveTime(record);
    this.#stagedByteLength = byteLength;
    this.#isStaged = true;
    count.frameCount++;
    count.byteCount += byteLength;
    if (byteLength > count.longestByteCount) count.longestByteCount = byteLength;
  }

  #fcsByteLength(record: CaptureRecord): number {
    if (this.#mode === "auto" && record.fcsByteLength > 0) return record.fcsByteLength;
    return this.#undeclaredFcsByteLength;
  }

  /** Brings the time on to the record's, from the first frame; never back. */
  #moveTime(record: CaptureRecord): void {
    if (!record.timed) {
      this.#count.untimedCount++;
      return;
    }
    if (!this.#isTimed) {
      this.#isTimed = true;
      this.#firstSeconds = record.seconds;
      this.#firstNanoseconds = record.nanoseconds;
    }
    let seconds = record.seconds - this.#firstSeconds;
    let nanoseconds = record.nanoseconds - this.#firstNanoseconds;
    if (nanoseconds < 0) {
      nanoseconds += 1e9;
      seconds--;
    }
    if (seconds < this.#seconds || (seconds === this.#seconds && nanoseconds < this.#nanoseconds)) {
      this.#count.outOfOrderCount++;
      return;
    }
    // The queue carries whole seconds as an int32: 68 years, after which a capture's clock was wrong anyway.
    this.#seconds = Math.min(seconds, 0x7fff_ffff);
    this.#nanoseconds = nanoseconds;
  }

  #put(): boolean {
    const flags = this.#stagedFlags;
    if (!this.#queue.put(this.#staging, 0, this.#stagedByteLength, flags, this.#seconds, this.#nanoseconds))
      return false;
    this.#isStaged = false;
    return true;
  }
}

/** A record with bytes of its own, to be kept. */
function copyOf(record: CaptureRecord): CaptureRecord {
  const copy = Object.assign(new CaptureRecord(), record);
  copy.bytes = record.bytes.slice(record.offset, record.offset + record.byteLength);
  copy.offset = 0;
  return copy;
}
