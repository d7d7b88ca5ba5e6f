import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { WallClock } from "../../../emulator/clock/wall-clock.ts";

describe("virtual clock", () => {
  test("moves as far as it is told and never back", () => {
    const aStep = fc.record({ by: fc.boolean(), ns: fc.nat(1_000_000) });
    fc.assert(
      fc.property(fc.array(aStep), (steps) => {
        const clock = new VirtualClock();
        let now = 0;
        for (const { by, ns } of steps) {
          if (by) {
            clock.advanceBy(ns);
            now += ns;
          } else {
            clock.advanceTo(ns);
            now = Math.max(now, ns);
          }
          clock.refresh();
          expect(clock.now[0]).toBe(now);
        }
      }),
    );
  });

  test("over shared memory two threads see one time", () => {
    const now = new Float64Array(new SharedArrayBuffer(8));
    const [device, driver] = [new VirtualClock(now), new VirtualClock(now)];
    device.advanceTo(67.2);
    expect(driver.now[0]).toBe(67.2);
  });
});

describe("wall clock", () => {
  test("does not go back, and stands between refreshes", () => {
    const clock = new WallClock();
    let before = clock.now[0] as number;
    for (let round = 0; round < 10_000; round++) {
      clock.refresh();
      const now = clock.now[0] as number;
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
    expect(clock.now[0]).toBe(before);
  });

  test("is the same clock in every thread: what happens between two readings here is between them there", async () => {
    const url = new URL("../../../emulator/clock/wall-clock.ts", import.meta.url);
    const source = `
      const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(url.href)}).then(({ WallClock }) => {
        parentPort.on("message", () => parentPort.postMessage(new WallClock().now[0]));
        parentPort.postMessage("ready");
      });`;
    const worker = new Worker(source, { eval: true });
    const answer = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
    await answer();
    for (let round = 0; round < 20; round++) {
      const before = new WallClock().now[0] as number;
      worker.postMessage("now?");
      const there = (await answer()) as number;
      const after = new WallClock().now[0] as number;
      // The origins are measured to some hundred nanoseconds; a round trip takes many thousand.
      expect(there).toBeGreaterThan(before - 2000);
      expect(there).toBeLessThan(after + 2000);
    }
    await worker.terminate();
  });
});
