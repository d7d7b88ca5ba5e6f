import { expect, test } from "vitest";
import { isFailure } from "../../../emulator/explore/verdict.ts";
import { CureNotSought, CureTrials } from "../../../harness/explore/cure-trials.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { investigate, type RaceReport } from "../../../harness/explore/report.ts";
import { Session } from "../../../harness/explore/session.ts";
import { readToken, TokenError, writeToken } from "../../../harness/explore/token.ts";
import { atOnce } from "../../../harness/explore/work.ts";
import { races } from "../../../scenarios/races/index.ts";

function reportOf(name: string): RaceReport {
  const program = races.find((race) => race.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  const report = investigate(new Session(program), "relaxed", { runs: 4096, seed: 3 });
  if (report === undefined) throw new Error(`${name} was not found`);
  return report;
}

test("the missing barrier is named, on both sides if need be", () => {
  expect(reportOf("length-before-done").cure).toBe("dmaRmb in driver before the read of desc.length");
  expect(reportOf("message-passing").cure).toBe("wmb in writer before the write of flag");
  expect(reportOf("store-buffering").cure).toBe("mb in P0 before the read of y, and mb in P1 before the read of x");
  expect(reportOf("lost-update").cure).toBeUndefined();
});

test("where everything is in order no barrier is named, but for write-combining memory", () => {
  const named: string[] = [];
  for (const program of races) {
    const report =
      program.fails === "never" ? undefined : investigate(new Session(program), "sc", { runs: 4096, seed: 3 });
    if (report?.cure !== undefined) named.push(`${program.name}: ${report.cure}`);
  }
  expect(named).toEqual(["write-combined-push: wmb in driver before the MMIO write of DB"]);
});

test("a cure has to hold ten times as long as the failure was looked for, and is not sought when that takes too long", () => {
  const program = races.find(({ name }) => name === "message-passing") as RaceProgram;
  expect(atOnce(CureTrials.measured(new Session(program), "relaxed", 500)).runs).toBeGreaterThanOrEqual(5000);
  expect(() => atOnce(CureTrials.measured(new Session(program, true), "relaxed", 1, 20))).toThrow(
    new CureNotSought("the failure is too rare"),
  );
});

test("a failure is a picture with a column for everyone", () => {
  expect(reportOf("length-before-done").picture).toBe(
    [
      "    driver                     nic",
      " 1                             desc.length ← 64  DMA write",
      " 2                             desc.dd ← 1  DMA write",
      " 3  desc.dd → 1  poll",
      " 4  desc.length → 0  (older)",
    ].join("\n"),
  );
});

test("a token replays its failure, again and again", () => {
  for (const program of races) {
    if (program.fails === "never") continue;
    const session = new Session(program);
    const report = investigate(session, "relaxed", { runs: 4096, seed: 3, cure: false });
    const token = readToken(report?.token ?? "");
    expect(writeToken(token)).toBe(report?.token);
    const hashes = new Set<number>();
    for (let repeat = 0; repeat < 100; repeat++) {
      expect(isFailure(session.replay(token.model, token.schedule))).toBe(true);
      hashes.add(session.execution.hash);
    }
    expect(hashes.size).toBe(1);
  }
});

test("a token that cannot be replayed is refused in a sentence", () => {
  expect(() => readToken("race0~x~00000000~sc~pos~1~")).toThrow(/is of version race0, and this softbar replays race2/);
  expect(() => readToken("2a-00111")).toThrow(/is no token of softbar/);
  expect(() => readToken("race2~lost-update~00000000~sc~pos~1~P0.1")).toThrow(/^The token is damaged: copy it whole/);
  expect(() => readToken("")).toThrow(TokenError);
});
