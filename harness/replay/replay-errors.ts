import type { OpenSource } from "./replay-source.ts";

/** The input cannot be replayed: the message is one sentence that says why. */
export class ReplayInputError extends Error {
  override readonly name = "ReplayInputError";
}

/** The error for a source that ended before its first frame. */
export function noFrames(source: OpenSource): ReplayInputError {
  return new ReplayInputError(source.frames.end?.cut?.message ?? `${source.name}: the capture holds no frames.`);
}

/** Nothing moved for the limit: a driver that is stuck, or never began. */
export class ReplayStuckError extends Error {
  override readonly name = "ReplayStuckError";
}

/** The driver module threw. The message is the driver's own, the stack too. */
export class ReplayDriverError extends Error {
  override readonly name = "ReplayDriverError";
}
