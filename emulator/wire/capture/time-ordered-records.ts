import type { CaptureEnd } from "./capture-reader.ts";
import { CaptureRecord } from "./capture-record.ts";
import type { RecordStream } from "./record-stream.ts";
import { ReorderWindow, type WindowLimits } from "./reorder-window.ts";

/**
 * What capture cards and kernels put out of order lies within milliseconds: the buffers of a few processors, or of the
 * two ports of a pair of lines. This is a tenth of a second at half a million packets per second.
 */
const DEFAULT_WINDOW_LIMITS: WindowLimits = { recordCount: 65_536, byteLength: 16 * 1024 * 1024 };

/** How far a file was out of order of time. Plain data. */
export interface OrderReport {
  /** Records with an earlier time than the one before them in the file. */
  readonly stepBackCount: number;
  /** Records that were too far behind to be put in their place: they come where they stood, with their own time. */
  readonly lateCount: number;
  /** How long before the record that was given out last the latest of these was. */
  readonly lateMaxNs: number;
}

/**
 * Gives the records of all interfaces and sections in order of time, equal times in file order, as far as a window of
 * records lets it: a record is given out when the window is full or the file at its end. A record without a time keeps
 * to the one before it. What is further out of order is given out late and counted; nothing is left out.
 *
 * Held in memory: the window. Where somebody still writes the file (a pipe) its records are held back too: read such a
 * one in file order.
 */
export class TimeOrderedRecords implements RecordStream {
  readonly #source: RecordStream;
  readonly #window: ReorderWindow;
  readonly #incoming = new CaptureRecord();
  /** `#incoming` waits for room. */
  #isWaiting = false;
  #isAtEnd = false;
  /** Thrown when the window is empty: what came before the damage comes first. */
  #error: unknown;
  /** Time of the record that was read last. */
  #seconds = Number.NEGATIVE_INFINITY;
  #nanoseconds = 0;
  /** Latest time that was given out. */
  #givenSeconds = Number.NEGATIVE_INFINITY;
  #givenNanoseconds = 0;
  #stepBackCount = 0;
  #lateCount = 0;
  #lateMaxNs = 0;

  constructor(source: RecordStream, limits: WindowLimits = DEFAULT_WINDOW_LIMITS) {
    this.#source = source;
    this.#window = new ReorderWindow(limits);
  }

  /** As long as there are records in the window, the file has not ended. */
  get end(): CaptureEnd | null {
    return this.#window.count > 0 || this.#isWaiting ? null : this.#source.end;
  }

  next(record: CaptureRecord): boolean {
    const window = this.#window;
    for (;;) {
      if (this.#isWaiting) {
        if (!window.hasRoomFor(this.#incoming.byteLength)) return this.#give(record);
        this.#isWaiting = false;
        window.admit(this.#incoming, this.#seconds, this.#nanoseconds);
      }
      if (this.#isAtEnd) {
        if (window.count > 0) return this.#give(record);
        if (this.#error !== undefined) throw this.#error;
        return false;
      }
      if (!this.#read()) return false;
    }
  }

  /** The first time the source is at its end there are still the records of the window. */
  async more(): Promise<boolean> {
    if (this.#isAtEnd) return false;
    let hasMore = false;
    try {
      hasMore = await this.#source.more();
    } catch (error) {
      this.#error = error;
    }
    if (hasMore) return true;
    this.#isAtEnd = true;
    return this.#window.count > 0 || this.#error !== undefined;
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  report(): OrderReport {
    return { stepBackCount: this.#stepBackCount, lateCount: this.#lateCount, lateMaxNs: this.#lateMaxNs };
  }

  /** Reads the next record of the file into `#incoming`; false when the source must read on. */
  #read(): boolean {
    const incoming = this.#incoming;
    try {
      if (!this.#source.next(incoming)) return false;
    } catch (error) {
      this.#error = error;
      this.#isAtEnd = true;
      return true;
    }
    this.#isWaiting = true;
    if (!incoming.timed) return true;
    const { seconds, nanoseconds } = incoming;
    if (seconds < this.#seconds || (seconds === this.#seconds && nanoseconds < this.#nanoseconds))
      this.#stepBackCount++;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    return true;
  }

  #give(record: CaptureRecord): boolean {
    this.#window.take(record);
    if (!record.timed) return true;
    const aheadNs = (this.#givenSeconds - record.seconds) * 1e9 + (this.#givenNanoseconds - record.nanoseconds);
    if (aheadNs > 0) {
      this.#lateCount++;
      this.#lateMaxNs = Math.max(this.#lateMaxNs, aheadNs);
    } else {
      this.#givenSeconds = record.seconds;
      this.#givenNanoseconds = record.nanoseconds;
    }
    return true;
  }
}
