import type { Worker } from "node:worker_threads";
import { afterAll } from "vitest";

/**
 * Fails a test file that leaves a worker behind. Vitest itself ends such a worker in silence, and its own leak
 * detection records a stack for every promise: 100 000 awaits take 12 s instead of 20 ms, so it is off (and there is
 * `npm run test:leaks`).
 */
const live = new Set<Worker>();

process.on("worker", (worker) => {
  live.add(worker);
  worker.once("exit", () => live.delete(worker));
});

// Registered before the file's own hooks, hence run after them: what a file ends in its `afterAll` counts as ended.
afterAll(async () => {
  const leftCount = live.size;
  await Promise.all([...live].map((worker) => worker.terminate()));
  if (leftCount > 0) {
    throw new Error(
      `${leftCount} worker(s) still run at the end of this file. Unplug every testbed: \`await using bed = …\`, or an afterAll.`,
    );
  }
});
