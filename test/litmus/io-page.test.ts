import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exhaust } from "../../emulator/explore/exhaustive/exhaust.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { canFail, type RaceProgram } from "../../harness/explore/race-program.ts";
import { Session } from "../../harness/explore/session.ts";
import { programTable, summaryTable, verdictTable } from "./io-page.ts";
import { ioShapes } from "./io-shapes.ts";

/** IO-LITMUS.md says what the engine does: its tables are the programs' own, and the engine is asked about each verdict. */

const page = readFileSync(new URL("./IO-LITMUS.md", import.meta.url), "utf8");
const RUNS = 2048;

/** By name of the shape: its heading and what stands below it. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [title = "", ...rest] = section.split("\n");
      return [title.toLowerCase(), { title, text: rest.join("\n") }] as const;
    }),
);

test("the page has a section for each shape, and for nothing else", () => {
  expect([...sections.keys()].sort()).toEqual(ioShapes.map(({ name }) => name).sort());
});

test("its overview is the shapes' own", () => {
  expect(page).toContain(summaryTable(ioShapes, ({ name }) => sections.get(name)?.title ?? ""));
});

describe.for([...ioShapes])("$name", (shape: RaceProgram) => {
  test("its tables are the program's", () => {
    const { text } = sections.get(shape.name) ?? { text: "" };
    expect(text).toContain(programTable(shape));
    expect(text).toContain(verdictTable(shape));
    expect(text).toMatch(/^Outcome: /m);
    expect(text).toMatch(/^Rule: /m);
    expect(text).toMatch(/^Seen in: /m);
  });

  test("the engine agrees with every verdict, and no schedule is left out", () => {
    for (const isFixed of [false, true]) {
      const session = new Session(shape, isFixed);
      for (const [index, model] of MEMORY_MODELS.entries()) {
        const isAllowed = !isFixed && canFail(shape, model);
        expect(session.search(model, RUNS, 1).hasFailed, `${model}, search`).toBe(isAllowed);
        const all = exhaust(session.execution, index, { runsMax: 20_000, onRun: () => true });
        expect(all, `${model}, every schedule`).toMatchObject({ isComplete: true, hasFailed: isAllowed });
      }
    }
  });
});
