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

test("every driver without one of its precautions is found by a fault", () => {
  const script = resolve(import.meta.dirname, "../mutants/run-hardening.ts");
  const run = spawnSync(process.execPath, [script], { encoding: "utf8", timeout: 60_000 });
  expect(run.stderr).toBe("");
  expect(run.stdout.split("\n").filter((line) => line.includes("NOT FOUND"))).toEqual([]);
  expect(run.stdout).toContain("all found");
  expect(run.status).toBe(0);
}, 70_000);
