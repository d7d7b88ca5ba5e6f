/** The floor under the frame rates: 60 bytes copied into a shared slot and out of it, one atomic store for 32 of them. */
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { benchModule } from "./bench-module.ts";

export const SLOT_COUNT = 512;
/** 60 bytes. */
export const SLOT_WORDS = 15;
const BATCH = 32;

/** Frames per second through a bare ring between two threads, with nothing that a card or a driver does. */
export async function copyFloor(frameCount: number): Promise<number> {
  const control = new SharedArrayBuffer(128);
  const slots = new SharedArrayBuffer(SLOT_COUNT * SLOT_WORDS * 4);
  const worker = new Worker(benchModule("copy-floor.worker"), { workerData: { control, slots } });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  await new Promise((resolve) => worker.once("online", resolve));
  const words = new Int32Array(control);
  const frames = new Int32Array(slots);
  const push = (count: number): void => {
    const start = Atomics.load(words, 0);
    for (let put = start; put < start + count; put += BATCH) {
      while (put + BATCH - Atomics.load(words, 16) > SLOT_COUNT) {
        // The other thread takes them out.
      }
      for (let entry = put; entry < put + BATCH; entry++) {
        const at = (entry % SLOT_COUNT) * SLOT_WORDS;
        for (let word = 0; word < SLOT_WORDS; word++) frames[at + word] = entry + word;
      }
      Atomics.store(words, 0, put + BATCH);
    }
    while (Atomics.load(words, 16) !== Atomics.load(words, 0)) {
      // Until the last one is out.
    }
  };
  push(BATCH * 20_000);
  const start = performance.now();
  push(frameCount - (frameCount % BATCH));
  const seconds = (performance.now() - start) / 1000;
  Atomics.store(words, 0, -1);
  await ended;
  return frameCount / seconds;
}
