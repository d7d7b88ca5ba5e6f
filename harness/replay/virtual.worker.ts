/** The thread of a replay in virtual time. */
import { parentPort, workerData } from "node:worker_threads";
import { errorData } from "../thread-error.ts";
import { postOutput } from "../thread-output.ts";
import { foldedReplay } from "./folded-replay.ts";
import type { VirtualAnswer, VirtualBedData, VirtualRun } from "./virtual-bed.ts";

const data = workerData as VirtualBedData;
postOutput("stdout");
postOutput("stderr");
parentPort?.once("message", async (run: VirtualRun) => {
  let answer: VirtualAnswer;
  try {
    answer = await foldedReplay(data, run);
  } catch (thrown) {
    answer = { error: errorData(thrown) };
  }
  try {
    parentPort?.postMessage(answer);
  } catch (thrown) {
    // What a driver or a decoder returns crosses threads: data does, functions and class instances do not.
    parentPort?.postMessage({ error: errorData(thrown) } satisfies VirtualAnswer);
  }
});
