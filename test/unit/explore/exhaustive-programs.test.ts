import { expect, test } from "vitest";
import { exhaust } from "../../../emulator/explore/exhaustive/exhaust.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import { canFail } from "../../../harness/explore/race-program.ts";
import { Session } from "../../../harness/explore/session.ts";
import { races } from "../../../scenarios/races/index.ts";

/** Runs in which every other program is finished; the longest of them takes 8,139. */
const RUNS_MAX = 10_000;
/** Enough to see that the long ones are long. With {@link RUNS_MAX} they are not finished either. */
const RUNS_MAX_LONG = 1000;
/** Departures from the ordinary run that are enough to see the others fail, and few enough to try all. */
const DELAYS_MAX = 3;

/** Too many schedules to try all, and why. All other programs and twins are finished in every model. */
const UNFINISHED: Readonly<Record<string, string>> = {
  "three-setters relaxed": "eight stores of three CPUs in any order, and a reader with old values",
  "ring-full sc": "four descriptors through a ring, each a dozen steps of driver and card",
  "ring-full tso": "the same",
  "ring-full relaxed": "the same",
  "ring-full sc fixed": "the same",
  "ring-full tso fixed": "the same",
  "ring-full relaxed fixed": "the same",
  "phase-not-flipped sc": "two laps of a completion queue",
  "phase-not-flipped tso": "the same",
  "phase-not-flipped relaxed": "the same",
  "phase-not-flipped sc fixed": "the same",
  "phase-not-flipped tso fixed": "the same",
  "phase-not-flipped relaxed fixed": "the same",
  "lapped-copy relaxed": "a lap of chunks, each of which may be read in an older state",
  "lapped-copy relaxed fixed": "the same",
  "lapped-recheck relaxed": "the same",
  "lapped-recheck relaxed fixed": "the same",
  "lapped-no-barrier relaxed": "the same",
  "lapped-no-barrier relaxed fixed": "the same",
};

const cases = races.flatMap((program) =>
  [false, true].flatMap((isFixed) =>
    MEMORY_MODELS.map((model, index) => ({
      name: `${program.name} ${model}${isFixed ? " fixed" : ""}`,
      session: new Session(program, isFixed),
      model: index,
      isWrong: !isFixed && canFail(program, model),
    })),
  ),
);

test("every schedule of all other programs is tried, and the verdict is the one they state", {
  timeout: 60_000,
}, () => {
  for (const { name, session, model, isWrong } of cases) {
    const isLong = name in UNFINISHED;
    // Goes on after the first failure: to have failed is not to have finished.
    const options = { runsMax: isLong ? RUNS_MAX_LONG : RUNS_MAX, onRun: () => true };
    const result = exhaust(session.execution, model, options);
    expect(result.isComplete, name).toBe(!isLong);
    if (result.isComplete) expect(result.hasFailed, name).toBe(isWrong);
    else expect(result.hasFailed && !isWrong, `${name}: a false alarm`).toBe(false);
  }
});

test(`the others are tried as far as ${DELAYS_MAX} delays, and that is enough to tell right from wrong`, {
  timeout: 60_000,
}, () => {
  for (const { name, session, model, isWrong } of cases) {
    if (!(name in UNFINISHED)) continue;
    const options = { runsMax: RUNS_MAX, delaysMax: DELAYS_MAX, onRun: () => true };
    expect(exhaust(session.execution, model, options), name).toMatchObject({ isComplete: true, hasFailed: isWrong });
  }
});
