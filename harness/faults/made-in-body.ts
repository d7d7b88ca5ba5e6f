/** Below this frame a stack is the testbed's; the one above it is the body's. */
const BOUNDARY = /[\\/]harness[\\/]faults[\\/]scenario-run\.[a-z]+:/;
/** Node's own code, which runs what was awaited. */
const NODE = /(^|[ (])node:/;
/** The language's own functions, `Array.forEach (<anonymous>)`; and functions without a name: their place stands alone. */
const NAMELESS = /(\(<anonymous>\)|[^)])$/;

/**
 * Whether an error was made in the body of a scenario, or in a nameless function in it, and not in what it calls: a body that
 * says itself that something is wrong has checked a result, while a driver speaks from below. By the error's stack: one
 * without a stack was made nowhere.
 */
export function isMadeInBody(error: Error): boolean {
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !NODE.test(line))
    .map((line) => line.trimEnd());
  // Behind an await nothing of the testbed is on the stack: then the body is at its end.
  const boundary = frames.findIndex((frame) => BOUNDARY.test(frame));
  const bodyAt = (boundary < 0 ? frames.length : boundary) - 1;
  return bodyAt >= 0 && frames.slice(0, bodyAt).every((frame) => NAMELESS.test(frame));
}
