import { expect, test } from "vitest";
import { Execution } from "../../../emulator/explore/execution.ts";
import { RELAXED } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import { PlainCpu } from "../../../emulator/explore/plain-cpu.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { VIOLATION } from "../../../emulator/explore/verdict.ts";

/** The card of length-before-done against a driver that is an ordinary function. */
function bed() {
  const machine = new Machine();
  const [length, done] = [machine.word("length"), machine.word("done")];
  machine.device("nic", function* (nic) {
    yield nic.dmaWrite32(length, 64);
    yield nic.dmaWrite32(done, 1);
  });
  const seat = machine.plainCpu("driver");
  const execution = new Execution(machine);
  return { machine, execution, plain: new PlainCpu(execution, seat), length, done };
}

test("a plain function is one actor among the others", () => {
  const { machine, execution, plain, length, done } = bed();
  const driver = (barrier: boolean) => (): void => {
    while (plain.await(plain.access.read32(done)) === 0) plain.await(plain.access.relax());
    if (barrier) plain.await(plain.access.dmaRmb());
    machine.assert(plain.await(plain.access.read32(length)) === 64, "the length is old");
  };
  const strategy = new PartialOrderSampling();
  let failing = 0;
  for (let run = 0; run < 500; run++) {
    if (plain.run(strategy, RELAXED, run, driver(false)) === VIOLATION) failing++;
    expect(plain.run(strategy, RELAXED, run, driver(true))).toBe(0);
  }
  expect(failing).toBeGreaterThan(0);
  expect(execution.verdict).toBe(0);
});

test("a plain function is replayed from its deviations", () => {
  const { execution, plain, length, done } = bed();
  const driver = (): void => {
    plain.await(plain.access.write32(done, 2));
    plain.await(plain.access.read32(length));
    plain.await(plain.access.read32(done));
  };
  const strategy = new PartialOrderSampling();
  const replay = new Replay();
  for (let run = 0; run < 200; run++) {
    plain.run(strategy, RELAXED, run, driver);
    const { hash } = execution;
    replay.schedule.copyFrom(execution.recorder.schedule);
    plain.run(replay, RELAXED, 0, driver);
    expect(execution.hash).toBe(hash);
  }
});

test("a function that swallows the end of the run is stopped at its next access", () => {
  const { machine, execution, plain, done } = bed();
  let swallowed = 0;
  const verdict = plain.run(new Replay(), RELAXED, 0, () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        plain.await(plain.access.poll32(done, (value) => value === 77));
      } catch {
        swallowed++;
      }
    }
  });
  expect(swallowed).toBe(3);
  expect(verdict).toBe(execution.verdict);
  expect(machine.violation).toBe("");
  expect(verdict).toBe(3);
});
