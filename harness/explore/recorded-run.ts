import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { isOfDriver } from "./driver-session.ts";
import { LineNotes } from "./line-notes.ts";
import type { AnySession } from "./search-session.ts";
import type { Work } from "./work.ts";

/** A run that was made with everything noted that there is to know of it. */
export interface RecordedRun {
  readonly verdict: number;
  /** The line of the driver behind a step; see {@link LineNotes}. */
  readonly noteOf: LineNotes["noteOf"];
}

/** Replays a schedule with its trace on: its steps, the lines of the driver, and what a tracer around the devices sees. */
export function* recordRun(session: AnySession, model: MemoryModel, schedule: Schedule): Work<RecordedRun> {
  const { trace } = session.execution;
  const tracing = isOfDriver(session) ? session.tracing : undefined;
  const notes = new LineNotes();
  trace.isOn = true;
  tracing?.start();
  try {
    const verdict = yield* notes.during(session, () => session.replay(model, schedule));
    return { verdict, noteOf: notes.noteOf };
  } finally {
    trace.isOn = false;
    tracing?.stop();
    trace.lineOf = notes.noteOf;
  }
}
