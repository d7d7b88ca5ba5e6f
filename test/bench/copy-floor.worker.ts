/** The far side of the frame floor: takes frames out of a bare ring of slots, as fast as two threads can. */
import { workerData } from "node:worker_threads";
import { SLOT_COUNT, SLOT_WORDS } from "./copy-floor.ts";

const { control, slots } = workerData as { control: SharedArrayBuffer; slots: SharedArrayBuffer };
const words = new Int32Array(control);
const frames = new Int32Array(slots);
const copy = new Int32Array(SLOT_WORDS);
for (let taken = 0; ; ) {
  const put = Atomics.load(words, 0);
  if (put === -1) process.exit(0);
  for (; taken !== put; taken++) {
    const at = (taken % SLOT_COUNT) * SLOT_WORDS;
    for (let word = 0; word < SLOT_WORDS; word++) copy[word] = frames[at + word] as number;
  }
  Atomics.store(words, 16, taken);
}
