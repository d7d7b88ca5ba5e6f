import type { TraceRecord } from "../../trace/trace-event.ts";
import type { TraceActor, TraceEnd, TraceHeader } from "../../trace/trace-header.ts";
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
