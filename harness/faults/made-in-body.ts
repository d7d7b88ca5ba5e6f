import { isAsyncFunction } from "../explore/plain-functions.ts";

/** Below this frame a stack is the testbed's; the one above it is the body's. */
const BOUNDARY = /[\\/]harness[\\/]faults[\\/]scenario-run\.[a-z]+:/;
/** Node's own code, which runs what was awaited. */
const NODE = /(^|[ (])node:/;
/** The language's own functions, `Array.forEach (<anonymous>)`; and functions without a name: their place stands alone. */
const NAMELESS = /(\(<anonymous>\)|[^)])$/;
/** The last name of a function and, where it has another one, the name that it was called by: "at async Object.exchange [as body] (". */
const NAMES = /^\s+at (?:async )?(?:\S*\.)?([^ .]+)(?: \[as ([^\]]+)\])? \(/;

/**
 * Whether an error was made in the body of a scenario, or in a nameless function in it, and not in what it calls: a body that
 * says itself that something is wrong has checked a result, while a driver speaks from below. By the error's stack: one
 * without a stack was made nowhere.
 */
export function isMadeInBody(error: Error, body: (...given: never[]) => unknown): boolean {
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !NODE.test(line))
    .map((line) => line.trimEnd());
  const boundary = frames.findIndex((frame) => BOUNDARY.test(frame));
  const bodyAt = boundary < 0 ? awaitingAt(frames, body) : boundary - 1;
  return frames.length > 0 && bodyAt >= 0 && frames.slice(0, bodyAt).every((frame) => NAMELESS.test(frame));
}

/**
 * Behind an await nothing of the testbed is on the stack, and the body is at its end, or nowhere: who was called by a promise
 * is not known to be called by it. Of a plain function, which has returned by then, nothing is known: what it has called may
 * be the body of somebody's, and a check that does not hold must not pass for an error of the driver's.
 */
function awaitingAt(frames: readonly string[], body: (...given: never[]) => unknown): number {
  const last = frames.at(-1) ?? "";
  const own = ["body", body.name.replace(/^(bound )+/, "")];
  const isThere =
    NAMELESS.test(last) ||
    NAMES.exec(last)
      ?.slice(1)
      .some((name) => own.includes(name)) === true;
  return isThere || !isAsyncFunction(body) ? frames.length - 1 : frames.length;
}
