import { PerfettoWriter } from "./perfetto-writer.ts";
import { isEvent, type TraceRecord } from "./trace-event.ts";
import { TraceFilter, type TraceFilterOptions } from "./trace-filter.ts";
import type { TraceOutput } from "./trace-output.ts";
import { TraceReader } from "./trace-reader.ts";
import { TraceText } from "./trace-text.ts";
import { JsonLinesWriter, type TraceWriter } from "./trace-writer.ts";
import { VcdSurvey, VcdWriter } from "./vcd-writer.ts";
import { WireWriter } from "./wire-writer.ts";

/** `vcd`: GTKWave; `perfetto`: ui.perfetto.dev and chrome://tracing; `pcapng`: Wireshark; `jsonl`: the trace itself. */
export const TRACE_FORMATS = ["vcd", "perfetto", "pcapng", "text", "jsonl"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** What a conversion has come to. */
export interface ConvertReport {
  readonly format: TraceFormat;
  /** Events read, and written after the filter. */
  readonly readCount: number;
  readonly writtenCount: number;
  readonly lostCount: number;
  /** Why the trace is not whole; what there is was converted. */
  readonly damage?: string;
}

/** Records after which the output is asked whether it can take more. */
const RECORDS_PER_FLUSH = 512;

/**
 * Reads a trace and writes it in another form, piece by piece. For `vcd` the file is read twice. Rejects with
 * TraceFormatError for what is no trace; what was written up to there stays.
 */
export async function convertTrace(
  path: string,
  format: TraceFormat,
  output: TraceOutput,
  options: TraceFilterOptions = {},
): Promise<ConvertReport> {
  const survey = new VcdSurvey();
  if (format === "vcd") {
    const filter = new TraceFilter(options);
    for await (const record of new TraceReader(path).records()) {
      const left = filter.filtered(record);
      if (left !== undefined) survey.see(left);
    }
  }
  const reader = new TraceReader(path);
  const filter = new TraceFilter(options);
  let writer: TraceWriter | undefined;
  let [readCount, writtenCount, recordCount] = [0, 0, 0];
  let lostCount = 0;
  for await (const record of reader.records()) {
    // Not before there is a header: of what is no trace nothing is written.
    writer ??= writerOf(format, output, survey);
    if (isEvent(record)) readCount++;
    if (record.kind === "lost") lostCount += record.count;
    const left = filter.filtered(record);
    if (left === undefined) continue;
    if (isEvent(left)) writtenCount++;
    writer.write(left);
    if (++recordCount % RECORDS_PER_FLUSH === 0) await output.flush();
  }
  writer?.end();
  const damage = reader.cut === undefined ? {} : { damage: reader.cut };
  return { format, readCount, writtenCount, lostCount: reader.end?.lostCount ?? lostCount, ...damage };
}

/** Writes the records of a trace that is in memory. */
export function writeTrace(records: readonly TraceRecord[], format: TraceFormat, output: TraceOutput): void {
  const survey = new VcdSurvey();
  if (format === "vcd") for (const record of records) survey.see(record);
  const writer = writerOf(format, output, survey);
  for (const record of records) writer.write(record);
  writer.end();
}

function writerOf(format: TraceFormat, output: TraceOutput, survey: VcdSurvey): TraceWriter {
  switch (format) {
    case "vcd":
      return new VcdWriter(output, survey);
    case "perfetto":
      return new PerfettoWriter(output);
    case "pcapng":
      return new WireWriter(output);
    case "text":
      return new TraceText(output);
    default:
      return new JsonLinesWriter(output);
  }
}
