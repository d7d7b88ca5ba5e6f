import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exhaust } from "../../../emulator/explore/exhaustive/exhaust.ts";
import { MEMORY_MODELS, type MemoryModel, SC } from "../../../emulator/explore/kinds.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { investigate } from "../../../harness/explore/report.ts";
import { Session } from "../../../harness/explore/session.ts";
import { BelievingReader, SameChunkReader, UnfencedReader } from "../../../scenarios/drivers/exanic-old-readers.ts";
import { ExanicReader } from "../../../scenarios/drivers/exanic-reader.ts";
import { lappedExploration } from "../../../scenarios/explorations/exanic-ring-of-four.ts";
import { lappedCopy } from "../../../scenarios/races/lapped-copy.ts";
import { lappedNoBarrier } from "../../../scenarios/races/lapped-no-barrier.ts";
import { lappedRecheck } from "../../../scenarios/races/lapped-recheck.ts";

// The published race of the ExaNIC's reader (cisco/exanic-software#44): how fast it is found, how short it is shrunk, and
// how much of its cure is certain.

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

describe("the reader that does not look back", { timeout: 60_000 }, () => {
  test("is found within 100 schedules by each of 20 seeds, and shrunk to a switch there and at most one back", () => {
    const counts = SEEDS.map((seed) => {
      return investigate(new Session(lappedCopy), "sc", { runs: 100, seed, cure: false })?.deviationCount;
    });
    for (const count of counts) expect([1, 2]).toContain(count);
    // The default seed.
    expect(counts[0]).toBe(1);
  });

  test("and so is the one that looks at the copied chunk itself, in two deviations", () => {
    for (const seed of SEEDS) {
      const report = investigate(new Session(lappedRecheck), "sc", { runs: 1000, seed, cure: false });
      expect(report?.deviationCount, `seed ${seed}`).toBeLessThanOrEqual(2);
    }
  });
});

describe("the sentinel", { timeout: 60_000 }, () => {
  const fixed = (program: RaceProgram): Session => new Session(program, true);

  test("passes every schedule that there is in sc", () => {
    const result = exhaust(fixed(lappedCopy).execution, SC, { runsMax: 20_000, onRun: () => true });
    expect(result).toMatchObject({ isComplete: true, hasFailed: false });
  });

  test("with its barrier passes every schedule of up to four departures from the ordinary order, in all models", () => {
    for (const model of MEMORY_MODELS.keys()) {
      const options = { runsMax: 100_000, delaysMax: 4, onRun: () => true };
      expect(exhaust(fixed(lappedCopy).execution, model, options)).toMatchObject({
        isComplete: true,
        hasFailed: false,
      });
    }
  });

  test("passes 100,000 schedules of the search in sc", () => {
    expect(fixed(lappedCopy).search("sc", 100_000, 1)).toMatchObject({ hasFailed: false, unknown: 0 });
  });

  test("without the barrier passes in sc and tso, and fails in relaxed, where the missing one is named", () => {
    for (const model of ["sc", "tso"] as const)
      expect(new Session(lappedNoBarrier).search(model, 4096, 1)).toMatchObject({ hasFailed: false, unknown: 0 });
    const report = investigate(new Session(lappedNoBarrier), "relaxed", { runs: 4096, seed: 1 });
    expect(report).toMatchObject({ model: "relaxed" });
    expect(report?.cure).toBe("dmaRmb in reader before the read of generation[3]");
  });
});

describe("the driver itself, against the whole card with a ring of four chunks", () => {
  const load = async (reader: typeof ExanicReader): Promise<PluggedSession> => {
    const { devices, ...exploration } = lappedExploration(reader);
    return new PluggedSession(await Promise.all(devices.map(loadDevice)), exploration) as PluggedSession;
  };

  test.for<[string, typeof ExanicReader, MemoryModel[]]>([
    ["believes its copy", BelievingReader, ["sc", "tso", "relaxed"]],
    ["looks at the copied chunk", SameChunkReader, ["sc", "tso", "relaxed"]],
    ["has no barrier", UnfencedReader, ["relaxed"]],
    ["is right", ExanicReader, []],
  ])("one that %s", { timeout: 60_000 }, async ([, reader, wrongIn]) => {
    const session = await load(reader);
    for (const model of MEMORY_MODELS) {
      const result = session.search(model, wrongIn.includes(model) ? 2000 : 500, 1);
      expect(result.hasFailed, `${model}: ${session.machine.violation}`).toBe(wrongIn.includes(model));
      expect(result.unknown).toBe(0);
    }
  });
});

test("the page shows what the explorer prints", () => {
  const page = readFileSync(new URL("../../../scenarios/EXANIC-LAPPED.md", import.meta.url), "utf8");
  for (const [program, model] of [
    [lappedCopy, "sc"],
    [lappedRecheck, "sc"],
    [lappedNoBarrier, "relaxed"],
  ] as const) {
    // As the command line searches: all models by turns, so that another run may be the first to fail.
    const blocks = page.split("```").filter((block) => block.startsWith(`\n${program.name} `));
    expect(blocks).toHaveLength(1);
    const report = investigate(new Session(program), model, { runs: 4096, seed: 1, cure: false });
    const seen = blocks[0]?.match(/Shrunk from \d+ deviations from the ordinary order to (\d+)/)?.[1];
    expect(report?.deviationCount).toBeLessThanOrEqual(2);
    expect(Number(seen)).toBeLessThanOrEqual(2);
    // The last step is the one that matters: what was copied, or what the look back saw.
    const last =
      report?.picture
        .trimEnd()
        .split("\n")
        .at(-1)
        ?.replace(/^ *\d+ +/, "") ?? "";
    expect(blocks[0]).toContain(last);
  }
});
