import { type FileHandle, open } from "node:fs/promises";
import type { CaptureDetails } from "./capture-details.ts";
import { CaptureError } from "./capture-error.ts";
import { type CaptureEnd, CaptureReader, type CaptureReaderOptions } from "./capture-reader.ts";
import { CaptureRecord } from "./capture-record.ts";
import { type ChunkSource, FileChunks } from "./chunk-source.ts";
import { DETECT_BYTE_LENGTH, detectFormat } from "./detect.ts";
import type { RecordStream } from "./record-stream.ts";
import { UnpackedChunks } from "./unpacked-chunks.ts";
import { type Compression, whyNotUnpackable } from "./unpacker.ts";

/**
 * Opens a capture file: pcap or pcapng, plain or in gzip or zstd, told apart by content. Close it, or iterate to the end.
 *
 * ```ts
 * const capture = await openCapture("session.pcap");
 * const record = new CaptureRecord();
 * do {
 *   while (capture.next(record)) replay(record);
 * } while (await capture.more());
 * if (capture.end?.cut) console.log(capture.end.cut.message);
 * ```
 *
 * @throws CaptureError when the file is missing, a directory, empty, unreadable or no capture.
 */
export async function openCapture(path: string, options: CaptureReaderOptions = {}): Promise<CaptureFile> {
  const name = options.name ?? path;
  const file = await openFile(path, name);
  const chunks = new FileChunks(file);
  let source: ChunkSource = chunks;
  try {
    const start = await chunks.peek(DETECT_BYTE_LENGTH);
    const compression = compressionOf(start, name);
    const isRegular = (await file.stat()).isFile();
    const reopen = async (): Promise<ChunkSource> => new FileChunks(await openFile(path, name));
    if (compression !== null) source = new UnpackedChunks(compression, chunks, isRegular ? reopen : undefined);
    const capture = new CaptureFile(path, compression, source, new CaptureReader({ ...options, name }));
    await capture.begin();
    return capture;
  } catch (error) {
    await source.close();
    throw readable(error, name);
  }
}

/**
 * An open capture. `next` is synchronous and gives the records that are in memory; `more` reads the next part of the
 * file. The asynchronous iterator does both for those who do not count nanoseconds, handing out one and the same record.
 */
export class CaptureFile implements RecordStream {
  readonly path: string;
  /** What the file was packed with; null for a plain one. */
  readonly compression: Compression | null;
  /** How the file ended; null until `more` has returned false. */
  end: CaptureEnd | null = null;
  readonly #source: ChunkSource;
  readonly #reader: CaptureReader;
  #isClosed = false;

  /** Made by {@link openCapture}. */
  constructor(path: string, compression: Compression | null, source: ChunkSource, reader: CaptureReader) {
    this.path = path;
    this.compression = compression;
    this.#source = source;
    this.#reader = reader;
  }

  get format(): "pcap" | "pcapng" {
    // Known since begin().
    return this.#reader.format as "pcap" | "pcapng";
  }

  /** What the file says of itself, as far as it was read. */
  get details(): CaptureDetails {
    return this.#reader.details;
  }

  /** How far the file on the disk has been read, in its own bytes, packed or not. */
  get fileOffset(): number {
    return this.#source.fileOffset;
  }

  /** Reads until the format is known. Called once, by {@link openCapture}. */
  async begin(): Promise<void> {
    while (this.#reader.format === undefined && this.end === null) await this.more();
  }

  /**
   * Fills `record` with the next one in memory; false when `more` must be called. The bytes of the record are good
   * until then.
   * @throws CaptureError when the file is damaged beyond a cut, or has a link type that was not asked for.
   */
  next(record: CaptureRecord): boolean {
    return this.#reader.next(record);
  }

  /** Reads on: true when `next` may have records again, false at the end, where `end` says how it was. */
  async more(): Promise<boolean> {
    if (this.end !== null) return false;
    let chunk: Uint8Array | null;
    try {
      chunk = await this.#source.read();
    } catch (error) {
      throw readable(error, this.path);
    }
    if (chunk !== null) {
      this.#reader.push(chunk);
      return true;
    }
    this.end = this.#reader.end(this.#source.damage);
    await this.close();
    return false;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#source.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureRecord, void, void> {
    const record = new CaptureRecord();
    try {
      do {
        while (this.next(record)) yield record;
      } while (await this.more());
    } finally {
      await this.close();
    }
  }
}

function compressionOf(start: Uint8Array, name: string): Compression | null {
  const format = detectFormat(start, 0, start.length);
  if (format !== "gzip" && format !== "zstd") return null;
  const why = whyNotUnpackable(format);
  if (why !== undefined) throw new CaptureError(`${name}: ${why}`);
  return format;
}

async function openFile(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw readable(error, name);
  }
}

/** The operating system's error as a sentence; everything else as it is. */
function readable(error: unknown, name: string): unknown {
  const code = error instanceof CaptureError || !(error instanceof Error) ? undefined : Reflect.get(error, "code");
  if (code === undefined) return error;
  const sentences: Record<string, string> = {
    ENOENT: "there is no such file.",
    ENOTDIR: "there is no such file.",
    EISDIR: "this is a directory, not a capture file.",
    EACCES: "the file may not be read by this user.",
    EPERM: "the file may not be read by this user.",
    EMFILE: "too many files are open.",
  };
  return new CaptureError(`${name}: ${sentences[code] ?? `the file cannot be read (${code}).`}`, undefined, {
    cause: error,
  });
}
