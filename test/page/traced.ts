import { ixgbe } from "../../devices/index.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import type { ReportContents } from "../../harness/page/report/report-contents.ts";
import { TraceCollector, type TraceContents } from "../../harness/page/report/trace-contents.ts";
import { SyntheticTrace } from "./synthetic-trace.ts";

/** A trace of so many events, and what a report is made of it. */
export async function traced(eventCount: number): Promise<{ trace: SyntheticTrace; contents: ReportContents }> {
  const trace = new SyntheticTrace(eventCount, 1);
  const declaration = declarationOf(await loadDevice(ixgbe()));
  const collector = new TraceCollector(eventCount);
  for (const record of trace.records()) collector.take(record);
  const traceContents = collector.contents() as TraceContents;
  const contents = {
    title: trace.header.title,
    trace: traceContents,
    declarations: new Map([["ixgbe", declaration]]),
  };
  return { trace, contents };
}
