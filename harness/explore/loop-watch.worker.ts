/** Looks at another thread's runs, and stops the one that takes too long, wherever it is. */
import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import { type LoopWatchData, RUN, TURNS } from "./loop-watch.ts";

const LOOK_INTERVAL_MS = 20;

const { page, limitMs, mayEnd } = workerData as LoopWatchData;
const inspector = new Session();
if (mayEnd) inspector.connectToMainThread();

let run = 0;
let turns = 0;
let runMs = 0;
let silentMs = 0;

const timer = setInterval(() => {
  const runNow = Atomics.load(page, RUN);
  const turnsNow = Atomics.load(page, TURNS);
  // Counted in looks, not read from a clock: a machine that was asleep has not hung.
  runMs = runNow === run ? runMs + LOOK_INTERVAL_MS : 0;
  silentMs = runNow === run && turnsNow === turns ? silentMs + LOOK_INTERVAL_MS : 0;
  run = runNow;
  turns = turnsNow;
  if (run === 0 || runMs < limitMs) return;
  // Told again at each look: the message may be what is stopped.
  parentPort?.postMessage(run);
  // A thread that comes round to its event loop hears the message. One that does not is executing something.
  if (!mayEnd || silentMs < limitMs) return;
  silentMs = 0;
  inspector.post("Runtime.terminateExecution");
}, LOOK_INTERVAL_MS);

parentPort?.once("message", () => {
  clearInterval(timer);
  if (mayEnd) inspector.disconnect();
  parentPort?.close();
});
