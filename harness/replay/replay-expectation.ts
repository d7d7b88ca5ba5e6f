import { HeldFramesError } from "../../emulator/wire/damage/held-frames.ts";
import type { FrameReader } from "./frame-reader.ts";
import { noFrames, nothingLeft, ReplayInputError } from "./replay-errors.ts";
import type { ReplayExpectation } from "./replay-options.ts";
import type { OpenSource } from "./replay-source.ts";

/** How long the replay of what has been read ahead, and of what follows it, is going to take. */
export function expectationOf(reader: FrameReader, source: OpenSource, loopCount = 1): ReplayExpectation {
  const { plannedNs, frameCount, byteCount, outsideCount, passCount } = reader.report();
  if (reader.isDone) return { durationNs: plannedNs, certainty: "exact" };
  // Within the first pass, the part of the file that has been read stands for the rest; later passes are like those before.
  const fraction = passCount > 1 ? 1 : source.fractionOf(frameCount, byteCount);
  const isKnown = fraction !== undefined && fraction > 0 && outsideCount === 0;
  if (!isKnown) return { durationNs: plannedNs, certainty: "at-least" };
  const passes = passCount > 1 ? loopCount / passCount : loopCount;
  return { durationNs: (plannedNs / fraction) * passes, certainty: "estimate" };
}

/** @throws ReplayInputError when the source is read to its end and nothing of it is to be sent. */
export function checkFrames(source: OpenSource, reader: FrameReader): void {
  if (!reader.isDone) return;
  const { frameCount, queuedCount } = reader.report();
  if (frameCount === 0) throw noFrames(source, reader);
  if (queuedCount === 0) throw nothingLeft(source);
}

/** What the input is to blame for becomes its error. */
export function readerError(error: unknown): unknown {
  return error instanceof HeldFramesError ? new ReplayInputError(error.message, { cause: error }) : error;
}
