import { describe, expect, test } from "vitest";
import { Execution } from "../../../emulator/explore/execution.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import type { Strategy } from "../../../emulator/explore/strategy.ts";
import { type CampaignOptions, runCampaign } from "../../../harness/explore/campaign.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { SearchSession } from "../../../harness/explore/search-session.ts";
import { Session } from "../../../harness/explore/session.ts";
import { STRATEGY_NAMES } from "../../../harness/explore/strategy-named.ts";
import { readToken } from "../../../harness/explore/token.ts";
import { races } from "../../../scenarios/races/index.ts";

const HASH = "00000000";

function sessionOf(name: string, isFixed = false): Session {
  const program = races.find((race) => race.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  return new Session(program, isFixed);
}

function search(session: SearchSession, options: Partial<CampaignOptions> = {}) {
  return runCampaign(session, { program: "x", sourceHash: HASH, runs: 2000, ...options });
}

describe("a campaign", () => {
  test.each(STRATEGY_NAMES)("finds a race with the strategy %s, and explains it", (strategy) => {
    const { end, failure } = search(sessionOf("lost-interrupt"), { strategy });
    expect(end).toBe("failed");
    expect(failure).toMatchObject({ verdict: "deadlock", model: "sc", cure: undefined });
    expect(failure?.deviationCount).toBeLessThanOrEqual(2);
    expect(failure?.picture).toContain("waits for interrupt 0");
    expect(failure?.token).toContain(`~${strategy}~`);
  });

  test("does not wait for the strong models before it looks into the weak ones", () => {
    const { failure, models } = search(sessionOf("length-before-done"), { runs: 100_000 });
    expect(failure).toMatchObject({ model: "relaxed", cure: "dmaRmb in driver before the read of desc.length" });
    expect(models.every(({ runs }) => runs < 2000)).toBe(true);
  });

  test("searches only the models that it is given, as often as it is told", () => {
    const result = search(sessionOf("store-buffering"), { models: ["sc"], runs: 300 });
    expect(result).toMatchObject({ end: "runs", runs: 300, unknown: 0, failure: undefined });
    expect(result.models).toEqual([{ model: "sc", runs: 300 }]);
  });

  test("is the same for the same seed, and another for another", () => {
    const found = (seed: number) => search(sessionOf("three-setters"), { seed }).failure?.foundAtRun;
    const runs = [1, 2, 3, 4, 5, 6].map(found);
    expect([1, 2, 3, 4, 5, 6].map(found)).toEqual(runs);
    expect(new Set(runs).size).toBeGreaterThan(1);
  });

  test("ends when its time is over, and says how far it is meanwhile", () => {
    const seen: number[] = [];
    const result = search(sessionOf("ring-full", true), {
      runs: Number.POSITIVE_INFINITY,
      timeLimitMs: 350,
      onProgress: ({ runs, elapsedMs }) => seen.push(runs, elapsedMs),
    });
    expect(result.end).toBe("time");
    expect(result.elapsedMs).toBeGreaterThanOrEqual(350);
    expect(seen.length).toBeGreaterThanOrEqual(4);
  });

  test("ends when it is told to", () => {
    let asked = 0;
    const result = search(sessionOf("ring-full", true), { isStopped: () => ++asked > 100 });
    expect(result).toMatchObject({ end: "interrupted", runs: 100 });
  });

  test("that is told to stop while it looks for a barrier reports what it has", () => {
    let explained = 0;
    const options = { isStopped: () => explained > 0, onExplain: () => void explained++ };
    const { end, failure } = search(sessionOf("length-before-done"), options);
    expect(end).toBe("failed");
    expect(failure).toMatchObject({ model: "relaxed", cure: undefined, isCureKnown: false });
    expect(search(sessionOf("length-before-done")).failure).toMatchObject({ isCureKnown: true });
  });

  test("says that a program starves when it must end, and nothing otherwise", () => {
    const program: RaceProgram = {
      ...(races[0] as RaceProgram),
      build(m) {
        const word = m.word("word");
        m.cpu("A", function* (cpu) {
          for (let value = 0; ; value++) yield cpu.write32(word, value & 1);
        });
      },
    };
    const unknown = search(new Session(program), { runs: 2 });
    expect(unknown).toMatchObject({ end: "runs", unknown: 6 });
    // The run with the fewest deviations: the ordinary one.
    expect(readToken(unknown.unknownToken ?? "").schedule.count).toBe(0);
    const { failure } = search(new Session(program), { runs: 2, mustEnd: true });
    expect(failure).toMatchObject({ verdict: "starvation", stuck: "A waits: write word" });
  });

  test("throws what the set-up of a driver throws", () => {
    class Broken extends Session {
      override run(): number {
        throw new Error("no such card");
      }
    }
    const program = races[0] as RaceProgram;
    expect(() => search(new Broken(program))).toThrow("no such card");
  });
});

/** A program of which something depends on how often it has run before. */
class Moody extends SearchSession {
  readonly machine: Machine = new Machine();
  readonly execution: Execution;
  #runs = 0;

  constructor(mood: (run: number) => { reads: number; fails: boolean }) {
    super();
    const word = this.machine.word("word");
    this.machine.cpu(
      "driver",
      function* (this: Moody, cpu: { read32(at: number): 0 }) {
        const { reads, fails } = mood(this.#runs);
        for (let read = 0; read < reads; read++) yield cpu.read32(word);
        this.machine.assert(!fails, "a bad day");
      }.bind(this),
    );
    this.execution = new Execution(this.machine);
  }

  run(strategy: Strategy, model: number, seed: number): number {
    this.#runs++;
    return this.execution.run(strategy, model, seed);
  }
}

describe("hidden nondeterminism is told from a failure", () => {
  test("by the first step that differs", () => {
    const { end, nondeterminism, checked } = search(new Moody((run) => ({ reads: 1 + (run % 2), fails: false })), {
      checkEvery: 10,
    });
    expect(end).toBe("nondeterministic");
    expect(checked).toBe(1);
    expect(nondeterminism).toMatch(/^in the (first|second) run step 2 was "driver: word → 0", and the \w+ had ended$/);
  });

  test("by the end, when all steps are the same", () => {
    const { end, nondeterminism, failure } = search(new Moody((run) => ({ reads: 2, fails: run === 37 })), {
      checkEvery: 0,
    });
    expect({ end, failure }).toEqual({ end: "nondeterministic", failure: undefined });
    expect(nondeterminism).toBe(
      "a schedule ended with violation (a bad day) and, when it was run again, with no failure",
    );
  });

  test.each(STRATEGY_NAMES)("and is not seen where there is none, with the strategy %s", (strategy) => {
    for (const race of races) {
      const { end, checked } = search(new Session(race, true), { strategy, runs: 20, checkEvery: 1 });
      expect({ end, checked }, race.name).toEqual({ end: "runs", checked: 60 });
    }
  });
});
