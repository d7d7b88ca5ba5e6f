import { exploredRecords } from "../trace/explored-trace.ts";
import type { TraceRecord } from "../trace/trace-event.ts";
import type { ExploredRun } from "../trace/trace-header.ts";
import { FileOutput } from "../trace/trace-output.ts";
import { JsonLinesWriter } from "../trace/trace-writer.ts";
import { isOfDriver } from "./driver-session.ts";
import { drawnRows } from "./picture.ts";
import type { AnySession } from "./search-session.ts";

/** What is known of a run besides its steps. */
export interface RunFacts extends ExploredRun {
  /** Why it failed, in words; empty for a run that did not. */
  readonly failure: string;
}

/** The trace of the last run of a session, which was made with its trace on. */
export function recordsOfRun(session: AnySession, { failure, ...run }: RunFacts): TraceRecord[] {
  const { machine, execution } = session;
  const { trace } = execution;
  const { plugged, tracing } = isOfDriver(session) ? session : {};
  const { schedule } = execution.recorder;
  const rows = drawnRows(machine, trace);
  return exploredRecords({ machine, trace, plugged, tracing, run, failure, lineOf: trace.lineOf, rows, schedule });
}

/** The same, into a file, as JSON lines. Throws what the file system throws. */
export function writeExploredTrace(path: string, session: AnySession, facts: RunFacts): void {
  const output = new FileOutput(path);
  const writer = new JsonLinesWriter(output);
  for (const record of recordsOfRun(session, facts)) writer.write(record);
  output.closeNow();
}
