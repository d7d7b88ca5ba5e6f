import {
  type CaptureEnd,
  CaptureReader,
  type CaptureReaderOptions,
} from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";

/** A record copied out of the reader. */
export interface ReadRecord {
  seconds: number;
  nanoseconds: number;
  timed: boolean;
  bytes: number[];
  originalByteLength: number;
  interfaceIndex: number;
  sectionIndex: number;
  linkType: number;
  fcsByteLength: number;
}

export function copyOf(record: CaptureRecord): ReadRecord {
  const { seconds, nanoseconds, timed, originalByteLength, interfaceIndex, sectionIndex, linkType, fcsByteLength } =
    record;
  const bytes = [...record.bytes.subarray(record.offset, record.offset + record.byteLength)];
  return {
    seconds,
    nanoseconds,
    timed,
    bytes,
    originalByteLength,
    interfaceIndex,
    sectionIndex,
    linkType,
    fcsByteLength,
  };
}

/** The file in chunks that end at the given positions (taken modulo its length). */
export function chunksOf(file: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const positions = cuts.map((cut) => cut % (file.length + 1)).sort((left, right) => left - right);
  return [0, ...positions].map((from, index) => file.subarray(from, positions[index] ?? file.length));
}

/** Pushes the chunks through a reader and collects what comes out; each chunk is wiped afterwards, as a caller may. */
export function readChunks(
  chunks: readonly Uint8Array[],
  options?: CaptureReaderOptions,
  records: ReadRecord[] = [],
): { records: ReadRecord[]; end: CaptureEnd; bufferByteLength: number } {
  const reader = new CaptureReader(options);
  const record = new CaptureRecord();
  for (const chunk of chunks) {
    const lent = chunk.slice();
    reader.push(lent);
    lent.fill(0xdd);
    while (reader.next(record)) records.push(copyOf(record));
  }
  return { records, end: reader.end(), bufferByteLength: reader.bufferByteLength };
}
