/** The thread of one CPU: opens its view of the devices and calls the driver module's default export. */
import { parentPort, workerData } from "node:worker_threads";
import { openCpu } from "../emulator/run/cpu-handle.ts";
import { loadDriver } from "./driver-module.ts";
import type { DriverThreadAnswer, DriverThreadData, DriverThreadFinding } from "./driver-thread.ts";
import { driverLine } from "./explore/code-line.ts";
import { errorData } from "./thread-error.ts";
import { postOutput } from "./thread-output.ts";

const data = workerData as DriverThreadData;
postOutput("stdout");
postOutput("stderr");
// A driver may wait by Atomics.waitAsync, which does not hold the event loop: without this the thread would just end.
const keepAlive = setInterval(() => {}, 2 ** 30);
let answer: DriverThreadAnswer;
try {
  const drive = await loadDriver(data.moduleUrl);
  const functions = openCpu(data.handle, (lines) => console.warn(lines.join("\n")), {
    onFinding: (finding) => parentPort?.postMessage({ finding } satisfies DriverThreadFinding),
    lineOf: driverLine,
  });
  const { trace, handle } = data;
  // Loaded only where it is wanted: a thread that is not traced has nothing of it.
  const traced =
    trace === undefined
      ? functions
      : (await import("./trace/driver-trace.ts")).traced(functions, trace, handle.machine);
  answer = { result: await drive(traced, data.argument) };
} catch (thrown) {
  answer = { error: errorData(thrown) };
}
clearInterval(keepAlive);
try {
  parentPort?.postMessage(answer);
} catch (thrown) {
  // What a driver returns crosses threads: data does, functions and class instances do not.
  parentPort?.postMessage({ error: errorData(thrown) } satisfies DriverThreadAnswer);
}
