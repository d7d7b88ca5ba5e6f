import type { ByteWindow } from "./byte-window.ts";
import type { CaptureDetails } from "./capture-details.ts";
import { CaptureError, hexOffset } from "./capture-error.ts";
import type { CaptureRecord } from "./capture-record.ts";

/** Longest frame a record may hold; a longer one is damage, for no link carries it and no memory should wait for it. */
export const MAX_RECORD_BYTE_LENGTH: number = 16 * 1024 * 1024;

/** What pcap and pcapng have in common for the reader above them. One object parses one file. */
export interface CaptureParser {
  /** Records delivered so far. */
  readonly recordCount: number;
  /** What the file says of itself, as far as it was read. */
  readonly details: CaptureDetails;
  /**
   * Takes the next record off the window: true when `record` is filled (its bytes lie in the window's buffer and stay
   * until the next append), false when the window does not hold a whole one.
   * @throws CaptureError when the bytes cannot be what they should be.
   */
  next(window: ByteWindow, record: CaptureRecord): boolean;
  /** After `next` returned false: what the window starts with and lacks the end of; null where a file may end. */
  incomplete(window: ByteWindow): IncompletePart | null;
}

/** The part of a file that its end cuts through. */
export interface IncompletePart {
  /** For messages: "the file header", "record 17", "the block of type 0x0005". */
  readonly what: string;
  readonly fileOffset: number;
  /** Bytes missing to complete it, as far as what is there tells: a cut header does not say how long its record was. */
  readonly missingByteCount: number;
}

/** The error for a length field that no record can have. */
export function recordTooLong(
  name: string,
  recordNumber: number,
  fileOffset: number,
  claimedByteLength: number,
): CaptureError {
  return new CaptureError(
    `${name}: record ${recordNumber} at file offset ${hexOffset(fileOffset)} claims ${claimedByteLength} bytes, ` +
      `more than the ${MAX_RECORD_BYTE_LENGTH} that a record may have; the file is damaged there.`,
    fileOffset,
  );
}
