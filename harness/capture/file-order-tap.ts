import type { CaptureEnd } from "../../emulator/wire/capture/capture-reader.ts";
import { type CaptureRecord, LINKTYPE_ETHERNET } from "../../emulator/wire/capture/capture-record.ts";
import type { RecordStream } from "../../emulator/wire/capture/record-stream.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";
import { TrailerSurvey, type TrailerSurveyReport } from "./trailer-survey.ts";

/** A point in time, to the nanosecond. Plain data. */
export interface CaptureTime {
  /** Whole ones since 1970; negative before. */
  readonly seconds: number;
  /** 0 to 999,999,999 on top. */
  readonly nanoseconds: number;
}

/** What a capture holds as it stands in the file. Plain data. */
export interface FileOrderReport {
  readonly packetCount: number;
  readonly capturedByteLength: number;
  readonly originalByteLength: number;
  /** Lengths on the wire; 0 without packets. */
  readonly shortestByteLength: number;
  readonly longestByteLength: number;
  /** Packets of which the capture kept only the beginning. */
  readonly snappedCount: number;
  /** Packets of which more was captured than was there: a fault of the writer. */
  readonly overlongCount: number;
  readonly untimedCount: number;
  /** Time of the first packet in the file; null when none has a time. */
  readonly first: CaptureTime | null;
  readonly earliest: CaptureTime | null;
  readonly latest: CaptureTime | null;
  readonly stepBackCount: number;
  readonly largestStepBackNs: number;
  /** Packets by link type. */
  readonly linkTypes: Readonly<Record<number, number>>;
  readonly trailers: TrailerSurveyReport;
}

/** Hands records through as they stand in the file, and counts what only their order and their ends can tell. */
export class FileOrderTap implements RecordStream {
  readonly #source: RecordStream;
  readonly #signal: AbortSignal | undefined;
  readonly #headers = new FrameHeaders();
  readonly #trailers = new TrailerSurvey();
  readonly #linkTypes = new Map<number, number>();
  #packetCount = 0;
  #capturedByteLength = 0;
  #originalByteLength = 0;
  #shortestByteLength = Number.POSITIVE_INFINITY;
  #longestByteLength = 0;
  #snappedCount = 0;
  #overlongCount = 0;
  #untimedCount = 0;
  #stepBackCount = 0;
  #largestStepBackNs = 0;
  readonly #first = { seconds: Number.NaN, nanoseconds: 0 };
  readonly #earliest = { seconds: Number.POSITIVE_INFINITY, nanoseconds: 0 };
  readonly #latest = { seconds: Number.NEGATIVE_INFINITY, nanoseconds: 0 };
  readonly #last = { seconds: Number.NaN, nanoseconds: 0 };

  /** `signal` makes the file end where it has been read to. */
  constructor(source: RecordStream, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  get end(): CaptureEnd | null {
    return this.#source.end;
  }

  get packetCount(): number {
    return this.#packetCount;
  }

  next(record: CaptureRecord): boolean {
    if (!this.#source.next(record)) return false;
    this.#count(record);
    return true;
  }

  async more(): Promise<boolean> {
    return this.#signal?.aborted !== true && (await this.#source.more());
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  report(): FileOrderReport {
    const isTimed = this.#packetCount > this.#untimedCount;
    return {
      packetCount: this.#packetCount,
      capturedByteLength: this.#capturedByteLength,
      originalByteLength: this.#originalByteLength,
      shortestByteLength: this.#packetCount === 0 ? 0 : this.#shortestByteLength,
      longestByteLength: this.#longestByteLength,
      snappedCount: this.#snappedCount,
      overlongCount: this.#overlongCount,
      untimedCount: this.#untimedCount,
      first: isTimed ? { ...this.#first } : null,
      earliest: isTimed ? { ...this.#earliest } : null,
      latest: isTimed ? { ...this.#latest } : null,
      stepBackCount: this.#stepBackCount,
      largestStepBackNs: this.#largestStepBackNs,
      linkTypes: Object.fromEntries(this.#linkTypes),
      trailers: this.#trailers.report(),
    };
  }

  #count(record: CaptureRecord): void {
    const { byteLength, originalByteLength, linkType } = record;
    this.#packetCount++;
    this.#capturedByteLength += byteLength;
    this.#originalByteLength += originalByteLength;
    if (originalByteLength < this.#shortestByteLength) this.#shortestByteLength = originalByteLength;
    if (originalByteLength > this.#longestByteLength) this.#longestByteLength = originalByteLength;
    if (byteLength < originalByteLength) this.#snappedCount++;
    if (byteLength > originalByteLength) this.#overlongCount++;
    this.#linkTypes.set(linkType, (this.#linkTypes.get(linkType) ?? 0) + 1);
    if (record.timed) this.#countTime(record.seconds, record.nanoseconds);
    else this.#untimedCount++;
    if (linkType !== LINKTYPE_ETHERNET || byteLength < originalByteLength) return;
    this.#headers.parse(record.bytes, record.offset, byteLength);
    this.#trailers.count(record, this.#headers);
  }

  #countTime(seconds: number, nanoseconds: number): void {
    const last = this.#last;
    if (Number.isNaN(last.seconds)) set(this.#first, seconds, nanoseconds);
    const stepNs = (seconds - last.seconds) * 1e9 + (nanoseconds - last.nanoseconds);
    if (stepNs < 0) {
      this.#stepBackCount++;
      this.#largestStepBackNs = Math.max(this.#largestStepBackNs, -stepNs);
    }
    set(last, seconds, nanoseconds);
    if (isBefore(last, this.#earliest)) set(this.#earliest, seconds, nanoseconds);
    if (isBefore(this.#latest, last)) set(this.#latest, seconds, nanoseconds);
  }
}

function set(time: { seconds: number; nanoseconds: number }, seconds: number, nanoseconds: number): void {
  time.seconds = seconds;
  time.nanoseconds = nanoseconds;
}

function isBefore(left: CaptureTime, right: CaptureTime): boolean {
  return left.seconds < right.seconds || (left.seconds === right.seconds && left.nanoseconds < right.nanoseconds);
}
