/**
 * `npm run lapped -- [seeds] [schedules]`: the figures of the ExaNIC's published race (scenarios/EXANIC-LAPPED.md). How soon
 * each seed of the default strategy finds it, in the small program and in the driver against the whole card; how short it is
 * shrunk; and what the cure has passed. Ends with 1 where one is not as written down.
 */
import { exhaust } from "../../emulator/explore/exhaustive/exhaust.ts";
import { MEMORY_MODELS, SC } from "../../emulator/explore/kinds.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import type { RaceProgram } from "../../harness/explore/race-program.ts";
import type { SearchSession } from "../../harness/explore/search-session.ts";
import { Session } from "../../harness/explore/session.ts";
import { shrink } from "../../harness/explore/shrink.ts";
import { atOnce } from "../../harness/explore/work.ts";
import { BelievingReader } from "../../scenarios/drivers/exanic-old-readers.ts";
import { ExanicReader } from "../../scenarios/drivers/exanic-reader.ts";
import { lappedExploration } from "../../scenarios/explorations/exanic-ring-of-four.ts";
import { lappedCopy } from "../../scenarios/races/lapped-copy.ts";
import { lappedRecheck } from "../../scenarios/races/lapped-recheck.ts";

const seedCount = Number(process.argv[2] ?? 20);
const scheduleCount = Number(process.argv[3] ?? 100_000);
/** What is promised of the reader that does not look back. */
const SCHEDULES_MAX = 100;
const SECONDS_MAX = 1;
const DEVIATIONS_MAX = 2;
const DEPARTURES = 4;
let mistakes = 0;

console.log(`The race, in sc, by the default strategy, ${seedCount} seeds`);
found("small program, as it was", () => new Session(lappedCopy), SCHEDULES_MAX);
found("small program, cure that is none", () => new Session(lappedRecheck), 1000);
const believing = await driverWith(BelievingReader);
found("driver against the card, as it was", () => believing, 1000);

console.log("\nThe cure: the sentinel, with its barrier");
const cured = (): Session => new Session(lappedCopy as RaceProgram, true);
// Up to equivalence, whatever the number of preemptions: what commutes is not tried both ways.
exhausted("every schedule in sc, 4 chunks", cured(), SC);
for (const [model, name] of MEMORY_MODELS.entries())
  exhausted(`up to ${DEPARTURES} departures in ${name}`, cured(), model, DEPARTURES);
passed("search of the small program in sc", cured());
passed("search of the driver against the card in sc", await driverWith(ExanicReader));
process.exitCode = mistakes === 0 ? 0 : 1;

async function driverWith(reader: typeof ExanicReader): Promise<SearchSession> {
  const { devices, ...exploration } = lappedExploration(reader);
  return new PluggedSession(await Promise.all(devices.map(loadDevice)), exploration);
}

/** Searches once with each seed, and shrinks what is found. */
function found(what: string, open: () => SearchSession, schedulesMax: number): void {
  const [schedules, seconds, deviations]: [number[], number[], number[]] = [[], [], []];
  for (let seed = 1; seed <= seedCount; seed++) {
    const session = open();
    const startMs = performance.now();
    const { hasFailed, runs } = session.search("sc", schedulesMax, seed);
    if (!hasFailed) continue;
    schedules.push(runs);
    seconds.push((performance.now() - startMs) / 1000);
    const failing = new Schedule();
    failing.copyFrom(session.execution.recorder.schedule);
    deviations.push(atOnce(shrink(session, "sc", failing)).schedule.count);
  }
  const [worst, longest, most] = [schedules, seconds, deviations].map((list) => Math.max(...list)) as [
    number,
    number,
    number,
  ];
  const text = `${schedules.length} of ${seedCount} seeds, within ${worst} schedules and ${longest.toFixed(3)} s, up to ${most} deviations`;
  say(what, text, schedules.length === seedCount && longest < SECONDS_MAX && most <= DEVIATIONS_MAX);
}

function exhausted(what: string, session: Session, model: number, delaysMax?: number): void {
  const { runs, isComplete, hasFailed } = exhaust(session.execution, model, {
    runsMax: 1_000_000,
    onRun: () => true,
    ...(delaysMax === undefined ? {} : { delaysMax }),
  });
  const text = `${runs} schedules, ${isComplete ? "all of them" : "NOT ALL"}, ${hasFailed ? "SOME FAIL" : "none fails"}`;
  say(what, text, isComplete && !hasFailed);
}

function passed(what: string, session: SearchSession): void {
  const startMs = performance.now();
  const { runs, hasFailed, unknown } = session.search("sc", scheduleCount, 1);
  const seconds = (performance.now() - startMs) / 1000;
  const verdict = hasFailed ? `FAILS: ${session.machine.violation}` : `passes, ${unknown} unknown`;
  say(what, `${runs} schedules in ${seconds.toFixed(1)} s: ${verdict}`, !hasFailed && unknown === 0);
}

function say(what: string, text: string, isAsWritten: boolean): void {
  if (!isAsWritten) mistakes++;
  console.log(`  ${what.padEnd(44)} ${text}${isAsWritten ? "" : "  NOT AS WRITTEN DOWN"}`);
}
