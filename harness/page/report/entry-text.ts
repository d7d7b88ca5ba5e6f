import { eventWords } from "../../trace/event-words.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/** An entry in one line: what happened. Who did it stands beside it, in its column, and all else in the details. */
export function entryText(entry: TimelineEntry): string {
  if (entry.kind === "lost")
    return `${entry.count} events are missing here: they came faster than they were taken away`;
  return eventWords(entry, false);
}
