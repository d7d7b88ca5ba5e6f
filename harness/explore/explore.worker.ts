/** The thread in which a scenario of the command line runs: what it does to its thread, it does to no other. */
import { parentPort, workerData } from "node:worker_threads";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { EXPLORED_STEPS_MAX } from "../trace/explored-trace.ts";
import { ExploredTracing } from "../trace/explored-tracing.ts";
import { BODY, EXPLAINING, PHASE, RUNS, SEARCHING, SETTING_UP, STEPS, STOP, WHERE } from "./beats.ts";
import { campaign } from "./campaign.ts";
import type { ExploreAnswer, ExploreThreadData, SavedOutcome } from "./explore-thread.ts";
import { ForeignWaitError } from "./foreign-watch.ts";
import { PromiseReturnedError } from "./plain-functions.ts";
import { hungToken, type RerunReport, rerunToken } from "./rerun-token.ts";
import { RunLimit, RunLimitError } from "./run-limit.ts";
import { loadScenario, ScenarioError, SetupError } from "./scenario.ts";
import { SearchSession } from "./search-session.ts";
import { ScheduleTooLong } from "./shrink.ts";
import { type RaceToken, readToken } from "./token.ts";
import { inTime } from "./work.ts";
import { type RunFacts, recordsOfRun } from "./write-explored-trace.ts";

const { place, work, beats, hangLimitMs } = workerData as ExploreThreadData;
const post = (answer: ExploreAnswer): void => parentPort?.postMessage(answer);

try {
  const tracing = work.kind === "trace" ? new ExploredTracing(work.detail) : undefined;
  const onBody = (isBody: boolean): void => void Atomics.store(beats, WHERE, isBody ? BODY : SETTING_UP);
  const { session, sourceHash } = await loadScenario(place, onBody, tracing);
  session.onRun = () => void Atomics.add(beats, RUNS, 1);
  session.onStep = () => void Atomics.store(beats, STEPS, session.execution.stepCount);
  Atomics.store(beats, PHASE, SEARCHING);
  // A failure that is replayed may be one of starving; a search sets it as it was told to.
  session.execution.mustEnd = true;
  // One of starving is as long as a run can be, and what it waits for stands at its end.
  session.execution.trace.resize(EXPLORED_STEPS_MAX);
  if (work.kind === "rerun") {
    post({ kind: "rerun", report: await inTime(rerunToken(session, readToken(work.token), sourceHash)) });
  } else if (work.kind === "trace") {
    const ordinary = { program: place.name, sourceHash, strategy: "portfolio", seed: 0, schedule: new Schedule() };
    const token = work.token === undefined ? { ...ordinary, model: work.model } : readToken(work.token);
    // Sooner than whoever watches ends the thread, and all that it has seen: of an async driver nobody here can.
    if (session instanceof SearchSession) session.limit = new RunLimit(hangLimitMs);
    const report = await inTime(rerunToken(session, token, sourceHash)).catch((error: unknown) => {
      if (!(error instanceof RunLimitError) || Atomics.load(beats, WHERE) !== BODY) throw error;
      return hungToken(session, token, sourceHash);
    });
    Atomics.store(beats, PHASE, EXPLAINING);
    post({ kind: "traced", report, records: recordsOfRun(session, factsOf(report, token)) });
  } else {
    const saved: SavedOutcome[] = [];
    for (const { file, token } of work.saved) {
      const { outcome, run } = await inTime(rerunToken(session, readToken(token), sourceHash));
      saved.push({ file, outcome, verdict: run.verdict, violation: run.violation, model: run.model });
    }
    const search = campaign(session, {
      ...work.options,
      program: place.name,
      sourceHash,
      onProgress: (progress) => post({ kind: "progress", progress }),
      isStopped: () => Atomics.load(beats, STOP) === 1,
      onExplain: () => void Atomics.store(beats, PHASE, EXPLAINING),
    });
    const result = await inTime(search);
    post({ kind: "searched", result, saved });
  }
} catch (error) {
  if (
    error instanceof ScenarioError ||
    error instanceof ScheduleTooLong ||
    error instanceof PromiseReturnedError ||
    error instanceof ForeignWaitError
  )
    post({ kind: "refused", message: error.message });
  else if (error instanceof RunLimitError)
    post({
      kind: "hang",
      message: `the set-up of schedule 1 has not come to its end for ${hangLimitMs / 1000} s`,
      runs: 1,
    });
  else if (error instanceof SetupError) post({ kind: "setup", message: error.message, stack: error.stack ?? "" });
  else post({ kind: "bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

function factsOf({ outcome, run }: RerunReport, { strategy, seed }: RaceToken): RunFacts {
  const { program, model, token, verdict, violation, stuck } = run;
  const why = violation === "" ? [verdict, stuck].filter((text) => text !== "").join(": ") : violation;
  return { program, model, strategy, seed, token, verdict, violation, failure: outcome === "failed" ? why : "" };
}
