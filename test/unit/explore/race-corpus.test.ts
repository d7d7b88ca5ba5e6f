import { describe, expect, test } from "vitest";
import { MEMORY_MODELS, type MemoryModel } from "../../../emulator/explore/kinds.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { failureOf } from "./failure-of.ts";
import { deviceOf, othersOf, RACY_DRIVERS, type RacyDriver, setupOf } from "./race-corpus.ts";

const RUNS = 60;

function search(driver: RacyDriver, isWrong: boolean, models: readonly MemoryModel[], runs: number): Promise<unknown> {
  const cure = driver.missing !== undefined;
  const options = { setup: setupOf(driver, isWrong), cpus: othersOf(driver, isWrong), models, runs, cure };
  return explore(deviceOf(driver), options, (bed, held) => driver.body(bed, held, isWrong));
}

// Where a barrier is looked for, hundreds of schedules are run for each place of it.
describe.each(RACY_DRIVERS)("$name", { timeout: 60_000 }, (driver) => {
  test("is found where it is a mistake, with both sites, and named with the strongest model", async () => {
    const failure = await failureOf(search(driver, true, driver.models, 10));
    const [reason = "", heading, sites = ""] = failure.message.split("\n");
    expect(reason).toContain("data race on");
    for (const access of driver.between) expect(reason).toMatch(access);
    expect(reason).toMatch(/\(IOVA 0x[\da-f_]+\)/);
    // Each half that is the driver's has its line, and is a step of the picture.
    expect(reason).toMatch(/ Rule: data-race\.$/);
    expect(failure.rule).toBe("data-race");
    expect(heading).toMatch(/^The sites of (the|\d+) data races? in this run:$/);
    expect(sites).toMatch(/\.ts:\d+/);
    expect(sites.split(" | ")).toHaveLength(2);
    for (const [, line = "", step = ""] of sites.matchAll(/ at (\S+:\d+) \(step (\d+)\)/g))
      expect(failure.message, line).toMatch(new RegExp(`^ *${step} `, "m"));
    expect(failure.model).toBe(driver.models[0]);
    if (driver.missing !== undefined) expect(failure.message).toContain(`Missing: ${driver.missing}`);
  });

  test("is none in the stronger models, and its twin is none in any", async () => {
    const stronger = MEMORY_MODELS.filter((model) => !driver.models.includes(model));
    if (stronger.length > 0) await search(driver, true, stronger, RUNS);
    await search(driver, false, MEMORY_MODELS, RUNS);
  });
});

test("whoever asks for no races is told of none", async () => {
  const driver = RACY_DRIVERS.find(({ name }) => name.startsWith("a flag between CPUs is set")) as RacyDriver;
  const options = { setup: setupOf(driver, true), cpus: othersOf(driver, true), races: false, runs: 10 };
  await explore(deviceOf(driver), options, (bed, held) => driver.body(bed, held, true));
});
