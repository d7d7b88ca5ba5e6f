import type { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { Trailer, type TrailerKind } from "../../emulator/wire/capture/trailer.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../emulator/wire/crc32.ts";
import type { FrameHeaders } from "../../emulator/wire/frame.ts";

/** What stands behind the frames of a capture. Plain data; only whole Ethernet frames are looked at. */
export interface TrailerSurveyReport {
  readonly lookedAtCount: number;
  /** Frames that end in their right FCS and nothing else behind the frame. */
  readonly fcsCount: number;
  /** Frames without a right FCS, where the file says that there is one, or nine in ten others have it. */
  readonly wrongFcsCount: number;
  /** Frames with a trailer of a capture device, proven by a check sum. */
  readonly devices: Readonly<Record<string, number>>;
  /** Which of these to take off in a replay: nearly all frames have it. */
  readonly suggested: TrailerKind | undefined;
}

/** Those that a frame can prove by itself. */
const PROVEN_KINDS: readonly TrailerKind[] = ["metamako", "exablaze", "arista-7150"];

/** Looks at the end of each frame for an FCS and for what capture devices put there. */
export class TrailerSurvey {
  readonly #trailer = new Trailer();
  readonly #counts = new Map<TrailerKind, number>(PROVEN_KINDS.map((kind) => [kind, 0]));
  #lookedAtCount = 0;
  #fcsCount = 0;
  #declaredCount = 0;

  /** Counts a whole Ethernet frame with everything behind it; `headers` are those of it. */
  count(record: CaptureRecord, headers: FrameHeaders): void {
    this.#lookedAtCount++;
    if (record.fcsByteLength > 0) this.#declaredCount++;
    // An IP datagram that reaches to the end leaves no room; for other frames only the check sum can tell.
    const hasIp = headers.ipVersion !== 0;
    if (hasIp && headers.trailerByteLength < FCS_BYTE_LENGTH) return;
    const kind = this.#kindOf(record, headers, hasIp);
    if (kind !== undefined) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    else if (hasValidFcs(record.bytes, record.offset, record.byteLength)) this.#fcsCount++;
  }

  report(): TrailerSurveyReport {
    const found = [...this.#counts].filter(([, count]) => count > 0);
    const deviceCount = found.reduce((sum, [, count]) => sum + count, 0);
    const most = 0.9 * this.#lookedAtCount;
    const isExpected = this.#declaredCount > 0 || this.#fcsCount > most;
    const right = this.#fcsCount + deviceCount;
    return {
      lookedAtCount: this.#lookedAtCount,
      fcsCount: this.#fcsCount,
      wrongFcsCount: isExpected ? Math.max(0, Math.max(this.#declaredCount, this.#lookedAtCount) - right) : 0,
      devices: Object.fromEntries(found),
      suggested: found.find(([, count]) => count > most)?.[0],
    };
  }

  #kindOf(record: CaptureRecord, headers: FrameHeaders, hasIp: boolean): TrailerKind | undefined {
    // The shortest of them has eight bytes behind the frame.
    if (hasIp && headers.trailerByteLength < 2 * FCS_BYTE_LENGTH) return undefined;
    const ipEnd = hasIp ? record.byteLength - headers.trailerByteLength : -1;
    for (const kind of PROVEN_KINDS) if (this.#isProven(kind, record, ipEnd)) return kind;
    return undefined;
  }

  /** Ticks prove themselves by where the IP datagram before them ends, stamps by the FCS that they keep. */
  #isProven(kind: TrailerKind, record: CaptureRecord, ipEnd: number): boolean {
    if (kind === "arista-7150" && ipEnd < 0) return false;
    const { bytes, offset, byteLength, timed, seconds } = record;
    const captureSeconds = timed ? seconds : Number.NaN;
    if (!this.#trailer.parse(kind, bytes, offset, byteLength, captureSeconds, ipEnd)) return false;
    if (kind === "arista-7150") return this.#isStamp(bytes, offset, byteLength, ipEnd);
    return this.#trailer.isFcsRight;
  }

  /** Four bytes before a right FCS are padding as well, unless they are not zero and only zeros stand before them. */
  #isStamp(bytes: Uint8Array, offset: number, byteLength: number, ipEnd: number): boolean {
    for (let at = ipEnd; at < byteLength - 2 * FCS_BYTE_LENGTH; at++) if (bytes[offset + at] !== 0) return false;
    return this.#trailer.ticks !== 0;
  }
}
