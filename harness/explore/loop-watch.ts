import { isMainThread, Worker } from "node:worker_threads";
import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import { RunLimitError } from "./run-limit.ts";

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const WATCH_WORKER = new URL(`./loop-watch.worker${EXTENSION}`, import.meta.url);

/** Words of the page: the number of the run under way, 0 when there is none; turns of the event loop. */
export const RUN = 0;
export const TURNS = 1;
const WORD_COUNT = 2;

export interface LoopWatchData {
  readonly page: Int32Array;
  readonly limitMs: number;
  /** Whether what is being executed may be ended. */
  readonly mayEnd: boolean;
}

/** Before, Node follows asynchronous calls by hooks, and does not survive that one of them is ended half way. */
const NODE_MIN = 24;

/**
 * Stops runs of an async driver that take too long. What such a driver does after an `await` is called by the event loop,
 * where no limit of `vm` reaches it; so another thread looks on, and has V8 end what the main thread is executing: a loop
 * without an access, one of microtasks, or one that catches whatever a run is ended by. Only the main thread can be reached
 * so, and only in Node 24 and later; in others a run is stopped where it comes round to the event loop. A thread of the
 * command line's is watched by whoever has started it.
 */
export class LoopWatch {
  readonly #limitMs: number;
  readonly #page = new Int32Array(new SharedArrayBuffer(4 * WORD_COUNT));
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #count = 0;
  #stop: (() => void) | undefined;

  private constructor(limitMs: number) {
    this.#limitMs = limitMs;
    const mayEnd = Number.parseInt(process.versions.node, 10) >= NODE_MIN;
    const data: LoopWatchData = { page: this.#page, limitMs, mayEnd };
    this.#worker = new Worker(WATCH_WORKER, { workerData: data, name: "softbar loop watch" });
    this.#worker.on("message", (run: number) => {
      if (run === Atomics.load(this.#page, RUN)) this.#stop?.();
    });
    // Without it runs are not stopped; that is no reason to fail.
    this.#worker.on("error", () => {});
    this.#ended = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
  }

  /** `limitMs`: how long one run may take. Undefined where there is no way to watch, and under a debugger. */
  static start(limitMs: number): LoopWatch | undefined {
    const isWatching = isMainThread && limitUnderDebugger(limitMs) !== Number.POSITIVE_INFINITY;
    return isWatching ? new LoopWatch(limitMs) : undefined;
  }

  /** Does what a run consists of. Rejects with {@link RunLimitError} when it takes too long; then it may be anywhere. */
  async guard<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const stopped = new Promise<never>((_, reject) => {
      this.#stop = () => reject(new RunLimitError(this.#limitMs));
    });
    Atomics.store(this.#page, RUN, ++this.#count);
    try {
      // In a microtask of its own: what is stopped in there must not be who waits here.
      return await Promise.race([Promise.resolve().then(work), stopped]);
    } finally {
      Atomics.store(this.#page, RUN, 0);
      this.#stop = undefined;
    }
  }

  /** The thread has come round to its event loop. */
  turned(): void {
    Atomics.add(this.#page, TURNS, 1);
  }

  async close(): Promise<void> {
    this.#worker.postMessage("end");
    await this.#ended;
  }
}
