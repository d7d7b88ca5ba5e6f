import { expect, test } from "vitest";
import { SC } from "../../../emulator/explore/kinds.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { runCampaign } from "../../../harness/explore/campaign.ts";
import { PairTable } from "../../../harness/explore/pair-table.ts";
import { RaceCoverage } from "../../../harness/explore/race-coverage.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { Session } from "../../../harness/explore/session.ts";
import { strategyNamed } from "../../../harness/explore/strategy-named.ts";
import { races } from "../../../scenarios/races/index.ts";

/** A writer and a reader of one word, and a word that nobody shares. */
const program: RaceProgram = {
  name: "one-pair",
  protocol: "",
  source: "",
  fails: "never",
  build(m) {
    const [shared, own] = [m.word("shared"), m.word("own")];
    // First, so that the numbers of actors and of CPUs are not the same.
    m.device("idle", function* () {});
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(own, 1);
      yield cpu.read32(own);
      yield cpu.write32(shared, 1);
    });
    m.cpu("reader", function* (cpu) {
      yield cpu.read32(shared);
    });
  },
};

test("a pair counts once, and again when it comes in the other order", () => {
  const session = new Session(program);
  const coverage = new RaceCoverage(new Replay());
  session.run(coverage, SC, 0);
  expect(coverage.report).toMatchObject({ racingPairs: 1, inBothOrders: 0, newInFirstThousand: 1 });
  session.run(coverage, SC, 0);
  expect(coverage.report).toMatchObject({ racingPairs: 1, inBothOrders: 0, newInFirstThousand: 1 });
  coverage.inner = strategyNamed("random");
  for (let run = 0; run < 50; run++) session.run(coverage, SC, run);
  expect(coverage.report).toMatchObject({ racingPairs: 1, inBothOrders: 1, newInFirstThousand: 2 });
});

test("what leaves a store buffer is still its CPU's", () => {
  const { coverage } = runCampaign(new Session(program), { program: "x", sourceHash: "0", runs: 500 });
  expect(coverage).toMatchObject({ racingPairs: 1, inBothOrders: 1, isFull: false });
});

test("a search comes to an end of new pairs", { timeout: 30_000 }, () => {
  for (const race of races) {
    const { coverage } = runCampaign(new Session(race, true), { program: "x", sourceHash: "0", runs: 1000 });
    expect(coverage?.newInLastThousand, race.name).toBeLessThanOrEqual((coverage?.newInFirstThousand ?? 0) / 4);
  }
});

test("a full table says so", () => {
  const table = new PairTable();
  for (let word = 1; word < 2 ** 17; word++) table.add(word, -word);
  expect(table.isFull).toBe(true);
  expect(table.pairCount).toBe(0.75 * 2 ** 17);
  table.add(-1, 1);
  table.add(-1, 1);
  expect(table.bothCount).toBe(1);
});
