/** The thread of a testbed's devices: a shell around {@link DeviceThread}. */
import { workerData } from "node:worker_threads";
import { exposeControl } from "./control.ts";
import { DeviceThread, type DeviceThreadData } from "./device-thread.ts";
import { ThreadStatus } from "./thread-status.ts";

const data = workerData as DeviceThreadData;
// A thread that just ends, by process.exit, throws nothing; and its main thread may be the one that spins for an answer.
process.on("exit", (code) => new ThreadStatus(data.status).die(`its thread ended with code ${code}`));
try {
  const thread = await DeviceThread.start(data);
  exposeControl(thread);
  await thread.run();
} catch (error) {
  // Told through shared memory first: a driver that spins in another thread hears it although nobody's event loop turns.
  new ThreadStatus(data.status).die(error instanceof Error ? (error.stack ?? error.message) : String(error));
  throw error;
}
