import { expect, test } from "vitest";
import { CORPUS } from "../corpus/corpus.ts";
import { foundExploring, foundIn } from "../corpus/run-corpus.ts";
import { LINE_RULES, rulesOf } from "../corpus/verdicts.ts";

const folded = CORPUS.filter(({ runs }) => runs.includes("folded"));
const explored = CORPUS.filter(({ runs }) => runs.includes("explored"));

/** With the wrappers of all faults around the card, and none armed, the same is found at the same lines. */
const around = [
  ["folded", {}],
  ["folded among faults", { faults: [] }],
] as const;

test.for(folded.flatMap((entry) => around.map(([run, parts]) => ({ run, parts, ...entry }))))(
  "$name, $run: $rule, and nothing of its twin",
  async ({ parts, ...entry }) => {
    const found = await foundIn("folded", entry, true, parts);
    expect(rulesOf(found), found.map(({ message }) => message).join("\n")).toEqual([entry.rule]);
    // The access that set it off is a line of the driver's; what is left at the end has none.
    if (!LINE_RULES.without.includes(entry.rule)) expect(found[0]?.line).toMatch(/^test\/corpus\/[a-z-]+\.ts:\d+$/);
    expect(await foundIn("folded", entry, false, parts)).toEqual([]);
  },
);

test.for(explored)("$name, explored: $rule, and nothing of its twin", async (entry) => {
  const wrong = await foundExploring(entry, true);
  expect(rulesOf(wrong.findings), wrong.failure).toEqual([entry.rule]);
  // A violation fails the run; a note does not.
  if (wrong.findings[0]?.kind === "violation") expect(wrong.failure).toContain(wrong.findings[0].message.slice(0, 40));
  const right = await foundExploring(entry, false);
  expect(right).toEqual({ findings: [], failure: "" });
});
