import type { TraceRecord } from "../../trace/trace-event.ts";
import { TRACE_VERSION, type TraceActor, type TraceEnd, type TraceHeader } from "../../trace/trace-header.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/** What a report shows of a trace. */
export interface TraceContents {
  readonly header: TraceHeader;
  readonly actors: readonly TraceActor[];
  /** Events, and places where some are missing, in their order. */
  readonly entries: readonly TimelineEntry[];
  /** Entries before the first of `entries` that are left out, because a page shows no more than so many. */
  readonly leftOutCount: number;
  /** Undefined for a trace that was cut. */
  readonly end: TraceEnd | undefined;
}

/** A trace cannot be read. The message says in which line, and what is wrong. */
export class TraceFormatError extends Error {
  override readonly name = "TraceFormatError";
}

/**
 * Reads the lines of a trace and keeps the last `limit` entries. Throws TraceFormatError for what is no trace, for another
 * version and for a line that cannot be read; a last line that was cut in the middle ends it, as a missing end does.
 */
export function traceContents(lines: Iterable<string>, limit: number): TraceContents {
  let header: TraceHeader | undefined;
  let end: TraceEnd | undefined;
  const actors: TraceActor[] = [];
  const entries: TimelineEntry[] = [];
  let leftOutCount = 0;
  let number = 0;
  let broken: string | undefined;
  for (const line of lines) {
    number++;
    if (line === "") continue;
    if (broken !== undefined) throw new TraceFormatError(broken);
    const record = recordOf(line);
    if (record === undefined) {
      broken = `line ${number} is no JSON object with a kind`;
      continue;
    }
    if (header === undefined) {
      header = headerOf(record, number);
      actors.push(...header.actors);
    } else if (record.kind === "actor") actors.push(record.actor);
    else if (record.kind === "end") end = record;
    else if (record.kind !== "header") {
      entries.push(record);
      // Now and then, as taking one off the front each time would move all of them each time.
      if (entries.length >= 2 * limit) leftOutCount += entries.splice(0, entries.length - limit).length;
    }
  }
  if (header === undefined) throw new TraceFormatError(broken ?? "it is empty");
  if (entries.length > limit) leftOutCount += entries.splice(0, entries.length - limit).length;
  return { header, actors, entries, leftOutCount, end };
}

function recordOf(line: string): TraceRecord | undefined {
  try {
    const record = JSON.parse(line) as TraceRecord | null;
    return typeof record === "object" && typeof record?.kind === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

function headerOf(record: TraceRecord, line: number): TraceHeader {
  if (record.kind !== "header")
    throw new TraceFormatError(`line ${line} is no header of a trace, as the first must be`);
  if (record.softbarTrace === TRACE_VERSION) return record;
  throw new TraceFormatError(
    `it is a trace of version ${record.softbarTrace}, and this softbar reads version ${TRACE_VERSION}`,
  );
}

/** The lines of a text, without their ends. Splits as it goes: a trace may be large. */
export function* linesOf(text: string): Iterable<string> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    yield text.charAt(end - 1) === "\r" ? text.slice(at, end - 1) : text.slice(at, end);
    at = end + 1;
  }
}
