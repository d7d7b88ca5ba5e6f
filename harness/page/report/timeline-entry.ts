import type { TraceEvent } from "../../trace/trace-event.ts";
import type { LostRecord } from "../../trace/trace-header.ts";

/** A line of a report's interleaving: an event, or the place where some are missing. */
export type TimelineEntry = TraceEvent | LostRecord;
