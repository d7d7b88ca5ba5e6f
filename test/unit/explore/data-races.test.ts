import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { Device } from "../../../emulator/explore/device.ts";
import { Execution } from "../../../emulator/explore/execution.ts";
import { MEMORY_MODELS, type MemoryModel } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import type { RaceDetector } from "../../../emulator/explore/races/race-detector.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import type { Actor, Pending } from "../../../emulator/explore/state.ts";
import { Portfolio } from "../../../emulator/explore/strategies/portfolio.ts";
import { deriveSeed } from "../../../emulator/run/rng.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { Session } from "../../../harness/explore/session.ts";
import { races } from "../../../scenarios/races/index.ts";
import { RaceOracle } from "./race-oracle.ts";

const SCHEDULES = 100;

/**
 * Programs whose mistake is a missing barrier, and the strongest model in which it is one. Two stores in the wrong order that
 * nobody reads between (2+2W) are none of them: both are meant to race.
 */
const MISSING_ORDER: readonly (readonly [string, MemoryModel])[] = [
  ["store-buffering", "tso"],
  ["queue-stop-no-barrier", "tso"],
  ["event-index", "tso"],
  ["message-passing", "relaxed"],
  ["seqlock-reader", "relaxed"],
  ["own-before-fields", "relaxed"],
  ["relaxed-doorbell", "relaxed"],
  ["length-before-done", "relaxed"],
  ["command-before-phase", "relaxed"],
  ["avail-ring", "relaxed"],
  ["lapped-no-barrier", "relaxed"],
];

/** What the detector has found, in the oracle's words. */
function foundBy({ races }: RaceDetector): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at < races.count; at++)
    for (let byte = 0; byte < (races.byteLength[at] as number); byte++)
      found.add(`${races.firstSite[at]} ${races.secondSite[at]} ${(races.address[at] as number) + byte}`);
  return found;
}

function watched(program: RaceProgram, isFixed: boolean): { session: Session; detector: RaceDetector } {
  const session = new Session(program, isFixed);
  return { session, detector: session.machine.detectRaces() };
}

function programNamed(name: string): RaceProgram {
  const program = races.find((each) => each.name === name);
  if (program === undefined) throw new Error(`there is no program ${name}`);
  return program;
}

describe("small programs", () => {
  test.each(MISSING_ORDER)("%s: the ordinary order is enough, in %s and in no stronger model", (name, strongest) => {
    const { session, detector } = watched(programNamed(name), false);
    const racing = MEMORY_MODELS.filter((model) => {
      session.replay(model, new Schedule());
      detector.finish();
      return detector.races.count > 0;
    });
    expect(racing).toEqual(MEMORY_MODELS.slice(MEMORY_MODELS.indexOf(strongest)));
  });

  test("mended ones and controls are silent in every model and schedule", () => {
    for (const program of races) {
      const { session, detector } = watched(program, true);
      const strategy = new Portfolio();
      for (const [model, name] of MEMORY_MODELS.entries())
        for (let run = 0; run < SCHEDULES; run++) {
          session.run(strategy, model, deriveSeed(7, run));
          detector.finish();
          if (detector.races.count > 0) expect.fail(`${program.name}, ${name}: schedule ${run} has a data race`);
        }
    }
  }, 30_000);
});

// ---- random programs against the oracle -----------------------------------------------------------------------------

const WORDS = 4;
const places = fc.integer({ min: 0, max: WORDS - 1 });
const cpuSteps = fc.array(
  fc.tuple(
    fc.constantFrom(
      ..."read read read8 read16 write write write8 readAcquire writeRelease".split(" "),
      ..."rmb wmb mb dmaRmb dmaWmb add exchange poll doorbell relaxedDoorbell readRegister wait relax".split(" "),
    ),
    places,
  ),
  { maxLength: 10 },
);
const deviceSteps = fc.array(
  fc.tuple(fc.constantFrom(..."read write writeRelaxed fetch message await".split(" ")), places),
  {
    maxLength: 8,
  },
);
type Steps = readonly (readonly [string, number])[];

function* cpuProgram(cpu: Cpu, steps: Steps, words: readonly number[], register: number, vector: number): Actor {
  for (const [what, place] of steps) {
    const at = words[place] as number;
    yield operation(cpu, what, at, register, vector);
  }
}

function operation(cpu: Cpu, what: string, at: number, register: number, vector: number): Pending {
  switch (what) {
    case "read":
      return cpu.read32(at);
    case "read8":
      return cpu.read8(at + 1);
    case "read16":
      return cpu.read16(at);
    case "write":
      return cpu.write32(at, 1);
    case "write8":
      return cpu.write8(at + 1, 2);
    case "readAcquire":
      return cpu.readAcquire32(at);
    case "writeRelease":
      return cpu.writeRelease32(at, 3);
    case "rmb":
      return cpu.rmb();
    case "wmb":
      return cpu.wmb();
    case "mb":
      return cpu.mb();
    case "dmaRmb":
      return cpu.dmaRmb();
    case "dmaWmb":
      return cpu.dmaWmb();
    case "add":
      return cpu.add32(at, 1);
    case "exchange":
      return cpu.exchange32(at, 5);
    case "poll":
      return cpu.poll32(at, (value) => value !== 0, 1000);
    case "doorbell":
      return cpu.mmioWrite32(register, 1);
    case "relaxedDoorbell":
      return cpu.mmioWriteRelaxed32(register, 1);
    case "readRegister":
      return cpu.mmioRead32(register);
    case "wait":
      return cpu.waitInterrupt(vector, 1000);
    default:
      return cpu.relax();
  }
}

function* deviceProgram(
  nic: Device,
  steps: Steps,
  words: readonly number[],
  register: () => number,
  vector: number,
): Actor {
  for (const [what, place] of steps) {
    const at = words[place] as number;
    if (what === "read") yield nic.dmaRead32(at);
    else if (what === "write") yield nic.dmaWrite32(at, 7);
    else if (what === "writeRelaxed") yield nic.dmaWriteRelaxed32(at, 8);
    else if (what === "fetch") yield nic.fetch(at, words[(place + 1) % WORDS] as number);
    else if (what === "message") yield nic.message(vector);
    else yield nic.waitRegister32(register(), (value) => value !== 0, 1000);
  }
}

test("the vector clocks find what a closure over the whole run finds, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(cpuSteps, { minLength: 2, maxLength: 3 }), deviceSteps, fc.nat(), (cpus, device, seed) => {
      const machine = new Machine();
      const words = machine.words("word", WORDS);
      const addresses = Array.from({ length: WORDS }, (_, word) => words + 4 * word);
      const vector = machine.vector();
      const nic = machine.device("nic", (own) => deviceProgram(own, device, addresses, () => register, vector));
      const register = nic.register("DOORBELL");
      for (const [index, steps] of cpus.entries())
        machine.cpu(`CPU ${index}`, (cpu) => cpuProgram(cpu, steps, addresses, register, vector));
      const oracle = new RaceOracle(machine.state);
      machine.state.races = oracle;
      const execution = new Execution(machine);
      const strategy = new Portfolio();
      for (const model of MEMORY_MODELS.keys())
        for (let run = 0; run < 4; run++) {
          execution.run(strategy, model, deriveSeed(seed, run));
          oracle.finish();
          const expected = oracle.findRaces();
          const found = foundBy(oracle);
          for (const race of found) {
            if (expected.has(race)) continue;
            const [load = 0, store = 0] = race.split(" ").map(Number);
            expect(model === 1 && oracle.isStoreLoadRace(load, store), `${MEMORY_MODELS[model]}: ${race}`).toBe(true);
          }
          // More races than are kept apart are only counted.
          if (oracle.races.overflowCount === 0) expect([...expected].filter((race) => !found.has(race))).toEqual([]);
        }
    }),
    { numRuns: 150 },
  );
}, 60_000);
