/** The thread of one CPU: opens its view of the devices and calls the driver module's default export. */
import { parentPort, workerData } from "node:worker_threads";
import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import { openCpu } from "../emulator/run/cpu-handle.ts";
import type { DriverThreadAnswer, DriverThreadData } from "./driver-thread.ts";

/** What a driver module exports. */
type DriverMain = (functions: readonly PciFunction[], argument: unknown) => unknown;

const data = workerData as DriverThreadData;
let answer: DriverThreadAnswer;
try {
  const module = (await import(data.moduleUrl)) as { default?: DriverMain };
  if (typeof module.default !== "function") {
    throw new TypeError(
      `${data.moduleUrl} is no driver module: it must have a default export (functions, argument) => result`,
    );
  }
  const functions = openCpu(data.handle, (lines) => console.warn(lines.join("\n")));
  answer = { result: await module.default(functions, data.argument) };
} catch (thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  answer = { error: { name: error.name, message: error.message, stack: error.stack ?? error.message } };
}
parentPort?.postMessage(answer);
