import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

/** In a process of its own, because a mutant is loaded by hooks in Node's module loader. */
test("every mutant of the drivers is killed where it is wrong and only there, and the drivers themselves pass", () => {
  const script = resolve(import.meta.dirname, "../mutants/run.ts");
  const run = spawnSync(process.execPath, [script, "--runs", "2000", "--whole-runs", "100"], {
    encoding: "utf8",
    timeout: 120_000,
  });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n").filter((line) => /NOT AS WRITTEN|FAILS/.test(line))).toEqual([]);
  expect(run.stdout).toContain("all as written down");
  expect(run.status).toBe(0);
}, 130_000);
