import { counted } from "../../cli/quantities.ts";
import type { FindingEvent, TraceRecord } from "../../trace/trace-event.ts";
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
  /** Of the whole trace, also of what is left out: the first of each. */
  readonly findings: readonly FindingEvent[];
  /** Of the whole trace: events that got lost before they were written. */
  readonly lostCount: number;
  /** Undefined for a trace that was cut. */
  readonly end: TraceEnd | undefined;
}

/** Takes the records of a trace one by one, from its header on, and keeps the last `limit` entries. */
export class TraceCollector {
  readonly #limit: number;
  readonly #actors: TraceActor[] = [];
  readonly #entries: TimelineEntry[] = [];
  readonly #findings = new Map<string, FindingEvent>();
  #leftOutCount = 0;
  #lostCount = 0;
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
      if (record.kind === "finding") this.#find(record);
      if (record.kind === "lost") this.#lostCount += record.count;
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
    const lostCount = Math.max(this.#lostCount, this.#end?.lostCount ?? 0);
    const findings = [...this.#findings.values()];
    return { header, actors, entries, leftOutCount: this.#leftOutCount, findings, lostCount, end: this.#end };
  }

  #find(event: FindingEvent): void {
    const key = `${event.device}\n${event.rule}\n${event.message}`;
    if (!this.#findings.has(key)) this.#findings.set(key, event);
  }

  #cut(): void {
    this.#leftOutCount += this.#entries.splice(0, this.#entries.length - this.#limit).length;
  }
}

/** Why a trace does not tell all that happened up to the end of its run; empty for one that does. */
export function damageOf({ end, lostCount }: TraceContents): string {
  if (end === undefined) return "it has no end: it was cut, or its run is still going on";
  if (lostCount > 0) return `${counted(lostCount, "event")} of it got lost`;
  if (end.reason === "complete" || end.reason === "failed") return "";
  return `it ended early (${end.reason})${end.message === "" ? "" : `: ${end.message}`}`;
}
