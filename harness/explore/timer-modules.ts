import { createRequire, syncBuiltinESMExports } from "node:module";
import type { PromiseTimers } from "./promise-timers.ts";

const require = createRequire(import.meta.url);
/** The modules themselves: what modules import of them is bound to these objects, once that is synchronised. */
const TIMERS = require("node:timers") as Record<string, unknown>;
const PROMISES = require("node:timers/promises") as PromiseTimers & { readonly scheduler: object };

/** `node:timers/promises` as it is now: Node's own, outside of a run. */
export function realPromiseTimers(): PromiseTimers {
  const { setTimeout, setImmediate, setInterval } = PROMISES;
  return { setTimeout, setImmediate, setInterval };
}

/**
 * Puts others into the place of what `node:timers` and `node:timers/promises` export, for whoever has imported it by name
 * already, too. Returns what puts Node's back. Whoever keeps a function of Node's in a variable of its own keeps that.
 */
export function replaceTimerModules(callback: Readonly<Record<string, unknown>>, promise: PromiseTimers): () => void {
  const timersBefore = { ...TIMERS };
  const promisesBefore = realPromiseTimers();
  const { scheduler } = PROMISES;
  Object.assign(TIMERS, callback);
  Object.assign(PROMISES, promise);
  // Node's own are the prototype's.
  const own = {
    wait: (delayMs: number, options?: object) => promise.setTimeout(delayMs, undefined, options),
    yield: () => promise.setImmediate(),
  };
  for (const [name, value] of Object.entries(own))
    Object.defineProperty(scheduler, name, { configurable: true, value });
  syncBuiltinESMExports();
  return () => {
    for (const name of Object.keys(callback)) TIMERS[name] = timersBefore[name];
    Object.assign(PROMISES, promisesBefore);
    for (const name of Object.keys(own)) Reflect.deleteProperty(scheduler, name);
    syncBuiltinESMExports();
  };
}
