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
  readonly #resources = new Map<number, string>();

  constructor(isInside: () => boolean) {
    this.#isInside = isInside;
  }

  /** Returns what ends it. */
  install(): () => void {
    const hook = createHook({
      init: (id, type) => {
        if (OWN_TURN.has(type) || !this.#isInside()) return;
        const line = driverLine();
        this.#resources.set(id, line === "" ? type : `${type} of ${line}`);
      },
    });
    hook.enable();
    return () => void hook.disable();
  }

  /** "FSREQPROMISE of driver.ts:12"; empty when there was nothing. */
  get text(): string {
    const names = [...new Set(this.#resources.values())];
    const rest = names.length - NAMED_LIMIT;
    return names.slice(0, NAMED_LIMIT).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  }
}

/** A driver waits for what comes when the operating system likes, and not when the explorer says so. */
export class ForeignWaitError extends Error {
  override readonly name = "ForeignWaitError";
}
