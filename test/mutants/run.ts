/**
 * `npm run mutants`: who is killed, in which model, after how many schedules and with how long a counterexample; who
 * survives; and that the drivers as they are pass. Exit code 1 when a mutant survives where it is wrong, or one is killed
 * where it is right.
 */
import { parseArgs } from "node:util";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { shrink } from "../../harness/explore/shrink.ts";
import { atOnce } from "../../harness/explore/work.ts";
import { EduDriver } from "../../scenarios/drivers/edu.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { EDU_MUTANTS } from "./edu.ts";
import { FEED_HANDLER_MUTANTS } from "./feed-handler.ts";
import { IXGBE_MUTANTS } from "./ixgbe.ts";
import { loadMutant } from "./load.ts";
import type { Mutant } from "./mutant.ts";
import { type Drivers, sessionFor, WORKLOADS } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    workload: { type: "string" },
    runs: { type: "string", default: "10000" },
    "whole-runs": { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
  },
});
const [runs, wholeRuns, seed] = [Number(values.runs), Number(values["whole-runs"]), Number(values.seed)];
const WHOLE: Drivers = { IxgbeDriver, EduDriver, FeedHandlerDriver };
let mistakes = 0;

console.log(`seed ${seed}, up to ${runs} schedules a mutant and model; the drivers as they are: ${wholeRuns}\n`);
if (values.only === undefined || values.only === "whole") await checkWhole();
for (const mutant of [...IXGBE_MUTANTS, ...EDU_MUTANTS, ...FEED_HANDLER_MUTANTS]) {
  const isWanted = values.workload === undefined || values.workload === mutant.workload;
  if (isWanted && (values.only === undefined || mutant.name.includes(values.only))) await judge(mutant);
}
console.log(mistakes === 0 ? "\nall as written down" : `\n${mistakes} not as written down`);
process.exitCode = mistakes === 0 ? 0 : 1;

async function checkWhole(): Promise<void> {
  for (const workload of WORKLOADS) {
    if (values.workload !== undefined && values.workload !== workload) continue;
    const session = await sessionFor(workload, WHOLE);
    session.plugged.detectRaces();
    for (const model of MEMORY_MODELS) {
      const result = session.search(model, wholeRuns, seed);
      const verdict = result.hasFailed ? `FAILS at schedule ${result.runs}: ${session.machine.violation}` : "passes";
      if (result.hasFailed) mistakes++;
      console.log(`${`whole, ${workload}`.padEnd(28)} ${model.padEnd(8)} ${verdict}  (${result.unknown} unknown)`);
    }
  }
}

async function judge(mutant: Mutant): Promise<void> {
  const drivers = { ...WHOLE, ...((await loadMutant(entryOf(mutant), mutant)) as Partial<Drivers>) };
  for (const model of MEMORY_MODELS) await judgeIn(mutant, model, drivers);
}

/** The driver whose mutant it is. */
function entryOf({ workload }: Mutant): string {
  if (workload.startsWith("edu")) return "edu.ts";
  return workload.startsWith("feed") ? "feed-handler.ts" : "ixgbe.ts";
}

async function judgeIn(mutant: Mutant, model: MemoryModel, drivers: Drivers): Promise<void> {
  const session = await sessionFor(mutant.workload, drivers);
  const isWrong = mutant.wrongIn.includes(model);
  const { runs: count, hasFailed, failure } = searchOrSetup();
  if (hasFailed !== isWrong) mistakes++;
  let text = hasFailed ? `killed at schedule ${count}` : "survives";
  if (hasFailed && failure === "") {
    const failing = new Schedule();
    failing.copyFrom(session.execution.recorder.schedule);
    const { violation } = session.machine;
    const shrunk = atOnce(shrink(session, model, failing));
    text += `, ${shrunk.schedule.count} deviations in ${shrunk.model}: ${violation.slice(0, 70)}`;
  } else if (hasFailed) text += `: ${failure}`;
  if (failure === "") text += raceText();
  const note = hasFailed === isWrong ? (isWrong ? "" : "  (is right here)") : "  NOT AS WRITTEN DOWN";
  console.log(`${mutant.name.padEnd(28)} ${model.padEnd(8)} ${text}${note}`);

  /** Whether the ordinary run has a data race, where one is written down. */
  function raceText(): string {
    session.plugged.detectRaces();
    session.replay(model, new Schedule());
    const { races } = session.machine.state;
    const hasRace = races !== undefined && races.races.count > 0;
    if (hasRace === (mutant.racesIn?.includes(model) === true)) return hasRace ? "; data race in the ordinary run" : "";
    mistakes++;
    return hasRace ? "; DATA RACE NOT AS WRITTEN DOWN" : "; NO DATA RACE, NOT AS WRITTEN DOWN";
  }

  /** A mutant may be so wrong that it does not come up. */
  function searchOrSetup(): { runs: number; hasFailed: boolean; failure: string } {
    try {
      return { ...session.search(model, isWrong ? runs : wholeRuns, seed), failure: "" };
    } catch (error) {
      return { runs: 1, hasFailed: true, failure: `at set-up: ${String(error)}` };
    }
  }
}
