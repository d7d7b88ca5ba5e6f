import { expect, test } from "vitest";
import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import { Session } from "../../harness/explore/session.ts";

/**
 * What the checker cannot do, as the tests that it would have to pass. Where it shows less than hardware does, a program
 * that passes may still be wrong; where it shows more, a failure may be none. The reason stands with each.
 */

const RUNS = 4096;

function isSeen(model: MemoryModel, build: (m: Machine) => void): boolean {
  const session = new Session({ name: "limit", protocol: "", source: "herd7", fails: [], build });
  return session.search(model, RUNS, 1).hasFailed;
}

/** Two CPUs, each of which loads one location and stores to the other. */
function loadBuffering(m: Machine): void {
  const [x, y] = [m.word("x"), m.word("y")];
  m.cpu("P0", function* (cpu) {
    m.outcome[0] = yield cpu.read32(x);
    yield cpu.write32(y, 1);
  });
  m.cpu("P1", function* (cpu) {
    m.outcome[1] = yield cpu.read32(y);
    yield cpu.write32(x, 1);
  });
  m.finally(() => m.assert(m.outcome[0] === 0 || m.outcome[1] === 0, "LB"));
}

// Arm and RISC-V allow it. A store would have to land before a load that stands before it in the program has its value;
// the engine's loads are done when they are chosen.
test("LB is seen under relaxed", (context) => {
  context.skip("loads are done when they are chosen: no store lands before an earlier load");
  expect(isSeen("relaxed", loadBuffering)).toBe(true);
});

// As LB, with a reader of what the second store has overwritten.
test("S with its load after its store is seen under relaxed", (context) => {
  context.skip("as LB: no store lands before an earlier load");
  const build = (m: Machine): void => {
    const [x, y] = [m.word("x"), m.word("y")];
    m.cpu("P0", function* (cpu) {
      yield cpu.write32(x, 2);
      yield cpu.wmb();
      yield cpu.write32(y, 1);
    });
    m.cpu("P1", function* (cpu) {
      m.outcome[0] = yield cpu.read32(y);
      yield cpu.write32(x, 1);
    });
    m.finally(() => m.assert(m.outcome[0] === 0 || m.peek32(x) === 1, "S"));
  };
  expect(isSeen("relaxed", build)).toBe(true);
});

// An address that a load has given orders the load behind it, on every processor but the Alpha. The engine does not see
// where an address comes from, and reorders the two: a false alarm, unless the program has a barrier or acquires.
test("MP+wmb+addr is not seen under relaxed", (context) => {
  context.skip("address dependencies are not seen: such a failure may be a false alarm");
  const build = (m: Machine): void => {
    const [pointer, first, second] = [m.word("pointer"), m.word("first", 1), m.word("second")];
    m.cpu("P0", function* (cpu) {
      yield cpu.write32(second, 1);
      yield cpu.wmb();
      yield cpu.write32(pointer, second);
    });
    m.cpu("P1", function* (cpu) {
      const address = yield cpu.read32(pointer);
      m.assert((yield cpu.read32(address === 0 ? first : address)) === 1, "MP+wmb+addr");
    });
  };
  expect(isSeen("relaxed", build)).toBe(false);
});

// POWER and old Arm: two readers may disagree about the order of two stores even with ordered loads. The engine has one
// memory in which a store lands for everybody at once, as x86, Armv8 and RISC-V have.
test("IRIW+rmb is seen under relaxed", (context) => {
  context.skip("memory is multi-copy atomic here, as on Arm v8 and x86; POWER is not");
  const build = (m: Machine): void => {
    const [x, y] = [m.word("x"), m.word("y")];
    for (const [at, own, other] of [
      [0, x, y],
      [2, y, x],
    ] as const) {
      m.cpu(`W${at}`, function* (cpu) {
        yield cpu.write32(own, 1);
      });
      m.cpu(`R${at}`, function* (cpu) {
        m.outcome[at] = yield cpu.read32(own);
        yield cpu.rmb();
        m.outcome[at + 1] = yield cpu.read32(other);
      });
    }
    const isSplit = (at: number): boolean => m.outcome[at] === 1 && m.outcome[at + 1] === 0;
    m.finally(() => m.assert(!(isSplit(0) && isSplit(2)), "IRIW"));
  };
  expect(isSeen("relaxed", build)).toBe(true);
});

// A load may be as old as it likes where nothing orders it. The engine keeps the last four versions of a location.
test("a load returns a value that five stores have replaced", (context) => {
  context.skip("four older versions of a location are kept");
  const build = (m: Machine): void => {
    const [x, flag] = [m.word("x"), m.word("flag")];
    m.cpu("P0", function* (cpu) {
      for (let value = 1; value <= 5; value++) yield cpu.write32(x, value);
      yield cpu.wmb();
      yield cpu.write32(flag, 1);
    });
    m.cpu("P1", function* (cpu) {
      const seen = yield cpu.read32(flag);
      m.assert(seen === 0 || (yield cpu.read32(x)) !== 0, "five stores ago");
    });
  };
  expect(isSeen("relaxed", build)).toBe(true);
});
