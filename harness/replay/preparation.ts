import { EthernetRecords, type FramingReport } from "../../emulator/wire/capture/ethernet-records.ts";
import type { RecordStream } from "../../emulator/wire/capture/record-stream.ts";
import { type OrderReport, TimeOrderedRecords } from "../../emulator/wire/capture/time-ordered-records.ts";
import {
  type TrailerOptions,
  TrailerRecords,
  type TrailerReport,
} from "../../emulator/wire/capture/trailer-records.ts";

/** In which order records are replayed. */
export type RecordOrder = "time" | "file";

export interface PreparationOptions {
  readonly order: RecordOrder;
  /** The trailer to take off each frame; none when left out. */
  readonly trailer?: TrailerOptions;
}

/** What was done to the records of a capture before they went on the wire. Plain data. */
export interface PreparationReport {
  readonly framing: FramingReport;
  /** Absent in file order. */
  readonly order?: OrderReport;
  /** Absent where no trailer was asked for. */
  readonly trailer?: TrailerReport;
}

/** Records on their way from a file to a wire. */
export interface PreparedRecords {
  readonly records: RecordStream;
  report(): PreparationReport;
}

/**
 * Trailers come off first, because they may give the time; then headers go on; then time is put in order. Whoever closes
 * the outermost stream closes the file.
 */
export function prepareRecords(capture: RecordStream, options: PreparationOptions): PreparedRecords {
  const trailer = options.trailer === undefined ? undefined : new TrailerRecords(capture, options.trailer);
  const framing = new EthernetRecords(trailer ?? capture);
  const ordered = options.order === "time" ? new TimeOrderedRecords(framing) : undefined;
  return {
    records: ordered ?? framing,
    report: () => ({
      framing: framing.report(),
      ...(ordered === undefined ? {} : { order: ordered.report() }),
      ...(trailer === undefined ? {} : { trailer: trailer.report() }),
    }),
  };
}
