import { afterEach, beforeEach, expect, test } from "vitest";
import { ABORT } from "../../../emulator/explore/machine.ts";
import { macrotaskHop } from "../../../emulator/run/macrotask.ts";
import { stopOfLeftOver, takeUnawaited } from "../../../harness/explore/unawaited-errors.ts";

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;
type Listener = (error: unknown) => void;

let ofRunner: Listener[][] = [];
let told: unknown[] = [];
const listener: Listener = (error) => told.push(error);

beforeEach(() => {
  told = [];
  ofRunner = EVENTS.map((event) => process.rawListeners(event) as Listener[]);
  for (const event of EVENTS) {
    process.removeAllListeners(event);
    process.on(event, listener);
  }
});

afterEach(() => {
  for (const [index, event] of EVENTS.entries()) {
    process.removeAllListeners(event);
    for (const each of ofRunner[index] ?? []) process.on(event, each);
  }
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await macrotaskHop();
}

function listeners(): unknown[][] {
  return EVENTS.map((event) => process.rawListeners(event));
}

test("the stop of a task that is left over is not told, what goes wrong beside it is, and the listeners are as before", async () => {
  const mine = new Error("somebody's own");
  const thrown = new Error("somebody's own, thrown");
  void Promise.reject(stopOfLeftOver());
  void Promise.reject(stopOfLeftOver());
  void Promise.reject(mine);
  process.nextTick(() => {
    throw thrown;
  });
  await turns();
  expect(new Set(told)).toEqual(new Set([mine, thrown]));
  expect(told).toHaveLength(2);
  expect(listeners()).toEqual([[listener], [listener]]);
});

test("a run that begins and ends beside it has its own errors, and nobody keeps a listener", async () => {
  const ofRun: unknown[] = [];
  void Promise.reject(stopOfLeftOver());
  const giveBack = takeUnawaited((error) => ofRun.push(error));
  const wrong = new Error("the run's");
  void Promise.reject(wrong);
  void Promise.reject(ABORT);
  await turns();
  void Promise.reject(stopOfLeftOver());
  giveBack();
  await turns();
  expect(ofRun).toEqual([wrong]);
  expect(told).toEqual([]);
  expect(listeners()).toEqual([[listener], [listener]]);
});
