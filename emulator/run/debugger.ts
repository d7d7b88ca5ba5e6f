import { url as inspectorUrl } from "node:inspector";

/**
 * The limit that holds: none while somebody sits in a debugger, for whom time stands still. Only the main thread knows
 * whether there is one; it passes limits on to the threads that it starts.
 */
export function limitUnderDebugger(limitMs: number): number {
  return inspectorUrl() === undefined ? limitMs : Number.POSITIVE_INFINITY;
}
