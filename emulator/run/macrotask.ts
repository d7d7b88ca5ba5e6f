import { setImmediate } from "node:timers/promises";

/**
 * Lets the event loop of the device thread turn once: messages of the control plane are served. An `await` on a wait
 * that is over already is only a microtask, so that without this hop a busy device would never answer.
 */
export async function macrotaskHop(): Promise<void> {
  await setImmediate();
}
