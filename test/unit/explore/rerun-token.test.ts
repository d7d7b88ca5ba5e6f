import { expect, test } from "vitest";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { investigate } from "../../../harness/explore/report.ts";
import { rerunToken } from "../../../harness/explore/rerun-token.ts";
import { Session } from "../../../harness/explore/session.ts";
import { hashOfText, readToken, sourceHashOf, writeToken } from "../../../harness/explore/token.ts";
import { atOnce } from "../../../harness/explore/work.ts";
import { races } from "../../../scenarios/races/index.ts";

const race = races.find(({ name }) => name === "lost-update") as RaceProgram;
const token = readToken(investigate(new Session(race), "sc", { runs: 1000, seed: 1 })?.token ?? "");

test("a failure comes again, step by step", () => {
  const report = atOnce(rerunToken(new Session(race), token, sourceHashOf(race)));
  expect(report).toMatchObject({ outcome: "failed", isSourceChanged: false, divergence: undefined });
  expect(report.run).toMatchObject({ verdict: "violation", deviationCount: token.schedule.count });
  expect(report.steps.length).toBeGreaterThan(3);
  expect(report.steps[0]).toMatch(/^\w+: counter → 0$/);
});

test("what was mended passes", () => {
  const report = atOnce(rerunToken(new Session(race, true), token, sourceHashOf(race)));
  expect(["passed", "diverged"]).toContain(report.outcome);
  const other = races.find(({ name }) => name === "lost-interrupt") as RaceProgram;
  const found = readToken(investigate(new Session(other), "sc", { runs: 1000, seed: 1 })?.token ?? "");
  expect(atOnce(rerunToken(new Session(other, true), found, sourceHashOf(other)))).toMatchObject({ outcome: "passed" });
});

test("where a changed program cannot follow is said", () => {
  const shorter: RaceProgram = {
    ...race,
    build(m) {
      m.cpu("A", function* (cpu) {
        yield cpu.mb();
      });
    },
  };
  const report = atOnce(rerunToken(new Session(shorter), token, sourceHashOf(shorter)));
  expect(report).toMatchObject({ outcome: "diverged", isSourceChanged: true });
  expect(report.divergence).toMatch(/^step \d+ of \w+, before which \w* was to go$/);
});

test("the path of a module survives its way through a token", () => {
  for (const program of ["./my race~1.ts", "../ü/'x'.js", "./a%20b.ts"]) {
    const text = writeToken({ ...token, program });
    expect(text).toMatch(/^[\w~./%-]+$/);
    expect(readToken(text).program).toBe(program);
  }
});

test("every letter of a token counts", () => {
  const text = writeToken(token);
  for (let at = 0; at < text.length; at++) {
    expect(() => readToken(text.slice(0, at)), `cut at ${at}`).toThrow(/is no token of softbar|damaged|version/);
    const other = text[at] === "0" ? "1" : "0";
    expect(() => readToken(text.slice(0, at) + other + text.slice(at + 1)), `changed at ${at}`).toThrow();
  }
});

test("what a compiler changes in a source does not change its hash", () => {
  const written = `(m.outcome[0]          ) | causes; \n  if (x) return a(b)`;
  expect(hashOfText(written)).toBe(hashOfText("m.outcome[0] | causes\nif (x)\n return a(b);"));
  expect(hashOfText("f(x)")).not.toBe(hashOfText("fx"));
  expect(hashOfText("(x) => y")).not.toBe(hashOfText("x => y"));
});
