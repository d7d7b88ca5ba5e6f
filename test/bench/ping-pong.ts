/**
 * The floor under the round trips: two threads answer each other through two words, and nothing else. The far side runs
 * in the device thread itself, as an attachment that keeps the thread for one batch, so that floor and figure are
 * measured by turns between the same two threads.
 */
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";

export interface PingPongOptions {
  /** Shared words, a cache line each: {@link PING}, {@link PONG} and {@link ROUNDS}. */
  readonly words: SharedArrayBuffer;
}

/** What the near side counts up. */
const PING = 0;
/** The far side's answer. */
const PONG = 16;
/** Up to which ping the far side answers without looking at anything else. */
const ROUNDS = 32;
export const PING_PONG_BYTES = 256;

export function attach(machine: Machine, options: unknown): AttachedPart {
  machine.host.sources.push(new FarSide(new Int32Array((options as PingPongOptions).words)));
  return {};
}

class FarSide implements EventSource {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  poll(): boolean {
    const words = this.#words;
    const last = Atomics.load(words, ROUNDS);
    let answered = words[PONG] as number;
    if (answered === last) return false;
    while (answered !== last) {
      const ping = Atomics.load(words, PING);
      if (ping === answered) continue;
      answered = ping;
      Atomics.store(words, PONG, answered);
    }
    return true;
  }

  isIdle(): boolean {
    return Atomics.load(this.#words, ROUNDS) === Atomics.load(this.#words, PONG);
  }
}

/** `count` round trips. The device thread must be awake. */
export function pingPong(words: Int32Array, count: number): void {
  let ping = Atomics.load(words, PONG);
  Atomics.store(words, ROUNDS, ping + count);
  for (let round = 0; round < count; round++) {
    Atomics.store(words, PING, ++ping);
    while (Atomics.load(words, PONG) !== ping) {
      // Both sides spin: this is the floor.
    }
  }
}
