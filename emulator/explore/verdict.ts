/** How a run ended. */
export const PASSED = 0;
/** An assertion or a rule was broken. */
export const VIOLATION = 1;
/** Nobody can go on, and somebody has not come to its end. */
export const DEADLOCK = 2;
/** Everybody left polls for something that nobody will change. */
export const LIVELOCK = 3;
/** Somebody never came to its end although everybody got a turn again and again. */
export const STARVATION = 4;
/** The run was longer than it may be, or had more on its way than there is room for: nothing is known. Not a failure. */
export const UNKNOWN = 5;
/** The strategy has seen this run before in another order. Not a failure. */
export const REDUNDANT = 6;

export const VERDICT_NAMES: readonly string[] = [
  "passed",
  "violation",
  "deadlock",
  "livelock",
  "starvation",
  "unknown (step limit)",
  "redundant",
];

/** True for the verdicts that say that the program is wrong. */
export function isFailure(verdict: number): boolean {
  return verdict >= VIOLATION && verdict <= STARVATION;
}
