import { describe, expect, test } from "vitest";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { canFail, type RaceProgram } from "../../harness/explore/race-program.ts";
import { investigate } from "../../harness/explore/report.ts";
import { Session } from "../../harness/explore/session.ts";
import { races } from "../../scenarios/races/index.ts";
import { ioShapes } from "./io-shapes.ts";

/** What a search may cost; more seeds and longer searches of the twins: test/litmus/campaign.ts. */
const RUNS = 4096;
const TWIN_RUNS = 1024;

describe.for([...races, ...ioShapes])("$name", (program: RaceProgram) => {
  test("fails in exactly the memory models that it says", () => {
    const session = new Session(program);
    const failing = MEMORY_MODELS.filter((model) => {
      return session.search(model, canFail(program, model) ? RUNS : TWIN_RUNS, 1).hasFailed;
    });
    expect(failing).toEqual(MEMORY_MODELS.filter((model) => canFail(program, model)));
  });

  test("never fails when it is fixed", () => {
    const session = new Session(program, true);
    for (const model of MEMORY_MODELS) {
      const result = session.search(model, TWIN_RUNS, 1);
      expect(result, `${model}: ${session.machine.violation}`).toMatchObject({ hasFailed: false, unknown: 0 });
    }
  });
});

test("counterexamples are short and in the strongest model", () => {
  const lengths: number[] = [];
  for (const program of races) {
    if (program.fails === "never") continue;
    const report = investigate(new Session(program), "relaxed", { runs: RUNS, seed: 1, cure: false });
    lengths.push(report?.deviationCount ?? Number.POSITIVE_INFINITY);
    expect(report?.model, program.name).toBe(program.fails === "all" ? "sc" : program.fails[0]);
  }
  expect(Math.max(...lengths)).toBeLessThanOrEqual(6);
  expect(lengths.reduce((sum, length) => sum + length, 0) / lengths.length).toBeLessThanOrEqual(2);
});
