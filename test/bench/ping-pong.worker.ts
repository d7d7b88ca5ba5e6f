/** The far side of the floor: answers every change of one word by the same value in another, as fast as two threads can. */
import { workerData } from "node:worker_threads";

const words = new Int32Array(workerData as SharedArrayBuffer);
for (let round = 1; ; round++) {
  while (Atomics.load(words, 0) !== round) if (Atomics.load(words, 32) === 1) process.exit(0);
  Atomics.store(words, 16, round);
}
