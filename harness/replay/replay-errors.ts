import type { FrameReader } from "./frame-reader.ts";
import type { OpenSource } from "./replay-source.ts";
import { momentText } from "./replay-window.ts";

/** The input cannot be replayed: the message is one sentence that says why. */
export class ReplayInputError extends Error {
  override readonly name = "ReplayInputError";
}

/** The error for a source that ended before its first frame, or had none in the window. */
export function noFrames(source: OpenSource, reader: FrameReader): ReplayInputError {
  const { outsideCount } = reader.report();
  const { first, last } = reader.seen;
  const stamp = ([seconds, nanoseconds]: [number, number]): string => momentText({ seconds, nanoseconds });
  if (reader.lacksSequences) {
    return new ReplayInputError(
      `${source.name}: none of ${outsideCount.toLocaleString("en")} frames carries a sequence number, by which the window is cut: no line carries a feed that softbar knows.`,
    );
  }
  if (outsideCount > 0) {
    return new ReplayInputError(
      `${source.name}: none of ${outsideCount.toLocaleString("en")} frames is in the window; they run from ${stamp(first)} to ${stamp(last)}.`,
    );
  }
  return new ReplayInputError(reader.end?.cut?.message ?? `${source.name}: the capture holds no frames.`);
}

/** The wire lost every frame: nothing reaches the card. */
export function nothingLeft(source: OpenSource): ReplayInputError {
  return new ReplayInputError(`${source.name}: the damage leaves no frame of it.`);
}

/** Nothing moved for the limit: a driver that is stuck, or never began. */
export class ReplayStuckError extends Error {
  override readonly name = "ReplayStuckError";
}

/** The driver module threw. The message is the driver's own, the stack too. */
export class ReplayDriverError extends Error {
  override readonly name = "ReplayDriverError";
}

/** The decoder module threw. The message is the decoder's own, the stack too. */
export class ReplayDecoderError extends Error {
  override readonly name = "ReplayDecoderError";
}
