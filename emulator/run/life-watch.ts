import type { MessagePort } from "node:worker_threads";
import { WallClock } from "../clock/wall-clock.ts";
import type { ThreadStatus } from "./thread-status.ts";

/** What is posted to see whether anybody could receive it. Receivers pass over it. */
export const LIFE_PROBE = "are you there?";

/** No beat for so long: a thread that sleeps is woken, so that it beats. */
const CALL_AFTER_MS = 30;
/** No beat for so much longer: is there a thread at all? Asked again at this distance. */
const PROBE_AFTER_MS = 60;
/** One look counts for so much silence at most: whoever was put aside himself, or stood in a debugger, has heard nothing. */
const LONGEST_STEP_MS = 50;

/**
 * Watches the device thread from another one that cannot turn its event loop meanwhile. A thread that throws or exits
 * says so itself; one that vanishes (its heap is full, it is ended from outside) can only be missed. It beats at least every
 * 10 ms while it works. When it does not, a message is posted to it: Node closes the ports of a thread that ends, and
 * a post that nobody can receive returns false.
 */
export class LifeWatch {
  readonly #status: ThreadStatus;
  readonly #port: MessagePort;
  readonly #wall = new WallClock();
  /** Times of the wall clock in nanoseconds, in an array because fields above 2^31 would be heap numbers. */
  readonly #times = new Float64Array(2);
  #beat = 0;
  #silentMs = 0;
  #probeAtMs = PROBE_AFTER_MS;

  constructor(status: ThreadStatus, port: MessagePort) {
    this.#status = status;
    this.#port = port;
  }

  /** Looks for a sign of life, and marks a thread dead that is not there. Returns how long there was none, in milliseconds. */
  look(): number {
    this.#wall.refresh();
    const now = this.#wall.now[0] as number;
    const stepMs = (now - (this.#times[0] as number)) / 1e6;
    this.#times[0] = now;
    const beat = this.#status.heartbeat;
    if (beat !== this.#beat) {
      this.#beat = beat;
      this.#silentMs = 0;
      this.#probeAtMs = PROBE_AFTER_MS;
      return 0;
    }
    this.#silentMs += Math.min(stepMs, LONGEST_STEP_MS);
    if (this.#silentMs >= CALL_AFTER_MS) this.#status.wakeIfAsleep();
    if (this.#silentMs >= this.#probeAtMs) this.#probe();
    return this.#silentMs;
  }

  #probe(): void {
    this.#probeAtMs = this.#silentMs + PROBE_AFTER_MS;
    // Not in Node's documentation; where it returns nothing, a dead thread is taken for a stuck one after the limit.
    const isReceived: unknown = this.#port.postMessage(LIFE_PROBE);
    if (isReceived === false)
      this.#status.die("its thread ended without a word: its memory was full, or it was stopped");
  }
}
