import type { CaptureEnd } from "./capture-reader.ts";
import type { RecordSource } from "./capture-record.ts";

/**
 * Records that arrive in parts, as those of a file do. What prepares records for a wire (trailers off, Ethernet headers
 * on, order of time) is one of these around another, so that any of them can be left out.
 */
export interface RecordStream extends RecordSource {
  /** Reads on: true when `next` may have records again, false at the end. */
  more(): Promise<boolean>;
  /** How the file ended; null before that. */
  readonly end: CaptureEnd | null;
  close(): Promise<void>;
}
