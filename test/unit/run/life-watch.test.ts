import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import { LifeWatch } from "../../../emulator/run/life-watch.ts";
import { STATUS_RUNNING, ThreadStatus } from "../../../emulator/run/thread-status.ts";

const nap = new Int32Array(new SharedArrayBuffer(4));
const passMs = (durationMs: number): void => void Atomics.wait(nap, 0, 0, durationMs);

function watched() {
  const status = new ThreadStatus(ThreadStatus.createBuffer());
  const { port1, port2 } = new MessageChannel();
  status.status = STATUS_RUNNING;
  status.beat();
  const watch = new LifeWatch(status, port1);
  watch.look();
  return { status, watch, theirs: port2, close: () => port1.close() };
}

/** Looks every few milliseconds, as a waiting thread does. Returns the silence at the end. */
function lookFor(watch: LifeWatch, durationMs: number): number {
  let silentMs = 0;
  for (const endMs = performance.now() + durationMs; performance.now() < endMs; passMs(5)) silentMs = watch.look();
  return silentMs;
}

test("a thread that is there and silent is not taken for dead", () => {
  const { status, watch, close } = watched();
  expect(lookFor(watch, 200)).toBeGreaterThan(100);
  expect(status.status).toBe(STATUS_RUNNING);
  status.beat();
  expect(watch.look()).toBe(0);
  close();
});

test("a thread that is silent and not there is marked dead within 100 ms and some slack", async () => {
  const { status, watch, theirs } = watched();
  await new Promise((resolve) => theirs.once("close", resolve).close());
  lookFor(watch, 150);
  expect(status.reason).toMatch(/ended without a word/);
});

test("whoever was put aside himself has not heard a silence", () => {
  const { watch, close } = watched();
  passMs(300);
  // One step counts for 50 ms at most, however long the watcher was away.
  expect(watch.look()).toBeLessThanOrEqual(50);
  close();
});
