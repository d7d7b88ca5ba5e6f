import type { CaptureEnd } from "./capture-reader.ts";
import { CaptureRecord } from "./capture-record.ts";
import type { RecordStream } from "./record-stream.ts";

/** Where a source stands: to be asked, its head is there, it must read on, or it has ended. */
const EMPTY = 0;
const READY = 1;
const WAITING = 2;
const ENDED = 3;

/**
 * The records of several captures of the same time (line A at one port, line B at another) as one stream: always the
 * earliest of those that come next, of equal times the one of the first source. A record without a time keeps to the one
 * before it in its source. What is out of order inside a source stays so; see `TimeOrderedRecords`.
 *
 * A source that is damaged has no more records, and the others go on; what was wrong is thrown when all have ended, so that
 * a part of the traffic does not pass for all of it.
 */
export class MergedRecords implements RecordStream {
  readonly #sources: readonly RecordStream[];
  readonly #heads: readonly CaptureRecord[];
  readonly #states: Uint8Array;
  /** Time of each source's head, or of the last one that had a time. */
  readonly #seconds: Float64Array;
  readonly #nanoseconds: Float64Array;
  readonly #errors: unknown[] = [];

  constructor(sources: readonly RecordStream[]) {
    this.#sources = sources;
    this.#heads = sources.map(() => new CaptureRecord());
    this.#states = new Uint8Array(sources.length).fill(EMPTY);
    this.#seconds = new Float64Array(sources.length).fill(Number.NEGATIVE_INFINITY);
    this.#nanoseconds = new Float64Array(sources.length);
  }

  /** Of all together; the cut is the first of those that there are, and its message says all of them. */
  get end(): CaptureEnd | null {
    if (this.#states.some((state) => state !== ENDED)) return null;
    const ends = this.#sources.flatMap(({ end }) => (end === null ? [] : [end]));
    const [first] = ends;
    if (first === undefined) return null;
    const cuts = ends.flatMap(({ cut }) => (cut === null ? [] : [cut]));
    return {
      format: first.format,
      recordCount: ends.reduce((sum, { recordCount }) => sum + recordCount, 0),
      fileByteLength: ends.reduce((sum, { fileByteLength }) => sum + fileByteLength, 0),
      cut: cuts[0] === undefined ? null : { ...cuts[0], message: cuts.map(({ message }) => message).join(" ") },
    };
  }

  next(record: CaptureRecord): boolean {
    let first = -1;
    let isWaiting = false;
    for (let index = 0; index < this.#sources.length; index++) {
      if (this.#states[index] === EMPTY) this.#pull(index);
      if (this.#states[index] === WAITING) isWaiting = true;
      else if (this.#states[index] === READY && (first < 0 || this.#isBefore(index, first))) first = index;
    }
    // Whoever has to read on may have an earlier one.
    if (isWaiting) return false;
    if (first < 0) {
      if (this.#errors.length > 0) throw this.#errors[0];
      return false;
    }
    Object.assign(record, this.#heads[first]);
    this.#states[first] = EMPTY;
    return true;
  }

  async more(): Promise<boolean> {
    for (const [index, source] of this.#sources.entries()) {
      if (this.#states[index] !== WAITING) continue;
      try {
        this.#states[index] = (await source.more()) ? EMPTY : ENDED;
      } catch (error) {
        this.#fail(index, error);
      }
    }
    return this.#errors.length > 0 || this.#states.some((state) => state !== ENDED);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }

  #pull(index: number): void {
    const head = this.#heads[index] as CaptureRecord;
    try {
      this.#states[index] = this.#sources[index]?.next(head) === true ? READY : WAITING;
    } catch (error) {
      this.#fail(index, error);
      return;
    }
    if (this.#states[index] === WAITING || !head.timed) return;
    this.#seconds[index] = head.seconds;
    this.#nanoseconds[index] = head.nanoseconds;
  }

  #fail(index: number, error: unknown): void {
    this.#states[index] = ENDED;
    this.#errors.push(error);
  }

  #isBefore(one: number, other: number): boolean {
    const seconds = (this.#seconds[one] as number) - (this.#seconds[other] as number);
    if (seconds !== 0 && !Number.isNaN(seconds)) return seconds < 0;
    return (this.#nanoseconds[one] as number) < (this.#nanoseconds[other] as number);
  }
}
