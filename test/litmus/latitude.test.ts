import { expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { Execution } from "../../emulator/explore/execution.ts";
import { exhaust } from "../../emulator/explore/exhaustive/exhaust.ts";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import { isFailure } from "../../emulator/explore/verdict.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { isSet } from "../../harness/explore/race-program.ts";
import { ioShapes } from "./io-shapes.ts";

/** What is left open by specifications is an option; each has a program that tells the two apart. */

const RUNS = 2000;

/** The models in which a program fails under the portfolio; where the exhaustive search finishes, it must agree. */
function failsIn(build: (m: Machine) => void): MemoryModel[] {
  const machine = new Machine();
  build(machine);
  const execution = new Execution(machine);
  return MEMORY_MODELS.filter((_, model) => {
    const strategy = new Portfolio();
    let hasFailed = false;
    for (let run = 0; run < RUNS && !hasFailed; run++) hasFailed = isFailure(execution.run(strategy, model, run));
    const all = exhaust(execution, model, { runsMax: 20_000 });
    if (all.isComplete || all.hasFailed) expect(all.hasFailed).toBe(hasFailed);
    return hasFailed;
  });
}

function ioShape(name: string): (m: Machine) => void {
  const shape = ioShapes.find((each) => each.name === name);
  if (shape === undefined) throw new Error(`no shape ${name}`);
  return (m) => shape.build(m, false);
}

/** The driver gives up after 1 µs and takes the buffer back; the card was only slow. */
function timeout(m: Machine): void {
  const [done, isFreed] = [m.word("done"), m.word("isFreed")];
  m.device("nic", function* (nic) {
    m.assert((yield nic.dmaRead32(isFreed)) === 0, "the card uses what the driver has freed");
    yield nic.dmaWrite32(done, 1);
  });
  m.cpu("driver", function* (cpu) {
    yield cpu.poll32(done, isSet, 1000);
    yield cpu.atomicStore32(isFreed, 1);
  });
}

test("a wait may time out although its event was only slow, if that is asked for", () => {
  expect(failsIn(timeout)).toEqual([]);
  expect(
    failsIn((m) => {
      m.allow({ earlyTimeoutsMax: 1 });
      timeout(m);
    }),
  ).toEqual([...MEMORY_MODELS]);
});

test("time moves on when a wait times out early", () => {
  expect(
    failsIn((m) => {
      m.allow({ earlyTimeoutsMax: 3 });
      const word = m.word("word");
      m.cpu("waiter", function* (cpu) {
        yield cpu.poll32(word, isSet, 1000);
        m.assert(!cpu.timedOut || m.state.nowNs >= 1000, "it timed out before its time");
      });
      m.cpu("writer", function* (cpu) {
        yield cpu.delay(400);
        yield cpu.write32(word, 1);
      });
    }),
  ).toEqual([]);
});

const sleeper = (isLoop: boolean) => (m: Machine) => {
  const flag = m.word("flag");
  m.cpu("sleeper", function* (cpu) {
    do yield cpu.futexWait(flag, 0);
    while (isLoop && (yield cpu.atomicLoad32(flag)) === 0);
    m.assert((yield cpu.atomicLoad32(flag)) === 1, "woken by nobody");
  });
  m.cpu("waker", function* (cpu) {
    yield cpu.atomicStore32(flag, 1);
    yield cpu.futexNotify(flag);
  });
};

test("a sleeper may wake of itself, if that is asked for", () => {
  const spurious = (isLoop: boolean) => (m: Machine) => {
    m.allow({ spuriousWakesMax: 2 });
    sleeper(isLoop)(m);
  };
  expect(failsIn(sleeper(false))).toEqual([]);
  expect(failsIn(spurious(false))).toEqual([...MEMORY_MODELS]);
  expect(failsIn(spurious(true))).toEqual([]);
});

test("a link that ignores relaxed ordering hides what needs it", () => {
  const link = (probability: number) => (m: Machine) => {
    ioShape("ro-mp")(m);
    m.allowLink({ index: 0 }, { relaxedOrderingProbability: probability });
  };
  expect(failsIn(ioShape("ro-mp"))).toEqual([...MEMORY_MODELS]);
  expect(failsIn(link(0))).toEqual([]);
  expect(failsIn(link(0.05))).toEqual([...MEMORY_MODELS]);
  expect(() => new Machine().allowLink({ index: 0 }, { relaxedOrderingProbability: 2 })).toThrow(RangeError);
});

test("the probability is what a search sees", () => {
  const failures = [0.1, 0.9].map((probability) => {
    const machine = new Machine();
    ioShape("ro-mp")(machine);
    machine.allowLink({ index: 0 }, { relaxedOrderingProbability: probability });
    const execution = new Execution(machine);
    const strategy = new Portfolio();
    let count = 0;
    for (let run = 0; run < 3000; run++) if (isFailure(execution.run(strategy, 0, run))) count++;
    return count;
  });
  expect((failures[1] as number) / (failures[0] as number)).toBeGreaterThan(6);
  expect((failures[1] as number) / (failures[0] as number)).toBeLessThan(14);
});

test("a processor whose uncached writes flush the write-combining buffer hides a missing wmb", () => {
  expect(failsIn(ioShape("wc-mp"))).toEqual([...MEMORY_MODELS]);
  expect(
    failsIn((m) => {
      m.allow({ uncachedFlushesCombining: true });
      ioShape("wc-mp")(m);
    }),
  ).toEqual([]);
});

test("a line that travels as a message does not overtake DMA", () => {
  expect(failsIn(ioShape("intx-mp"))).toEqual([...MEMORY_MODELS]);
  expect(
    failsIn((m) => {
      ioShape("intx-mp")(m);
      m.allowLink({ index: 0 }, { intxOvertakesDma: false });
    }),
  ).toEqual([]);
});

test("the same for the line of a real device model", async () => {
  const [INTERRUPT_ACKNOWLEDGE, SOURCE, DESTINATION, COUNT, COMMAND] = [0x64, 0x80, 0x88, 0x90, 0x98];
  for (const intxOvertakesDma of [true, false]) {
    const session = new PluggedSession([await loadDevice(edu())], {
      setup: ({ pci }) => {
        pci.config.setBusMaster(true);
        const buffer = pci.dma.alloc(8);
        buffer.write32(0, 0xffff_ffff);
        return { buffer, interrupt: pci.interrupts("intx", 1)[0] };
      },
      body: ({ pci }, { buffer, interrupt }) => {
        const bar = pci.bar(0);
        bar.write64(SOURCE, 0x40000n);
        bar.write64(DESTINATION, BigInt(buffer.iova));
        bar.write64(COUNT, 4n);
        bar.write32(COMMAND, 7);
        interrupt?.wait();
        // No register is read first, which would push the copy.
        if (buffer.read32(0) !== 0) throw new Error("the line was there before the copy");
        bar.write32(INTERRUPT_ACKNOWLEDGE, 0x100);
      },
    });
    session.machine.allowLink({ index: 0 }, { intxOvertakesDma });
    expect(session.search("sc", 500, 1).hasFailed).toBe(intxOvertakesDma);
  }
});

test("runs that use all of it are replayed from their deviations", () => {
  const machine = new Machine();
  machine.allow({ earlyTimeoutsMax: 2, spuriousWakesMax: 2, uncachedFlushesCombining: true });
  const [word, other] = [machine.word("word"), machine.word("other")];
  const vector = machine.vector();
  const nic = machine.device("nic", function* (nic) {
    yield nic.dmaWrite32(other, 1);
    yield nic.dmaWriteRelaxed32(word, 1);
    yield nic.setLine(vector, true);
    yield nic.dmaWriteRelaxed32(other, 2);
    yield nic.waitRegister32(register, isSet, 500);
  });
  const register = nic.register("R");
  machine.allowLink(nic, { relaxedOrderingProbability: 0.5, intxOvertakesDma: false });
  machine.cpu("driver", function* (cpu) {
    yield cpu.combiningWrite32(register, 1);
    yield cpu.mmioWrite32(register, 2);
    yield cpu.waitInterrupt(vector, 100);
    machine.outcome[0] = yield cpu.read32(word);
    machine.outcome[1] = yield cpu.futexWait(word, 0, 300);
  });
  machine.cpu("sleeper", function* (cpu) {
    machine.outcome[2] = yield cpu.futexWait(other, 0, 1000);
    yield cpu.poll32(word, isSet, 50);
    yield cpu.futexNotify(word);
  });
  const execution = new Execution(machine);
  const strategy = new Portfolio();
  const replay = new Replay();
  for (const model of MEMORY_MODELS.keys()) {
    for (let run = 0; run < 700; run++) {
      const verdict = execution.run(strategy, model, run);
      const { hash } = execution;
      replay.schedule.copyFrom(execution.recorder.schedule);
      expect(execution.run(replay, model, 0)).toBe(verdict);
      expect(execution.hash).toBe(hash);
    }
  }
});
