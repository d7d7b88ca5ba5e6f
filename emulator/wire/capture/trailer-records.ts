import { FrameHeaders } from "../frame.ts";
import type { CaptureEnd } from "./capture-reader.ts";
import { type CaptureRecord, LINKTYPE_ETHERNET } from "./capture-record.ts";
import type { RecordStream } from "./record-stream.ts";
import { TickClock } from "./tick-clock.ts";
import { Trailer, type TrailerKind } from "./trailer.ts";

export interface TrailerOptions {
  readonly kind: TrailerKind;
  /** Records take the time that the device stamped, instead of the capture's. */
  readonly asClock: boolean;
}

/** What was taken off the frames. Plain data. */
export interface TrailerReport {
  readonly kind: TrailerKind;
  readonly asClock: boolean;
  /** Frames whose trailer was taken off. */
  readonly foundCount: number;
  /** Frames that came through as they were: cut short by the capture, no Ethernet, or without a trailer that proves right. */
  readonly missingCount: number;
}

/** Takes the trailer of a capture device off each frame that has one, and may take the device's time for the record's. */
export class TrailerRecords implements RecordStream {
  readonly #source: RecordStream;
  readonly #options: TrailerOptions;
  readonly #trailer = new Trailer();
  readonly #headers = new FrameHeaders();
  readonly #ticks = new TickClock();
  #foundCount = 0;
  #missingCount = 0;

  constructor(source: RecordStream, options: TrailerOptions) {
    this.#source = source;
    this.#options = options;
  }

  get end(): CaptureEnd | null {
    return this.#source.end;
  }

  next(record: CaptureRecord): boolean {
    if (!this.#source.next(record)) return false;
    if (this.#find(record)) {
      this.#foundCount++;
      this.#takeOff(record);
    } else {
      this.#missingCount++;
    }
    return true;
  }

  more(): Promise<boolean> {
    return this.#source.more();
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  report(): TrailerReport {
    return { ...this.#options, foundCount: this.#foundCount, missingCount: this.#missingCount };
  }

  #find(record: CaptureRecord): boolean {
    const { bytes, offset, byteLength, seconds } = record;
    if (record.linkType !== LINKTYPE_ETHERNET || byteLength < record.originalByteLength) return false;
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    const ipEnd = headers.ipVersion === 0 ? -1 : byteLength - headers.trailerByteLength;
    const captureSeconds = record.timed ? seconds : Number.NaN;
    return this.#trailer.parse(this.#options.kind, bytes, offset, byteLength, captureSeconds, ipEnd);
  }

  #takeOff(record: CaptureRecord): void {
    const trailer = this.#trailer;
    record.byteLength -= trailer.byteLength;
    record.originalByteLength -= trailer.byteLength;
    record.fcsByteLength = trailer.fcsByteLength;
    if (!this.#options.asClock) return;
    if (!this.#options.kind.startsWith("arista")) {
      record.seconds = trailer.seconds;
      record.nanoseconds = trailer.nanoseconds;
      record.timed = true;
    } else if (record.timed && this.#ticks.place(record, trailer.ticks)) {
      record.seconds = this.#ticks.seconds;
      record.nanoseconds = this.#ticks.nanoseconds;
    }
  }
}
