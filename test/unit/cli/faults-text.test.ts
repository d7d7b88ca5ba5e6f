import { expect, test } from "vitest";
import { faultsText, hostileText } from "../../../harness/cli/faults-text.ts";
import { painter } from "../../../harness/cli/terminal.ts";
import type { EveryFaultResult } from "../../../harness/faults/every-fault.ts";
import type { FaultVerdict } from "../../../harness/faults/scenario-run.ts";

const plain = painter({ isTTY: false } as unknown as typeof process.stdout);
const NONE: Readonly<Record<FaultVerdict, number>> = {
  recovered: 0,
  "clean-error": 0,
  deceived: 0,
  "not-met": 0,
  "wrong-result": 0,
  hang: 0,
  "lost-buffer": 0,
  outside: 0,
  violation: 0,
  failed: 0,
};

function told(more: Partial<EveryFaultResult>, verdicts: Partial<EveryFaultResult["verdicts"]>): string[] {
  const result: EveryFaultResult = {
    siteCount: 13,
    failurePathCount: 0,
    visitedCount: 13,
    verdicts: { ...NONE, ...verdicts },
    kinds: { removal: 13 },
    failures: [],
    sites: [],
    isComplete: true,
    ...more,
  };
  return faultsText({ name: "a.ts", result, isWhole: true, kinds: ["removal", "frame-lost"] }, plain).split("\n");
}

test("everywhere is said of all sites, and of fewer how many they were", () => {
  expect(told({}, { recovered: 13 }).slice(0, 3)).toEqual([
    "a.ts   ✓ recovered or gave up cleanly everywhere",
    "13 of 13 fault sites visited",
    "the run comes to no place for frame-lost",
  ]);
  expect(told({ visitedCount: 2, isComplete: false }, { recovered: 2 }).slice(0, 2)).toEqual([
    "a.ts   ✓ recovered or gave up cleanly at 2 of 13 fault sites",
    "2 of 13 fault sites visited; it was ended before the others",
  ]);
  // Sites by name are a choice, and not the end of a search.
  expect(told({ visitedCount: 1 }, { "clean-error": 1 }).slice(0, 2)).toEqual([
    "a.ts   ✓ recovered or gave up cleanly at 1 of 13 fault sites",
    "1 of 13 fault sites visited",
  ]);
});

test("what was not met, and what nobody could tell, is no recovery", () => {
  const site = {
    name: "read-error#3",
    where: "",
    verdict: "not-met",
    detail: "the fault was not met this time",
  } as const;
  const lines = told(
    { visitedCount: 12, isComplete: false, sites: [site] },
    { recovered: 11, deceived: 1, "not-met": 1 },
  );
  expect(lines.slice(0, 2)).toEqual([
    "a.ts   ✓ recovered, gave up cleanly or could not tell at 12 of 13 fault sites",
    "12 of 13 fault sites visited; 1 fault not met",
  ]);
  expect(told({ visitedCount: 11, isComplete: false }, { recovered: 11, failed: 2 })[1]).toBe(
    "11 of 13 fault sites visited; 2 faults not met",
  );
  expect(lines).toContain("11 recovered   1 deceived   1 not-met");
  expect(lines).toContain("· read-error#3: not-met");
});

test("of a long assertion the beginning", () => {
  const detail = Array.from({ length: 9 }, (_, line) => `line ${line}`).join("\n");
  const site = { name: "read-error#3", where: "", verdict: "wrong-result", detail } as const;
  const lines = told({ failures: [site], sites: [site] }, { "wrong-result": 1 });
  expect(lines.slice(-9, -3)).toEqual([
    "  line 1",
    "  line 2",
    "  line 3",
    "  line 4",
    "  line 5",
    "  … 3 more lines: --json has them",
  ]);
});

test("runs without a lie are told apart, and lies in raw memory by their place", () => {
  const failures = [
    {
      verdict: "outside",
      detail: "far",
      lies: [
        { nth: 3, word: 255, at: 64 },
        { nth: 9, word: 1 },
      ],
    },
  ] as const;
  const result = {
    runs: 100,
    honestRuns: 60,
    seed: 4,
    lieCount: 70,
    verdicts: { recovered: 39, outside: 1 },
    failures,
  };
  const lines = hostileText({ name: "a.ts", result }, plain).split("\n");
  expect(lines.slice(1, 3)).toEqual([
    "100 runs with seed 4, 70 lies told in 40 of them: 39 recovered, 1 outside",
    "in 60 no lie was told: they show nothing",
  ]);
  expect(lines.at(-2)).toMatch(/ --lies 3:0xff@0x40,9:0x1$/);
});
