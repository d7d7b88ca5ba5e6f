import { LoopWatch } from "../explore/loop-watch.ts";
import { SLICE_MS } from "../explore/run-limit.ts";

/** Stops what a driver does behind an `await`, where no limit of `vm` reaches: see {@link LoopWatch}. Its thread is started for the first. */
export class LateWatch {
  readonly #limitMs: number;
  #watch: LoopWatch | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  start(): LoopWatch | undefined {
    // Later than the limit itself, which a driver that comes round to the event loop meets first.
    this.#watch ??= LoopWatch.start(this.#limitMs + SLICE_MS);
    return this.#watch;
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }
}
