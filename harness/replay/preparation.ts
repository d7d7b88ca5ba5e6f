import { EthernetRecords, type FramingReport } from "../../emulator/wire/capture/ethernet-records.ts";
import { MergedRecords } from "../../emulator/wire/capture/merged-records.ts";
import type { RecordStream } from "../../emulator/wire/capture/record-stream.ts";
import { type OrderReport, TimeOrderedRecords } from "../../emulator/wire/capture/time-ordered-records.ts";
import {
  type TrailerOptions,
  TrailerRecords,
  type TrailerReport,
} from "../../emulator/wire/capture/trailer-records.ts";
import { FcsRecords } from "./fcs-records.ts";
import type { FcsMode } from "./frame-source.ts";

/** In which order records are replayed. */
export type RecordOrder = "time" | "file";

export interface PreparationOptions {
  readonly order: RecordOrder;
  readonly fcs: FcsMode;
  /** The trailer to take off each frame; none when left out. */
  readonly trailer?: TrailerOptions;
}

/** What was done to the records before they went on the wire, of all captures together. Plain data. */
export interface PreparationReport {
  readonly framing: FramingReport;
  /** Absent in file order. */
  readonly order?: OrderReport;
  /** Absent where no trailer was asked for. */
  readonly trailer?: TrailerReport;
}

/** Records on their way from files to a wire. */
export interface PreparedRecords {
  readonly records: RecordStream;
  report(): PreparationReport;
}

/**
 * Of each capture by itself, because each was made by a device of its own: trailers come off first, as they may give the
 * time, then headers go on, then it is found out whether there is an FCS. The captures are merged by time, and what is
 * still out of order is put in its place. Whoever closes the outermost stream closes the files.
 */
export function prepareRecords(captures: readonly RecordStream[], options: PreparationOptions): PreparedRecords {
  const { order, fcs, trailer: wanted } = options;
  const trailers: TrailerRecords[] = [];
  const framings: EthernetRecords[] = [];
  const ready = captures.map((capture) => {
    const trailer = wanted === undefined ? undefined : new TrailerRecords(capture, wanted);
    if (trailer !== undefined) trailers.push(trailer);
    const framing = new EthernetRecords(trailer ?? capture);
    framings.push(framing);
    return new FcsRecords(framing, fcs);
  });
  const [only] = ready;
  const merged = only !== undefined && ready.length === 1 ? only : new MergedRecords(ready);
  const ordered = order === "time" ? new TimeOrderedRecords(merged) : undefined;
  return {
    records: ordered ?? merged,
    report: () => ({
      framing: framingOf(framings.map((each) => each.report())),
      ...(ordered === undefined ? {} : { order: ordered.report() }),
      ...(wanted === undefined ? {} : { trailer: { ...wanted, ...trailersOf(trailers.map((each) => each.report())) } }),
    }),
  };
}

function framingOf(reports: readonly FramingReport[]): FramingReport {
  return {
    reframedCount: sumOf(reports.map(({ reframedCount }) => reframedCount)),
    linkTypes: [...new Set(reports.flatMap(({ linkTypes }) => linkTypes))],
    skippedCount: sumOf(reports.map(({ skippedCount }) => skippedCount)),
    firstSkippedRecord: reports.find(({ skippedCount }) => skippedCount > 0)?.firstSkippedRecord ?? 0,
  };
}

function trailersOf(reports: readonly TrailerReport[]): Pick<TrailerReport, "foundCount" | "missingCount"> {
  return {
    foundCount: sumOf(reports.map(({ foundCount }) => foundCount)),
    missingCount: sumOf(reports.map(({ missingCount }) => missingCount)),
  };
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
