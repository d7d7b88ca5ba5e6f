import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { Execution } from "../../emulator/explore/execution.ts";
import { MEMORY_MODELS, RELAXED, SC } from "../../emulator/explore/kinds.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import { PlainCpu } from "../../emulator/explore/plain-cpu.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import { CpuWorker } from "../../emulator/explore/tokens/cpu-worker.ts";
import { DEADLOCK, LIVELOCK, PASSED, VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { races } from "../../scenarios/races/index.ts";
import type { RaceCpu } from "./fixtures/race.cpu.ts";

const TOKEN_CPUS = new URL("./fixtures/token.cpu.ts", import.meta.url);
const RACE_CPU = new URL("./fixtures/race.cpu.ts", import.meta.url);

const open: CpuWorker[] = [];
afterAll(async () => {
  await Promise.all(open.map((worker) => worker.close()));
});

/** A program of which every CPU is one of the fixture's functions, each in a thread of its own. */
async function program(...exportNames: string[]) {
  const machine = new Machine();
  const [flag, data] = [machine.word("flag"), machine.word("data")];
  const workers: CpuWorker[] = [];
  for (const exportName of exportNames) {
    const worker = await CpuWorker.start(TOKEN_CPUS, { exportName, argument: { flag, data }, answerLimitMs: 300 });
    open.push(worker);
    workers.push(worker);
    worker.join(machine, exportName);
  }
  return { machine, execution: new Execution(machine), workers, flag, data };
}

test("two plain functions in two threads race as two generators do", async () => {
  const { machine, execution } = await program("producer", "consumer");
  const strategy = new Portfolio();
  let failing = 0;
  for (let run = 0; run < 300; run++) {
    expect(execution.run(strategy, SC, run)).toBe(PASSED);
    expect(machine.outcome[0]).toBe(42);
    // The consumer's loads are not ordered.
    if (execution.run(strategy, RELAXED, run) !== VIOLATION) continue;
    expect(machine.violation).toBe("the data is old");
    failing++;
  }
  expect(failing).toBeGreaterThan(0);
});

test("a plain function in this thread races with one in another", async () => {
  const { machine, execution, data } = await program("incrementer");
  const plain = new PlainCpu(execution, machine.plainCpu("driver"));
  machine.finally(() => machine.assert(machine.peek32(data) === 2, "an update is lost"));
  const verdicts = new Set<number>();
  const strategy = new Portfolio();
  for (let run = 0; run < 100; run++) {
    const verdict = plain.run(strategy, SC, run, () => {
      plain.await(plain.access.write32(data, plain.await(plain.access.read32(data)) + 1));
    });
    verdicts.add(verdict);
  }
  expect([...verdicts].sort()).toEqual([PASSED, VIOLATION]);
});

test.for([
  ["thrower", VIOLATION, "RangeError: a bug of the driver"],
  ["sleeper", DEADLOCK, ""],
  ["swallower", LIVELOCK, ""],
  ["hanger", VIOLATION, /hanger has made no access for 300 ms, so its thread was stopped/],
  ["quitter", VIOLATION, /quitter: its thread has ended/],
  ["promiser", VIOLATION, /TypeError: it returned a promise/],
] as const)("%s ends in a verdict, run after run", async ([exportName, verdict, violation]) => {
  const { machine, execution, workers } = await program(exportName, "producer");
  for (let run = 0; run < 3; run++) {
    expect(VERDICT_NAMES[execution.run(new Replay(), SC, run)]).toBe(VERDICT_NAMES[verdict]);
    expect(machine.violation).toMatch(violation);
  }
  // The other function is not to blame: its thread has lived through all of it.
  expect(workers[1]?.stoppedCount).toBe(0);
});

test("a module that is none is said when the CPU is started", async () => {
  await expect(CpuWorker.start(new URL("./fixtures/nowhere.ts", import.meta.url))).rejects.toThrow(/cannot be loaded/);
  await expect(CpuWorker.start(TOKEN_CPUS, { exportName: "nobody" })).rejects.toThrow(/has no function "nobody"/);
});

/** One program in both forms. */
interface Pair {
  readonly name: string;
  readonly folded: Execution;
  readonly passing: Execution;
}

async function pairOf(name: string, isFixed: boolean): Promise<Pair> {
  const race = races.find((each) => each.name === name);
  if (race === undefined) throw new Error(`no program ${name}`);
  const [folded, passing] = [new Machine(), new Machine()];
  race.build(folded, isFixed);
  race.build(passing, isFixed);
  for (const [thread, { cpu, name: threadName }] of passing.threads.entries()) {
    // Devices and handlers stay folded.
    if (cpu < 0 || passing.state.mainOf[cpu] !== thread) continue;
    const argument: RaceCpu = { program: name, isFixed, thread };
    const worker = await CpuWorker.start(RACE_CPU, { argument });
    open.push(worker);
    worker.take(passing, thread, threadName);
  }
  return { name, folded: new Execution(folded), passing: new Execution(passing) };
}

test("the same program is the same run in folded and in token form", { timeout: 60_000 }, async () => {
  const names = [
    "lost-update",
    "store-buffering",
    "three-setters",
    "futex-lost-wakeup",
    "mask-not-flushed",
    "stop-against-io",
  ];
  const pairs: Pair[] = [];
  for (const name of names) for (const isFixed of [false, true]) pairs.push(await pairOf(name, isFixed));
  const strategy = new Portfolio();
  const replay = new Replay();
  const schedule = new Schedule();
  fc.assert(
    fc.property(fc.constantFrom(...pairs), fc.nat(MEMORY_MODELS.length - 1), fc.nat(100_000), (pair, model, seed) => {
      const { folded, passing } = pair;
      const verdict = folded.run(strategy, model, seed);
      const { hash, stepCount } = folded;
      const { violation } = folded.machine;
      schedule.copyFrom(folded.recorder.schedule);
      replay.schedule.copyFrom(schedule);
      expect(passing.run(replay, model, 0), pair.name).toBe(verdict);
      expect(passing.hash, pair.name).toBe(hash);
      expect(passing.stepCount).toBe(stepCount);
      expect(passing.machine.violation).toBe(violation);
      // And the way back: what the token form records replays in the folded one.
      expect(passing.recorder.schedule.count).toBe(schedule.count);
      replay.schedule.copyFrom(passing.recorder.schedule);
      folded.run(replay, model, 0);
      expect(folded.hash).toBe(hash);
    }),
    { numRuns: 400, seed: 1 },
  );
});

test("the same token gives the same hash in 1,000 of 1,000 repeats in token form", { timeout: 60_000 }, async () => {
  const { folded, passing, name } = await pairOf("lost-update", false);
  const strategy = new Portfolio();
  let seed = 0;
  while (folded.run(strategy, RELAXED, seed) !== VIOLATION) seed++;
  const { hash } = folded;
  const replay = new Replay();
  replay.schedule.copyFrom(folded.recorder.schedule);
  for (let repeat = 0; repeat < 1000; repeat++) {
    passing.run(replay, RELAXED, 0);
    expect(passing.hash, name).toBe(hash);
  }
});
