/** The thread in which a scenario of the command line runs: what it does to its thread, it does to no other. */
import { parentPort, workerData } from "node:worker_threads";
import { BODY, EXPLAINING, PHASE, RUNS, SEARCHING, SETTING_UP, STOP, WHERE } from "./beats.ts";
import { runCampaign } from "./campaign.ts";
import type { ExploreAnswer, ExploreThreadData, SavedOutcome } from "./explore-thread.ts";
import { rerunToken } from "./rerun-token.ts";
import { loadScenario, ScenarioError, SetupError } from "./scenario.ts";
import { ScheduleTooLong } from "./shrink.ts";
import { readToken } from "./token.ts";

const { place, work, beats } = workerData as ExploreThreadData;
const post = (answer: ExploreAnswer): void => parentPort?.postMessage(answer);

try {
  const { session, sourceHash } = await loadScenario(place, (isBody) => {
    Atomics.store(beats, WHERE, isBody ? BODY : SETTING_UP);
  });
  session.onRun = () => void Atomics.add(beats, RUNS, 1);
  Atomics.store(beats, PHASE, SEARCHING);
  // A failure that is replayed may be one of starving; a search sets it as it was told to.
  session.execution.mustEnd = true;
  if (work.kind === "rerun") {
    post({ kind: "rerun", report: rerunToken(session, readToken(work.token), sourceHash) });
  } else {
    const saved = work.saved.map(({ file, token }): SavedOutcome => {
      const { outcome, run } = rerunToken(session, readToken(token), sourceHash);
      return { file, outcome, verdict: run.verdict, violation: run.violation, model: run.model };
    });
    const result = runCampaign(session, {
      ...work.options,
      program: place.name,
      sourceHash,
      onProgress: (progress) => post({ kind: "progress", progress }),
      isStopped: () => Atomics.load(beats, STOP) === 1,
      onExplain: () => void Atomics.store(beats, PHASE, EXPLAINING),
    });
    post({ kind: "searched", result, saved });
  }
} catch (error) {
  if (error instanceof ScenarioError || error instanceof ScheduleTooLong)
    post({ kind: "refused", message: error.message });
  else if (error instanceof SetupError) post({ kind: "setup", message: error.message, stack: error.stack ?? "" });
  else post({ kind: "bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
