import { basename } from "node:path";
import { AccessLines, type LineOf } from "./access-lines.ts";
import { driverLine } from "./code-line.ts";
import { isOfDriver } from "./driver-session.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

/** From which line of a driver each of its steps comes. */
export class LineNotes {
  readonly #lines = new AccessLines();

  /** Does some work with a session, and notes the lines of its last run: "ixgbe.ts:287". */
  *during<Answer>(session: AnySession, work: () => Answer | Promise<Answer>): Work<Answer> {
    if (!isOfDriver(session)) return yield* settled(work());
    const { cpu, awaits } = session.plugged;
    const { steps, races } = session.execution.state;
    const note = (thread: number): void => this.#lines.note(thread, steps[thread] as number, basename(driverLine()));
    cpu.onAccess = () => {
      session.onStep?.();
      note(cpu.thread);
    };
    awaits.onAdd = note;
    if (races !== undefined) races.races.lineOf = this.#lines.numberOf;
    try {
      return yield* settled(work());
    } finally {
      cpu.onAccess = undefined;
      awaits.onAdd = undefined;
      if (races !== undefined) races.races.lineOf = undefined;
    }
  }

  readonly noteOf: LineOf = (actor, ordinal) => this.#lines.lineOf(actor, ordinal);
}
