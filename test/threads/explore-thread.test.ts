import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";
import { exploreInThread } from "../../harness/explore/explore-thread.ts";
import type { ScenarioPlace } from "../../harness/explore/scenario.ts";
import { root } from "./command-line.ts";

/** That no thread is left behind is held for every file of this folder (test/setup/live-workers.ts). */

const url = (file: string): string => pathToFileURL(join(root, file)).href;
const mischief: ScenarioPlace = {
  name: "./mischief.ts",
  url: url("test/threads/fixtures/explore-mischief.ts"),
  isRace: false,
  isFixed: false,
};
const fixed: ScenarioPlace = { name: "ring-full", url: url("scenarios/races/index.ts"), isRace: true, isFixed: true };
const search = { kind: "search", options: {}, saved: [] } as const;

afterEach(() => {
  delete process.env.SOFTBAR_TEST_MISCHIEF;
});

test("a search that hangs ends within its limit", async () => {
  process.env.SOFTBAR_TEST_MISCHIEF = "computes";
  const startMs = performance.now();
  const outcome = await exploreInThread(mischief, search, { hangLimitMs: 400 });
  expect(outcome).toMatchObject({ kind: "hang", runs: 1 });
  expect(performance.now() - startMs).toBeLessThan(8000);
});

test("a long search is no hang, and tells how far it is", async () => {
  const seen: number[] = [];
  const outcome = await exploreInThread(
    fixed,
    { kind: "search", options: { timeLimitMs: 1200 }, saved: [] },
    { hangLimitMs: 400, onProgress: ({ runs }) => seen.push(runs) },
  );
  expect(outcome).toMatchObject({ kind: "searched", result: { end: "time" } });
  expect(seen.length).toBeGreaterThan(3);
});

test("a search that is told to stop says what it has", async () => {
  const outcome = await exploreInThread(
    fixed,
    { kind: "search", options: { timeLimitMs: 60_000 }, saved: [] },
    { hangLimitMs: 5000, signal: AbortSignal.timeout(600) },
  );
  expect(outcome).toMatchObject({ kind: "searched", result: { end: "interrupted" } });
});

test("one that cannot hear it is stopped", async () => {
  process.env.SOFTBAR_TEST_MISCHIEF = "setup computes";
  // Later than any machine takes to start a thread and to come into the loop.
  const outcome = await exploreInThread(mischief, search, { hangLimitMs: 60_000, signal: AbortSignal.timeout(2000) });
  expect(outcome).toMatchObject({ kind: "interrupted" });
});
