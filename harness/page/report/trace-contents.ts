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

/** Takes the records of a trace one by one, from its header on, and keeps the last `limit` entries. */
export class TraceCollector {
  readonly #limit: number;
  readonly #actors: TraceActor[] = [];
  readonly #entries: TimelineEntry[] = [];
  #leftOutCount = 0;
  #header: TraceHeader | undefined;
  #end: TraceEnd | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  readonly take = (record: TraceRecord): void => {
    if (record.kind === "header") {
      this.#header = record;
      this.#actors.push(...record.actors);
    } else if (record.kind === "actor") this.#actors.push(record.actor);
    else if (record.kind === "end") this.#end = record;
    else {
      this.#entries.push(record);
      // Now and then, as taking one off the front each time would move all of them each time.
      if (this.#entries.length >= 2 * this.#limit) this.#cut();
    }
  };

  /** What was taken; undefined before the header. */
  contents(): TraceContents | undefined {
    if (this.#header === undefined) return undefined;
    if (this.#entries.length > this.#limit) this.#cut();
    const [header, actors, entries] = [this.#header, this.#actors, this.#entries];
    return { header, actors, entries, leftOutCount: this.#leftOutCount, end: this.#end };
  }

  #cut(): void {
    this.#leftOutCount += this.#entries.splice(0, this.#entries.length - this.#limit).length;
  }
}

/**
 * Reads the lines of a trace and keeps the last `limit` entries. Throws TraceFormatError for what is no trace, for another
 * version and for a line that cannot be read; a last line that was cut in the middle ends it, as a missing end does.
 */
export function traceContents(lines: Iterable<string>, limit: number): TraceContents {
  const collector = new TraceCollector(limit);
  let number = 0;
  let hasHeader = false;
  let broken: string | undefined;
  for (const line of lines) {
    number++;
    if (line === "") continue;
    if (broken !== undefined) throw new TraceFormatError(broken);
    const record = recordOf(line);
    if (record === undefined) broken = `line ${number} is no JSON object with a kind`;
    else {
      if (!hasHeader) checkHeader(record, number);
      hasHeader = true;
      collector.take(record);
    }
  }
  const contents = collector.contents();
  if (contents === undefined) throw new TraceFormatError(broken ?? "it is empty");
  return contents;
}

function recordOf(line: string): TraceRecord | undefined {
  try {
    const record = JSON.parse(line) as TraceRecord | null;
    return typeof record === "object" && typeof record?.kind === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

function checkHeader(record: TraceRecord, line: number): void {
  if (record.kind !== "header")
    throw new TraceFormatError(`line ${line} is no header of a trace, as the first must be`);
  if (record.softbarTrace === TRACE_VERSION) return;
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
