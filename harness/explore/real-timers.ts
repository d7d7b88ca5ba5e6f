import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleepMs } from "node:timers/promises";

/**
 * Node's own, taken when this is loaded: while an async driver runs, a virtual clock's are in the place of the globals and of
 * what is imported from `node:timers`.
 */
export const realTimers: {
  readonly setTimeout: typeof setTimeout;
  readonly clearTimeout: typeof clearTimeout;
  readonly sleepMs: typeof sleepMs;
} = { setTimeout, clearTimeout, sleepMs };
