import { ByteWindow } from "./byte-window.ts";
import { type CaptureDetails, NO_DETAILS } from "./capture-details.ts";
import { CaptureError, hexOffset } from "./capture-error.ts";
import type { CaptureParser } from "./capture-parser.ts";
import { type CaptureRecord, LINKTYPE_ETHERNET, type RecordSource } from "./capture-record.ts";
import { DETECT_BYTE_LENGTH, describeStart, detectFormat } from "./detect.ts";
import { linkTypeName } from "./link-types.ts";
import { PcapParser } from "./pcap.ts";
import { PcapngParser } from "./pcapng.ts";

export interface CaptureReaderOptions {
  /** What messages call the file; "capture" when left out. */
  readonly name?: string;
  /** Link types that the caller can handle, or "any". Ethernet alone when left out. */
  readonly linkTypes?: readonly number[] | "any";
}

/** Where a capture stopped short. Everything whole before that was delivered. */
export interface CaptureCut {
  /** The first record that could not be delivered, counted from 1. */
  readonly recordNumber: number;
  /** Where in the (unpacked) file the incomplete header, record or block begins. */
  readonly fileOffset: number;
  /** Bytes missing to complete it, as far as what is there tells: a cut header does not say how long its record was. */
  readonly missingByteCount: number;
  /** One sentence for people. */
  readonly message: string;
}

/** How a capture ended. */
export interface CaptureEnd {
  readonly format: "pcap" | "pcapng";
  /** Records delivered, all of them whole. */
  readonly recordCount: number;
  /** Bytes of the (unpacked) file that arrived. */
  readonly fileByteLength: number;
  /** Null when the file ended at the end of a record, as it should. */
  readonly cut: CaptureCut | null;
}

/**
 * Reads a capture that arrives in pieces: push a chunk, take records until there is none, push the next, and ask at the
 * end how the file ended. Every split of the file into chunks gives the same records.
 *
 * ```ts
 * const reader = new CaptureReader();
 * const record = new CaptureRecord();
 * for (const chunk of chunks) {
 *   reader.push(chunk);
 *   while (reader.next(record)) count += record.byteLength;
 * }
 * if (reader.end().cut !== null) …
 * ```
 *
 * Memory: the incomplete rest of the input (a record of at most 16 MiB and its options) plus the chunk, or twice that
 * while it grows. No allocation per record.
 */
export class CaptureReader implements RecordSource {
  readonly #name: string;
  readonly #linkTypes: readonly number[] | "any";
  readonly #window = new ByteWindow();
  #parser: CaptureParser | undefined;
  #format: "pcap" | "pcapng" = "pcap";
  /** The link type of the record before: the list is searched only where it changes. */
  #acceptedLinkType = -1;
  #isDrained = true;
  #error: CaptureError | undefined;

  constructor(options: CaptureReaderOptions = {}) {
    this.#name = options.name ?? "capture";
    this.#linkTypes = options.linkTypes ?? [LINKTYPE_ETHERNET];
  }

  /** Known once the first four bytes were pushed. */
  get format(): "pcap" | "pcapng" | undefined {
    return this.#parser === undefined ? undefined : this.#format;
  }

  /** What the file says of itself, as far as it was read. */
  get details(): CaptureDetails {
    return this.#parser?.details ?? NO_DETAILS;
  }

  /** Bytes of memory that the reader holds for input. */
  get bufferByteLength(): number {
    return this.#window.capacityByteLength;
  }

  /**
   * Adds the next bytes of the file. They are copied; `chunk` stays the caller's. Records taken before lose their bytes.
   * @throws CaptureError when the first four bytes belong to no capture.
   * @throws Error when records of the chunk before were not all taken: they would pile up in memory.
   */
  push(chunk: Uint8Array): void {
    if (!this.#isDrained) {
      throw new Error("CaptureReader.push: call next() until it returns false before pushing the next chunk.");
    }
    if (this.#error !== undefined) throw this.#error;
    this.#window.append(chunk);
    if (this.#parser === undefined && this.#window.byteLength >= DETECT_BYTE_LENGTH) this.#detect();
    this.#isDrained = this.#parser === undefined;
  }

  /**
   * Fills `record` with the next whole one; false when more bytes are needed.
   * @throws CaptureError when the file is damaged beyond a cut, or has a link type that was not asked for; every later
   * call throws the same.
   */
  next(record: CaptureRecord): boolean {
    if (this.#error !== undefined) throw this.#error;
    const parser = this.#parser;
    if (parser === undefined) return false;
    try {
      if (parser.next(this.#window, record)) {
        if (record.linkType !== this.#acceptedLinkType) this.#checkLinkType(record, parser);
        return true;
      }
    } catch (error) {
      if (error instanceof CaptureError) this.#error = error;
      throw error;
    }
    this.#isDrained = true;
    return false;
  }

  /**
   * Says how the file ended, when all of it was pushed and all records were taken. `damage`, when given, is a sentence
   * on why no more could be had (a broken gzip stream): the end is then a cut, wherever it fell.
   * @throws CaptureError when the file is empty or too short to be a capture, or when `next` has thrown one.
   */
  end(damage?: string): CaptureEnd {
    if (this.#error !== undefined) throw this.#error;
    if (!this.#isDrained) throw new Error("CaptureReader.end: call next() until it returns false first.");
    const window = this.#window;
    const parser = this.#parser;
    const fileByteLength = window.fileOffset + window.byteLength;
    if (parser === undefined) {
      this.#error =
        damage === undefined ? this.#notACapture() : new CaptureError(`${this.#name}: ${damage}`, fileByteLength);
      throw this.#error;
    }
    const { recordCount } = parser;
    const part = parser.incomplete(window);
    if (part === null && damage === undefined) {
      return { format: this.#format, recordCount, fileByteLength, cut: null };
    }
    const message =
      damage === undefined && part !== null
        ? `${this.#name}: the file ends inside ${part.what}, which begins at file offset ` +
          `${hexOffset(part.fileOffset)}: at least ${part.missingByteCount} bytes are missing.`
        : `${this.#name}: ${damage} ${recordCount} records are whole before that.`;
    const cut: CaptureCut = {
      recordNumber: recordCount + 1,
      fileOffset: part?.fileOffset ?? fileByteLength,
      missingByteCount: part?.missingByteCount ?? 0,
      message,
    };
    return { format: this.#format, recordCount, fileByteLength, cut };
  }

  #checkLinkType(record: CaptureRecord, parser: CaptureParser): void {
    if (this.#linkTypes === "any" || this.#linkTypes.includes(record.linkType)) {
      this.#acceptedLinkType = record.linkType;
      return;
    }
    throw new CaptureError(
      `${this.#name}: record ${parser.recordCount} has link type ${linkTypeName(record.linkType)}, ` +
        `but only ${this.#linkTypes.map(linkTypeName).join(", ")} can be replayed here.`,
    );
  }

  #detect(): void {
    const { bytes, start, byteLength } = this.#window;
    const format = detectFormat(bytes, start, byteLength);
    if (format !== "pcap" && format !== "pcapng") {
      this.#error = this.#notACapture();
      throw this.#error;
    }
    this.#format = format;
    this.#parser = format === "pcap" ? new PcapParser(this.#name) : new PcapngParser(this.#name);
  }

  #notACapture(): CaptureError {
    const { bytes, start, byteLength } = this.#window;
    if (byteLength === 0) return new CaptureError(`${this.#name}: the file is empty.`, 0);
    const format = detectFormat(bytes, start, byteLength);
    if (format === "kuznetzov") {
      return new CaptureError(
        `${this.#name}: this is Kuznetzov's variant of pcap (magic 0xa1b2cd34), whose record headers are longer; ` +
          `convert it with "editcap -F pcap" first.`,
        0,
      );
    }
    const startText = describeStart(bytes, start, byteLength);
    if (format === "gzip" || format === "zstd") {
      return new CaptureError(`${this.#name}: starts with ${startText}: unpack the ${format} first.`, 0);
    }
    return new CaptureError(
      `${this.#name}: starts with ${startText}, neither pcap, pcapng nor gzip or zstd of one.`,
      0,
    );
  }
}
