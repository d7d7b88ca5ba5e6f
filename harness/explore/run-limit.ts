import { Script } from "node:vm";
import { limitUnderDebugger } from "../../emulator/run/debugger.ts";

/** How long a slice of runs lasts: entering one costs as much as a run. */
export const SLICE_MS = 1000;
/** Where the script finds what it is to call. */
const WORK: unique symbol = Symbol.for("softbar.guarded");
/** V8 stops what a script has called when its time is over, wherever that is; nothing else stops a loop in one's own thread. */
const SCRIPT: Script = new Script('globalThis[Symbol.for("softbar.guarded")]()');

/** Stops runs that do not come to their end: a driver that loops without an access never gives the engine a turn. */
export class RunLimit {
  readonly limitMs: number;

  /** `limitMs`: how long one run may take. Throws RangeError unless it is above 0. */
  constructor(limitMs: number) {
    if (!(limitMs > 0)) throw new RangeError(`runLimitMs is above 0, not ${limitMs}`);
    this.limitMs = limitMs;
  }

  /**
   * Calls `work`, which makes one run, or runs for up to {@link SLICE_MS}. Throws {@link RunLimitError} when the last of
   * them takes longer than the limit: it is left where it was, and no `finally` of it has run.
   */
  guard(work: () => void): void {
    const timeout = limitUnderDebugger(this.limitMs + SLICE_MS);
    const place = globalThis as { [WORK]?: () => void };
    if (timeout === Number.POSITIVE_INFINITY || place[WORK] !== undefined) {
      work();
      return;
    }
    place[WORK] = work;
    try {
      SCRIPT.runInThisContext({ timeout: Math.ceil(timeout) });
    } catch (error) {
      if ((error as { readonly code?: unknown } | null)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new RunLimitError(this.limitMs);
    } finally {
      delete place[WORK];
    }
  }
}

/** A run was stopped because it had taken too long. */
export class RunLimitError extends Error {
  override readonly name = "RunLimitError";

  constructor(limitMs: number) {
    super(`a run has not come to its end within ${limitMs / 1000} s`);
  }
}
