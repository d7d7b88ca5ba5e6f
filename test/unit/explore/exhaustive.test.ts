import fc from "fast-check";
import { expect, test } from "vitest";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { Device } from "../../../emulator/explore/device.ts";
import { Execution } from "../../../emulator/explore/execution.ts";
import { exhaust } from "../../../emulator/explore/exhaustive/exhaust.ts";
import type { Reduction } from "../../../emulator/explore/exhaustive/exhaustive.ts";
import { RELAXED, SC, TSO } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import type { Pending } from "../../../emulator/explore/state.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Session } from "../../../harness/explore/session.ts";
import { races } from "../../../scenarios/races/index.ts";

const RUNS_MAX = 2000;
/** Random programs per property. More, and others, by EXPLORE_PROGRAMS and EXPLORE_SEED. */
const PROGRAMS = Number(process.env.EXPLORE_PROGRAMS ?? 60);
const SEED = Number(process.env.EXPLORE_SEED ?? 1);

/** Every way in which a run can end: the verdict, what was seen and what is in memory. */
function endings(machine: Machine, execution: Execution, model: number, reduction: Reduction) {
  const seen = new Set<string>();
  const result = exhaust(execution, model, {
    runsMax: RUNS_MAX,
    reduction,
    onRun: () => {
      seen.add(endingOf(machine, execution));
      return true;
    },
  });
  return { seen, result };
}

function endingOf(machine: Machine, execution: Execution): string {
  const memory = machine.state.timeline.bytes.slice(0, 16).join(",");
  return `${execution.verdict} ${machine.outcome.join(",")} ${memory}`;
}

const WORDS = 2;
type Step = readonly [kind: number, word: number];

const CPU_STEPS: readonly ((cpu: Cpu, word: number, register: number, value: number) => Pending)[] = [
  (cpu, word) => cpu.read32(word),
  (cpu, word, _register, value) => cpu.write32(word, value),
  (cpu, word) => cpu.readAcquire32(word),
  (cpu, word, _register, value) => cpu.writeRelease32(word, value),
  (cpu, word) => cpu.add32(word, 1),
  (cpu) => cpu.mb(),
  (cpu) => cpu.rmb(),
  (cpu) => cpu.wmb(),
  (cpu, _word, register, value) => cpu.mmioWrite32(register, value),
  (cpu, _word, register, value) => cpu.mmioWriteRelaxed32(register, value),
  (cpu, _word, register) => cpu.mmioRead32(register),
  (cpu, word) => cpu.read8(word + 1),
  (cpu, word, _register, value) => cpu.write16(word, value),
  (cpu, word) => cpu.poll32(word, (value) => value !== 0, 1000),
  (cpu, _word, register, value) => cpu.combiningWrite32(register, value),
];

const DEVICE_STEPS: readonly ((device: Device, word: number, register: number, value: number) => Pending)[] = [
  (device, word, _register, value) => device.dmaWrite32(word, value),
  (device, word, _register, value) => device.dmaWriteRelaxed32(word, value),
  (device, word) => device.dmaRead32(word),
  (device, _word, register) => device.readRegister32(register),
  (device, _word, register, value) => device.writeRegister32(register, value),
];

/** A program from numbers: two CPUs and a device, each with a few steps over two words and two registers. */
function randomProgram(cpus: readonly (readonly Step[])[], engine: readonly Step[]): Machine {
  const machine = new Machine();
  const base = machine.words("word", WORDS);
  const device = machine.device("dev", function* (dev) {
    for (const [index, [kind, word]] of engine.entries())
      machine.outcome[8 + index] = yield (DEVICE_STEPS[kind % DEVICE_STEPS.length] as (typeof DEVICE_STEPS)[0])(
        dev,
        base + 4 * word,
        registers[word] as number,
        100 + index,
      );
  });
  const registers = [device.register("R0"), device.register("R1")];
  for (const [at, steps] of cpus.entries()) {
    machine.cpu(`P${at}`, function* (cpu) {
      for (const [index, [kind, word]] of steps.entries())
        machine.outcome[3 * at + index] = yield (CPU_STEPS[kind] as (typeof CPU_STEPS)[0])(
          cpu,
          base + 4 * word,
          registers[word] as number,
          0x0101 * (1 + 3 * at + index),
        );
    });
  }
  return machine;
}

const cpuSteps = fc.array(fc.tuple(fc.nat(CPU_STEPS.length - 1), fc.nat(WORDS - 1)), { minLength: 1, maxLength: 3 });
const engineSteps = fc.array(fc.tuple(fc.nat(DEVICE_STEPS.length - 1), fc.nat(WORDS - 1)), { maxLength: 2 });

test("the reduced search ends in every way in which the full one does", () => {
  let compared = 0;
  fc.assert(
    fc.property(cpuSteps, cpuSteps, engineSteps, fc.constantFrom(SC, TSO, RELAXED), (first, second, engine, model) => {
      const machine = randomProgram([first, second], engine);
      const execution = new Execution(machine);
      const reduced = endings(machine, execution, model, "reduced");
      const full = endings(machine, execution, model, "full");
      if (!full.result.isComplete || !reduced.result.isComplete) return;
      compared++;
      expect([...reduced.seen].sort()).toEqual([...full.seen].sort());
      expect(reduced.result.runs).toBeLessThanOrEqual(full.result.runs);
    }),
    { numRuns: PROGRAMS, seed: SEED },
  );
  expect(compared).toBeGreaterThan(PROGRAMS / 2);
});

test("what a strategy reaches, the exhaustive search reaches", () => {
  fc.assert(
    fc.property(cpuSteps, cpuSteps, engineSteps, fc.constantFrom(SC, TSO, RELAXED), (first, second, engine, model) => {
      const machine = randomProgram([first, second], engine);
      const execution = new Execution(machine);
      const reduced = endings(machine, execution, model, "reduced");
      if (!reduced.result.isComplete) return;
      const strategy = new PartialOrderSampling();
      for (let run = 0; run < 100; run++) {
        execution.run(strategy, model, run);
        expect(reduced.seen).toContain(endingOf(machine, execution));
      }
    }),
    { numRuns: PROGRAMS, seed: SEED },
  );
});

test("a bound on delays that no run reaches leaves nothing out, and a lower one only what exceeds it", () => {
  fc.assert(
    fc.property(cpuSteps, cpuSteps, engineSteps, fc.constantFrom(SC, TSO, RELAXED), (first, second, engine, model) => {
      const machine = randomProgram([first, second], engine);
      const execution = new Execution(machine);
      const full = endings(machine, execution, model, "full");
      if (!full.result.isComplete) return;
      let before = new Set<string>();
      for (const delaysMax of [0, 1, 3, 1000]) {
        const seen = new Set<string>();
        const onRun = (): boolean => {
          seen.add(endingOf(machine, execution));
          return true;
        };
        expect(exhaust(execution, model, { runsMax: RUNS_MAX, delaysMax, onRun }).isComplete).toBe(true);
        if (delaysMax === 0) expect(seen.size).toBe(1);
        for (const ending of before) expect(seen).toContain(ending);
        before = seen;
      }
      expect([...before].sort()).toEqual([...full.seen].sort());
    }),
    { numRuns: PROGRAMS, seed: SEED },
  );
});

test("a preemption bound is kept and leaves the rest complete", () => {
  const session = new Session(races.find((race) => race.name === "stop-against-io") ?? (races[0] as never));
  const none = exhaust(session.execution, SC, { runsMax: RUNS_MAX, preemptionsMax: 0 });
  expect(none).toMatchObject({ isComplete: true, hasFailed: false });
  const one = exhaust(session.execution, SC, { runsMax: RUNS_MAX, preemptionsMax: 1 });
  expect(one.hasFailed).toBe(true);
});
