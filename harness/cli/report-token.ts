import { exploreInThread } from "../explore/explore-thread.ts";
import type { RaceReport } from "../explore/report.ts";
import type { ScenarioPlace } from "../explore/scenario.ts";
import { isOfTest } from "../explore/test-token.ts";
import { readToken } from "../explore/token.ts";
import type { ExploredContents, ReportContents } from "../page/report/report-contents.ts";
import { TraceCollector } from "../page/report/trace-contents.ts";
import type { TraceRecord } from "../trace/trace-event.ts";
import { UsageError } from "./exit-codes.ts";
import { noResultOf, replayCommand } from "./explore-outcome.ts";
import { onInterrupt } from "./interrupt.ts";
import { EVENT_LIMIT } from "./report-inputs.ts";
import { placeOf } from "./scenario-place.ts";

export interface RerunOptions {
  readonly isFixed: boolean;
  readonly hangLimitMs: number;
}

/** The run of a token once more, for a report. Throws UsageError when it cannot be run, NoResultError when it does not come to its end. */
export async function rerunForReport(token: string, racesUrl: string, options: RerunOptions): Promise<ReportContents> {
  const race = readToken(token);
  if (isOfTest(race)) throw new UsageError("The token is of a test: its report is the message with which it fails.");
  const place = await placeOf(race.program, racesUrl, options.isFixed);
  const interrupt = onInterrupt();
  const { hangLimitMs } = options;
  const work = { kind: "trace", token, model: race.model } as const;
  const outcome = await exploreInThread(place, work, { hangLimitMs, signal: interrupt.signal });
  interrupt.restore();
  if (outcome.kind !== "traced") throw noResultOf(outcome, "nothing to report");
  const { run, ...rerun } = outcome.report;
  const command = replayCommand(token, place.isFixed);
  return contentsOf(
    `${place.name}${place.isFixed ? " (fixed)" : ""}`,
    { failure: run, rerun, command },
    outcome.records,
  );
}

/** The failure that a search has found, run once more for its events. */
export async function failureContents(
  failure: RaceReport,
  place: ScenarioPlace,
  hangLimitMs: number,
): Promise<ReportContents> {
  const work = { kind: "trace", token: failure.token, model: failure.model } as const;
  const outcome = await exploreInThread(place, work, { hangLimitMs });
  const explored = { failure, rerun: undefined, command: replayCommand(failure.token, place.isFixed) };
  const records = outcome.kind === "traced" ? outcome.records : [];
  return contentsOf(`${place.name}${place.isFixed ? " (fixed)" : ""}`, explored, records);
}

function contentsOf(title: string, explored: ExploredContents, records: readonly TraceRecord[]): ReportContents {
  const collector = new TraceCollector(EVENT_LIMIT);
  for (const record of records) collector.take(record);
  const trace = collector.contents();
  return { title, explored, declarations: new Map(), ...(trace === undefined ? {} : { trace }) };
}
