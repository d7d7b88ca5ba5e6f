import { parseDuration } from "../../emulator/clock/duration.ts";
import type { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import type { SequenceProtocol } from "../../emulator/wire/damage/frame-sequence.ts";

/** A place in a capture: so long after its first frame, or a point in time since 1970. */
export type Moment = { readonly sinceStartNs: number } | { readonly seconds: number; readonly nanoseconds: number };

/** The part of a capture that is replayed. Every bound may be left out. */
export interface ReplayWindow {
  /** The first moment that is in, and the first one that is not any more. */
  readonly from?: Moment;
  readonly to?: Moment;
  /** Packets with a sequence number from here to there alone, both included. Frames without one are left out then. */
  readonly fromSequence?: number;
  readonly toSequence?: number;
  /** How sequence numbers are found. Default "auto": by what each line carries. */
  readonly protocol?: SequenceProtocol;
}

/** Captures step back by microseconds where two cards were merged; nobody reads on for longer than this to be sure. */
export const REORDER_SLACK_NS = 10e9;

/** "2023-08-22T13:30:00.123456789Z", "+05:30" for "Z"; "@1692711000.5"; or a duration since the first frame, "+1.5s", "250ms". */
export function parseMoment(text: string): Moment {
  if (text.startsWith("@")) {
    const [, seconds, fraction = ""] = /^@(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
    if (seconds !== undefined) return { seconds: Number(seconds), nanoseconds: Number(fraction.padEnd(9, "0")) };
  } else if (/^\d{4}-/.test(text)) {
    const [, date, fraction = "", zone] =
      /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
    const milliseconds = Date.parse(`${date?.replace(" ", "T")}${zone}`);
    if (!Number.isNaN(milliseconds)) {
      return { seconds: milliseconds / 1000, nanoseconds: Number(fraction.padEnd(9, "0")) };
    }
  } else {
    try {
      return { sinceStartNs: parseDuration(text.replace(/^\+/, "")) };
    } catch {
      // Said below, with all that a moment can be.
    }
  }
  throw new RangeError(
    `"${text}" is no moment: want a time since the first frame (1.5s, 250ms), a date with its zone (2023-08-22T13:30:00.5Z), or @ and seconds since 1970.`,
  );
}

/** A moment in nanoseconds after a first record; exact up to 104 days. */
export function sinceRecord(moment: Moment, seconds: number, nanoseconds: number): number {
  if ("sinceStartNs" in moment) return moment.sinceStartNs;
  return (moment.seconds - seconds) * 1e9 + (moment.nanoseconds - nanoseconds);
}

/** "2023-08-22T13:30:00.123456789Z". */
export function momentText({ seconds, nanoseconds }: Pick<CaptureRecord, "seconds" | "nanoseconds">): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${`${nanoseconds}`.padStart(9, "0")}Z`;
}

/** @throws RangeError when the bounds contradict each other. */
export function checkWindow({ from, to, fromSequence, toSequence }: ReplayWindow): void {
  if (fromSequence !== undefined && toSequence !== undefined && fromSequence > toSequence) {
    throw new RangeError(`the window ends at sequence ${toSequence}, before it begins at ${fromSequence}.`);
  }
  if (from === undefined || to === undefined || "seconds" in from !== "seconds" in to) return;
  const isEmpty =
    "seconds" in from && "seconds" in to
      ? sinceRecord(to, from.seconds, from.nanoseconds) <= 0
      : sinceRecord(to, 0, 0) <= sinceRecord(from, 0, 0);
  if (isEmpty) throw new RangeError("the window ends before it begins.");
}
