import type { CaptureEnd } from "../../emulator/wire/capture/capture-reader.ts";
import type { RecordSource } from "../../emulator/wire/capture/capture-record.ts";

/** Whether captured frames end in their FCS; `auto` believes the capture's header, and else the first frames' check. */
export type FcsMode = "auto" | "present" | "absent";

/** What frames are read from: a capture, or a generator. */
export interface FrameSource extends RecordSource {
  /** Reads on: true when `next` may have records again. Absent where all there is, is there. */
  more?(): Promise<boolean>;
  /** After `more` gave false: how the file ended. */
  readonly end?: CaptureEnd | null;
  close?(): Promise<void>;
}

/** What the reader saw. Plain data. */
export interface FrameReaderReport {
  readonly frameCount: number;
  /** Bytes as they go on the wire: padded, without FCS. */
  readonly byteCount: number;
  /** Records that were not in the window. */
  readonly outsideCount: number;
  /** Passes over the source that were begun. */
  readonly passCount: number;
  /** From the first to the last frame, as recorded, with the gaps between passes. */
  readonly recordedNs: number;
  /** When the last frame is to arrive, from the first one that was read. */
  readonly plannedNs: number;
  /** Frames and bytes that are to be sent: those of the source, but for what damage on the wire takes and adds. */
  readonly queuedCount: number;
  readonly queuedBytes: number;
  /** Frames below 60 bytes, which a transmitting MAC pads. */
  readonly paddedCount: number;
  /** Frames that the capture cut short (snap length); they are replayed as captured. */
  readonly snappedCount: number;
  /** Frames with an earlier time stamp than the one before: replayed in file order, at once. */
  readonly outOfOrderCount: number;
  /** Records without a time stamp: replayed with the one before. */
  readonly untimedCount: number;
  /** Frames whose FCS was checked and taken off, and those of them for which it was wrong. */
  readonly fcsCount: number;
  readonly badFcsCount: number;
  readonly longestByteCount: number;
}
