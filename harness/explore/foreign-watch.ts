import { createHook } from "node:async_hooks";
import { driverLine } from "./code-line.ts";

/** Part of the language, and of how Node calls back: they come as soon as the driver waits. */
const OWN_TURN: ReadonlySet<string> = new Set(["PROMISE", "Microtask", "TickObject"]);
/** Resources that one sentence names. */
const NAMED_LIMIT = 3;

/**
 * Notes what the code of a run asks the operating system for: files, sockets, real timers. That costs as much as the run
 * itself, so it is done only where a run got stuck with something that is none of the testbed's.
 */
export class ForeignWatch {
  readonly #isInside: () => boolean;
  /** Types of those that the driver has asked for, with its line; and of those that came of these. */
  readonly #asked = new Set<string>();
  readonly #further = new Set<string>();

  constructor(isInside: () => boolean) {
    this.#isInside = isInside;
  }

  /** Returns what ends it. */
  install(): () => void {
    const hook = createHook({
      init: (_id, type) => {
        if (OWN_TURN.has(type) || !this.#isInside()) return;
        const line = driverLine();
        if (line === "") this.#further.add(type);
        else this.#asked.add(`${type} of ${line}`);
      },
    });
    hook.enable();
    return () => void hook.disable();
  }

  /** "FSREQPROMISE of driver.ts:12"; empty when there was nothing. */
  get text(): string {
    const names = [...(this.#asked.size > 0 ? this.#asked : this.#further)];
    const rest = names.length - NAMED_LIMIT;
    return names.slice(0, NAMED_LIMIT).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  }
}

/** A driver waits for what comes when the operating system likes, and not when the explorer says so. */
export class ForeignWaitError extends Error {
  override readonly name = "ForeignWaitError";
}
