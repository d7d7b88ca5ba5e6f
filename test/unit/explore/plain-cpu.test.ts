import { expect, test } from "vitest";
import { Execution } from "../../../emulator/explore/execution.ts";
import { RELAXED, SC, TSO } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import { PlainCpu } from "../../../emulator/explore/plain-cpu.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { PASSED, UNKNOWN, VIOLATION } from "../../../emulator/explore/verdict.ts";

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

test("an event-driven device, a plain driver and its plain handler run in one thread", () => {
  const machine = new Machine();
  const [ring, frame, flag] = [machine.word("ring"), machine.words("frame", 4), machine.word("flag")];
  const vector = machine.vector();
  const { state } = machine;
  const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  // A doorbell makes the card fetch a descriptor; the answer makes it write a frame, a flag and a message.
  const nic = machine.device("nic", undefined, {
    onWrite: () => state.requestRead(0, ring, 4, 7, 1),
    onRead: () => state.timeline.tick,
    onDmaRead(tag, context, address) {
      machine.assert(tag === 7 && context === 1 && machine.peek32(address) === 5, "the descriptor was not there yet");
      state.schedule(0, 100, 1, 2);
    },
    onEvent() {
      state.postDmaWrite(0, frame, bytes, 0, 16, false);
      state.postDmaWrite(0, flag, bytes, 0, 4, false);
      state.postMessage(0, vector);
    },
  });
  const TAIL = nic.register("TAIL");
  const seat = machine.plainCpu("driver");
  const execution = new Execution(machine);
  const plain = new PlainCpu(execution, seat);
  let handled = 0;
  const irq = new PlainCpu(
    execution,
    machine.handlePlain(vector, seat.cpu, "isr", () => {
      handled++;
      machine.assert(irq.await(irq.access.read32(flag)) === 0x0403_0201, "the interrupt came before the flag");
      machine.assert(irq.await(irq.access.read32(frame + 12)) === 0x100f_0e0d, "the frame is not whole");
    }),
  );
  const strategy = new PartialOrderSampling();
  const replay = new Replay();
  for (const model of [SC, TSO, RELAXED]) {
    for (let run = 0; run < 300; run++) {
      const driver = (): void => {
        handled = 0;
        plain.setUp(() => plain.await(plain.access.write32(ring, 5)));
        plain.await(plain.access.mmioWrite32(TAIL, 1));
        while (handled === 0) plain.await(plain.access.delay(50));
      };
      expect(plain.run(strategy, model, run, driver), machine.violation).toBe(0);
      expect(handled).toBe(1);
      const { hash } = execution;
      replay.schedule.copyFrom(execution.recorder.schedule);
      plain.run(replay, model, 0, driver);
      expect(execution.hash).toBe(hash);
    }
  }
});

test.each([
  { what: "as many things on their way as there is room for", count: 200, byteLength: 4, verdict: PASSED },
  { what: "one thing too many", count: 300, byteLength: 4, verdict: UNKNOWN },
  { what: "as many bytes on their way as there is room for", count: 2, byteLength: 60_000, verdict: PASSED },
  { what: "bytes on their way that would overwrite others", count: 3, byteLength: 60_000, verdict: UNKNOWN },
  { what: "one write that is too long", count: 1, byteLength: 200_000, verdict: UNKNOWN },
])("$what: never the driver's fault, whatever it makes of it", ({ count, byteLength, verdict }) => {
  const machine = new Machine(new Uint8Array(1 << 20), 8);
  const { state } = machine;
  const bytes = new Uint8Array(byteLength).fill(7);
  const nic = machine.device("nic", undefined, {
    onWrite() {
      for (let write = 0; write < count; write++)
        state.postDmaWrite(0, 4096 + write * byteLength, bytes, 0, byteLength, false);
    },
  });
  const TAIL = nic.register("TAIL");
  const execution = new Execution(machine);
  const plain = new PlainCpu(execution, machine.plainCpu("driver"));
  const driver = (): void => {
    try {
      plain.await(plain.access.mmioWrite32(TAIL, 1));
      plain.await(plain.access.delay(50));
    } catch (error) {
      throw new Error("the card does not answer", { cause: error });
    }
  };
  for (let round = 0; round < 3; round++) expect(plain.run(new Replay(), SC, 0, driver)).toBe(verdict);
  expect(machine.violation).toBe("");
});
