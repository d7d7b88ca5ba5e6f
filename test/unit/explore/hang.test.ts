import fc from "fast-check";
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { failureOf } from "./failure-of.ts";

const LIVENESS = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const COMPUTING = 1;

/** Asks once and then waits for ever, where the card is still computing: which it is in some orders only. */
function impatient(bed: ExploredBed): void {
  const bar = bed.pci.bar(0);
  bar.write32(FACTORIAL, 3);
  bar.write32(LIVENESS, 1);
  const status = bar.read32(STATUS);
  // Nobody else can change what is in a local variable.
  for (let spins = 0; (status & COMPUTING) !== 0; spins++) spin(spins);
}

function spin(_count: number): void {
  // What an optimiser must not take out.
}

test("a loop without an access is stopped, is a verdict, and its token hangs again", async () => {
  const options = { runs: 400, runLimitMs: 300, models: ["sc"] } as const;
  const failure = await failureOf(explore(edu(), options, impatient));
  expect(failure.verdict).toBe("hang");
  expect(failure.message).toContain("loop without an access");
  const again = await failureOf(explore(edu(), { ...options, replay: failure.token }, impatient));
  expect(again.verdict).toBe("hang");
});

test("a catch or a finally of the driver does not keep it from being stopped", async () => {
  let cleanUps = 0;
  const stubborn = (): void => {
    for (;;) {
      try {
        for (;;) spin(0);
      } catch {
        // Whatever it is, go on.
      } finally {
        cleanUps++;
      }
    }
  };
  const failure = await failureOf(explore(edu(), { runs: 1, runLimitMs: 200 }, stubborn));
  expect(failure.verdict).toBe("hang");
  expect(cleanUps).toBe(0);
});

test("with a workload it is the one that hung that is reported, and no further one is tried", async () => {
  let hangs = 0;
  const options = { workload: fc.integer({ min: 0, max: 9 }), runs: 500, runLimitMs: 200 };
  const failure = await failureOf(
    explore(edu(), options, (_bed, _context, workload) => {
      if (workload < 5) return;
      hangs++;
      for (;;) spin(workload);
    }),
  );
  expect(failure.verdict).toBe("hang");
  expect(failure.workload).toBeGreaterThanOrEqual(5);
  expect(hangs).toBe(1);
});

test("a limit that is none is refused", async () => {
  await expect(explore(edu(), { runLimitMs: 0 }, () => {})).rejects.toThrow("runLimitMs is above 0, not 0");
});
