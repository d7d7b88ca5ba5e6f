import { ETHERNET_HEADER_BYTE_LENGTH } from "../frame.ts";
import type { CaptureEnd } from "./capture-reader.ts";
import { type CaptureRecord, LINKTYPE_ETHERNET } from "./capture-record.ts";
import { EthernetFraming } from "./ethernet-framing.ts";
import { FrameCopy } from "./frame-copy.ts";
import type { RecordStream } from "./record-stream.ts";

/** What became of frames without an Ethernet header. Plain data. */
export interface FramingReport {
  /** Frames that were given one. */
  readonly reframedCount: number;
  /** The link types that they were captured with, in order of appearance. */
  readonly linkTypes: readonly number[];
  /** Frames that no Ethernet carries, or whose captured header is cut; they are left out. */
  readonly skippedCount: number;
  /** Which of the records was the first of these, counted from 1; 0 when there is none. */
  readonly firstSkippedRecord: number;
}

/**
 * Gives every record an Ethernet header that was captured without one, by the rule of ethernet-framing.ts. Records of
 * link types that cannot be reframed come through as they are.
 */
export class EthernetRecords implements RecordStream {
  readonly #source: RecordStream;
  readonly #isKeepingAll: boolean;
  readonly #framing = new EthernetFraming();
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  readonly #copy = new FrameCopy();
  readonly #linkTypes: number[] = [];
  #lastLinkType = -1;
  #recordCount = 0;
  #reframedCount = 0;
  #skippedCount = 0;
  #firstSkippedRecord = 0;

  /**
   * `keepAll`: records that no Ethernet carries come through as they were captured, by their link type, instead of being
   * left out; for who looks at a capture and does not send it.
   */
  constructor(source: RecordStream, options: { readonly keepAll?: boolean } = {}) {
    this.#source = source;
    this.#isKeepingAll = options.keepAll ?? false;
  }

  get end(): CaptureEnd | null {
    return this.#source.end;
  }

  next(record: CaptureRecord): boolean {
    while (this.#source.next(record)) {
      this.#recordCount++;
      if (record.linkType === LINKTYPE_ETHERNET) return true;
      if (this.#framing.read(record)) {
        this.#reframe(record);
        return true;
      }
      this.#skippedCount++;
      if (this.#firstSkippedRecord === 0) this.#firstSkippedRecord = this.#recordCount;
      if (this.#isKeepingAll) return true;
    }
    return false;
  }

  more(): Promise<boolean> {
    return this.#source.more();
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  report(): FramingReport {
    return {
      reframedCount: this.#reframedCount,
      linkTypes: [...this.#linkTypes],
      skippedCount: this.#skippedCount,
      firstSkippedRecord: this.#firstSkippedRecord,
    };
  }

  #reframe(record: CaptureRecord): void {
    const stripped = this.#framing.strippedByteLength;
    const from = record.offset + stripped;
    const byteLength = record.byteLength - stripped;
    const end = ETHERNET_HEADER_BYTE_LENGTH + byteLength;
    if (end > this.#bytes.length) {
      this.#bytes = new Uint8Array(2 * end);
      this.#view = new DataView(this.#bytes.buffer);
    }
    const bytes = this.#bytes;
    this.#copy.copy(record.bytes, from, bytes, this.#view, ETHERNET_HEADER_BYTE_LENGTH, byteLength);
    this.#framing.writeHeader(bytes, end, record);
    if (record.linkType !== this.#lastLinkType) {
      this.#lastLinkType = record.linkType;
      if (!this.#linkTypes.includes(record.linkType)) this.#linkTypes.push(record.linkType);
    }
    this.#reframedCount++;
    record.bytes = bytes;
    record.offset = 0;
    record.byteLength = end;
    record.originalByteLength = Math.max(0, record.originalByteLength - stripped) + ETHERNET_HEADER_BYTE_LENGTH;
    record.linkType = LINKTYPE_ETHERNET;
    record.fcsByteLength = 0;
  }
}
