import { expect, test } from "vitest";
import { Execution } from "../../../emulator/explore/execution.ts";
import { RELAXED, SC, TSO } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import { Portfolio } from "../../../emulator/explore/strategies/portfolio.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { DEADLOCK, LIVELOCK, PASSED, STARVATION, UNKNOWN, VIOLATION } from "../../../emulator/explore/verdict.ts";
import { races } from "../../../scenarios/races/index.ts";

/** The values that some run of a program ends with. */
function outcomes(build: (m: Machine) => void, model: number, runs: number = 2000): Set<string> {
  const machine = new Machine();
  build(machine);
  const execution = new Execution(machine);
  const strategy = new PartialOrderSampling();
  const seen = new Set<string>();
  for (let run = 0; run < runs; run++) {
    execution.run(strategy, model, run);
    seen.add([...machine.outcome.slice(0, 2)].map((word) => (word >>> 0).toString(16)).join(" "));
  }
  return seen;
}

/** The verdict of the ordinary run. */
function ordinary(build: (m: Machine) => void, stepLimit: number = 10_000): number {
  const machine = new Machine();
  build(machine);
  const execution = new Execution(machine);
  execution.stepLimit = stepLimit;
  return execution.run(new Replay(), SC, 0);
}

test("every run is replayed from its deviations, in every model", () => {
  for (const program of races) {
    const machine = new Machine();
    program.build(machine, false);
    const execution = new Execution(machine);
    const strategy = new Portfolio();
    const replay = new Replay();
    for (const model of [SC, TSO, RELAXED]) {
      for (let run = 0; run < 100; run++) {
        const verdict = execution.run(strategy, model, run);
        const { hash } = execution;
        replay.schedule.copyFrom(execution.recorder.schedule);
        expect(execution.run(replay, model, 0), program.name).toBe(verdict);
        expect(execution.hash, program.name).toBe(hash);
      }
    }
  }
});

test("a run with handlers, sleepers, limits and reads under way is replayed too", () => {
  const machine = new Machine();
  const [word, other, lock] = [machine.word("word"), machine.word("other"), machine.word("lock")];
  const [first, second] = [machine.vector(), machine.vector()];
  const nic = machine.device("nic", function* (nic) {
    yield nic.dmaWriteRelaxed32(word, 1);
    yield nic.message(first);
    yield nic.dmaWriteRelaxed32(other, 1);
    yield nic.message(second);
    yield nic.fetch(word, other);
    yield nic.message(first);
  });
  const register = nic.register("R");
  const driver = machine.cpu("driver", function* (cpu) {
    for (let turn = 0; turn < 4; turn++) {
      yield cpu.read32(word);
      const saved = yield cpu.irqSave();
      yield cpu.write32(other, turn);
      yield cpu.irqRestore(saved);
      yield cpu.mmioWrite32(register, turn);
      yield cpu.mmioRead32(register);
    }
  });
  machine.cpu("sleeper", function* (cpu) {
    yield cpu.lock(lock);
    yield cpu.futexWait(word, 0, 100);
    yield cpu.unlock(lock);
    yield cpu.waitInterrupt(second, 1000);
  });
  machine.handle(first, driver, "isr", function* (cpu) {
    yield cpu.read32(other);
    yield cpu.write32(word, 3);
    yield cpu.futexNotify(word);
  });
  const execution = new Execution(machine);
  const strategy = new Portfolio();
  const replay = new Replay();
  for (const model of [SC, TSO, RELAXED]) {
    for (let run = 0; run < 500; run++) {
      execution.run(strategy, model, run);
      const { hash } = execution;
      replay.schedule.copyFrom(execution.recorder.schedule);
      execution.run(replay, model, 0);
      expect(execution.hash).toBe(hash);
    }
  }
});

test("a byte store and a word load overlap as in memory", () => {
  const seen = outcomes((m) => {
    const word = m.word64("word");
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(word, 0x1111_1111);
      yield cpu.write8(word + 1, 0x22);
    });
    m.cpu("reader", function* (cpu) {
      m.outcome[0] = yield cpu.read32(word);
      m.outcome[1] = yield cpu.read16(word);
    });
  }, RELAXED);
  expect(seen).toContain("0 0");
  expect(seen).toContain("11112211 2211");
  expect(seen).toContain("11111111 2211");
  // Coherence of the bytes that both loads touch.
  expect(seen).not.toContain("11112211 1111");
  expect(seen).not.toContain("11111111 0");
});

test("a CPU reads its own buffered stores, byte by byte", () => {
  const seen = outcomes((m) => {
    const word = m.word64("word");
    m.cpu("P0", function* (cpu) {
      yield cpu.write64(word, 0x4433_2211, 0x8877_6655 | 0);
      yield cpu.write16(word + 3, 0xbbaa);
      m.outcome[0] = yield cpu.read64(word);
      m.outcome[1] = cpu.high;
    });
  }, RELAXED);
  expect([...seen]).toEqual(["aa332211 887766bb"]);
});

test("a handler preempts its CPU between two operations", () => {
  const seen = outcomes((m) => {
    const word = m.word("word");
    const vector = m.vector();
    m.device("dev", function* (dev) {
      yield dev.message(vector);
    });
    const cpu = m.cpu("driver", function* (cpu) {
      m.outcome[0] = yield cpu.read32(word);
      const saved = yield cpu.irqSave();
      m.outcome[1] = yield cpu.read32(word);
      if ((yield cpu.read32(word)) !== m.outcome[1]) m.outcome[1] = -1;
      yield cpu.irqRestore(saved);
    });
    m.handle(vector, cpu, "isr", function* (cpu) {
      yield cpu.write32(word, 1);
    });
  }, TSO);
  expect([...seen].sort()).toEqual(["0 0", "0 1", "1 1"]);
});

test("limits are over only when nobody else can go on", () => {
  const verdict = ordinary((m) => {
    const word = m.word("word");
    m.cpu("waiter", function* (cpu) {
      yield cpu.poll32(word, (value) => value === 1, 1000);
      m.assert(!cpu.timedOut, "the limit was over although the writer could run");
      m.assert((yield cpu.futexWait(word, 1, 500)) === 2, "nobody wakes the sleeper");
      m.assert(m.state.nowNs === 500, "time moves to the limit");
    });
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(word, 1);
    });
  });
  expect(verdict).toBe(PASSED);
});

test("a loop written by hand parks in relax", () => {
  expect(
    ordinary((m) => {
      const word = m.word("word");
      m.cpu("poller", function* (cpu) {
        while ((yield cpu.read32(word)) === 0) yield cpu.relax();
      });
    }),
  ).toBe(LIVELOCK);
});

test("verdicts tell deadlock, violation and too long apart", () => {
  expect(
    ordinary((m) => {
      const lock = m.word("lock", 1);
      m.cpu("P0", function* (cpu) {
        yield cpu.lock(lock);
      });
    }),
  ).toBe(DEADLOCK);
  expect(
    ordinary((m) => {
      const word = m.word("word");
      m.cpu("P0", function* (cpu) {
        yield cpu.read32(word);
        throw new Error("a bug of the driver");
      });
    }),
  ).toBe(VIOLATION);
  expect(
    ordinary((m) => {
      const word = m.word("word");
      m.cpu("P0", function* (cpu) {
        for (let turn = 0; turn < 1000; turn++) yield cpu.write32(word, turn);
      });
    }, 100),
  ).toBe(UNKNOWN);
});

test("a loop that goes on although everybody gets a turn is starvation", () => {
  const machine = new Machine();
  const word = machine.word("word");
  for (const name of ["P0", "P1"]) {
    machine.cpu(name, function* (cpu) {
      while ((yield cpu.read32(word)) < 1_000_000) yield cpu.write32(word, 0);
    });
  }
  const execution = new Execution(machine);
  execution.stepLimit = 100;
  expect(execution.run(new Portfolio(), SC, 1)).toBe(UNKNOWN);
  execution.mustEnd = true;
  expect(execution.run(new Portfolio(), SC, 1)).toBe(STARVATION);
});

test("an acquire orders what follows behind itself, not behind the loads before it", () => {
  const passed = (acquiresFlag: boolean): Set<string> =>
    outcomes((m) => {
      const [data, flag, unrelated] = [m.word("data"), m.word("flag"), m.word("unrelated")];
      m.cpu("writer", function* (cpu) {
        yield cpu.write32(data, 1);
        yield cpu.writeRelease32(flag, 1);
      });
      m.cpu("reader", function* (cpu) {
        m.outcome[0] = yield acquiresFlag ? cpu.readAcquire32(flag) : cpu.read32(flag);
        yield cpu.readAcquire32(unrelated);
        m.outcome[1] = yield cpu.read32(data);
      });
    }, RELAXED);
  expect(passed(true)).toEqual(new Set(["0 0", "0 1", "1 1"]));
  expect(passed(false)).toEqual(new Set(["0 0", "0 1", "1 1", "1 0"]));
});
