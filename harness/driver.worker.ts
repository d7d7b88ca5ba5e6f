/** The thread of one CPU: opens its view of the devices and calls the driver module's default export. */
import { parentPort, workerData } from "node:worker_threads";
import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import { openCpu } from "../emulator/run/cpu-handle.ts";
import { DriverModuleError } from "../emulator/run/testbed-error.ts";
import type { DriverThreadAnswer, DriverThreadData, DriverThreadOutput } from "./driver-thread.ts";

/** What a driver module exports. */
type DriverMain = (functions: readonly PciFunction[], argument: unknown) => unknown;

const data = workerData as DriverThreadData;
// Node passes on what a worker prints when the worker's event loop turns, and a driver may never return to it, or its
// thread end first. A message needs no turn, and arrives before the driver's result. The console writes here too.
handOutput("stdout");
handOutput("stderr");
// A driver may wait by Atomics.waitAsync, which does not hold the event loop: without this the thread would just end.
const keepAlive = setInterval(() => {}, 2 ** 30);
let answer: DriverThreadAnswer;
try {
  const module = await loaded(data.moduleUrl);
  if (typeof module.default !== "function") {
    throw new DriverModuleError(
      `${data.moduleUrl} is no driver module: it must have a default export (functions, argument) => result.`,
    );
  }
  const functions = openCpu(data.handle, (lines) => console.warn(lines.join("\n")));
  answer = { result: await module.default(functions, data.argument) };
} catch (thrown) {
  answer = failureOf(thrown);
}
clearInterval(keepAlive);
try {
  parentPort?.postMessage(answer);
} catch (thrown) {
  // What a driver returns crosses threads: data does, functions and class instances do not.
  parentPort?.postMessage(failureOf(thrown));
}

/** Imports the module. What Node cannot load is said in a sentence; what the module itself throws is its own. */
async function loaded(url: string): Promise<{ default?: DriverMain }> {
  try {
    return (await import(url)) as { default?: DriverMain };
  } catch (thrown) {
    const code = (thrown as { code?: unknown } | null)?.code;
    if (!(thrown instanceof SyntaxError) && !(typeof code === "string" && code.startsWith("ERR_"))) throw thrown;
    const reason = (thrown as Error).message.split("\n", 1)[0]?.replace(/\.$/, "");
    throw new DriverModuleError(`${url} cannot be loaded as a driver module: ${reason}.`, { cause: thrown });
  }
}

/** Makes a stream of this thread post what is written to it. */
function handOutput(stream: DriverThreadOutput["stream"]): void {
  type Done = (error?: Error | null) => void;
  const write = (data: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const chunk = typeof data === "string" && typeof encoding === "string" ? Buffer.from(data, encoding) : data;
    parentPort?.postMessage({ stream, chunk } satisfies DriverThreadOutput);
    const written = typeof encoding === "function" ? encoding : done;
    if (written !== undefined) process.nextTick(written);
    return true;
  };
  process[stream].write = write;
}

function failureOf(thrown: unknown): DriverThreadAnswer {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { error: { name: error.name, message: error.message, stack: error.stack ?? error.message } };
}
