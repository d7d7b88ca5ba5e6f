import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { LoopWatch } from "../../../harness/explore/loop-watch.ts";

test("a watch whose thread has ended by itself is closed like any other", async () => {
  const made = once(process, "worker") as Promise<[Worker]>;
  const watch = LoopWatch.start(60_000);
  const [thread] = await made;
  await thread.terminate();
  await watch?.close();
  expect(thread.threadId).toBe(-1);
});
