import { exploreInThread } from "../explore/explore-thread.ts";
import type { RaceReport } from "../explore/report.ts";
import { isOfTest } from "../explore/test-token.ts";
import { readToken } from "../explore/token.ts";
import type { ReportContents } from "../page/report/report-contents.ts";
import { UsageError } from "./exit-codes.ts";
import { exitCodeOf, replayCommand } from "./explore-outcome.ts";
import { onInterrupt } from "./interrupt.ts";
import { placeOf } from "./scenario-place.ts";

export interface RerunOptions {
  readonly isFixed: boolean;
  readonly hangLimitMs: number;
}

/** The run of a token once more, for a report. Throws UsageError when it cannot be run, or does not come to its end. */
export async function rerunForReport(token: string, racesUrl: string, options: RerunOptions): Promise<ReportContents> {
  const race = readToken(token);
  if (isOfTest(race)) throw new UsageError("The token is of a test: its report is the message with which it fails.");
  const place = await placeOf(race.program, racesUrl, options.isFixed);
  const interrupt = onInterrupt();
  const { hangLimitMs } = options;
  const outcome = await exploreInThread(place, { kind: "rerun", token }, { hangLimitMs, signal: interrupt.signal });
  interrupt.restore();
  if (outcome.kind !== "rerun") {
    exitCodeOf(outcome);
    const { message = "it was interrupted" } = outcome as { readonly message?: string };
    throw new UsageError(`The run does not come to its end, and there is nothing to report: ${message}.`);
  }
  const { run, ...rerun } = outcome.report;
  return {
    title: `${place.name}${place.isFixed ? " (fixed)" : ""}`,
    explored: { failure: run, rerun, command: replayCommand(token, place.isFixed) },
    declarations: new Map(),
  };
}

/** The failure that a search has found, for a report. */
export function failureContents(failure: RaceReport, isFixed: boolean): ReportContents {
  return {
    title: `${failure.program}${isFixed ? " (fixed)" : ""}`,
    explored: { failure, rerun: undefined, command: replayCommand(failure.token, isFixed) },
    declarations: new Map(),
  };
}
