import { basename } from "node:path";
import { driverLine } from "./code-line.ts";
import { isOfDriver } from "./driver-session.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

/** From which line of a driver each of its steps comes. */
export class LineNotes {
  readonly #lines = new Map<string, string>();

  /** Does some work with a session, and notes the lines of its last run: "ixgbe.ts:287". */
  *during<Answer>(session: AnySession, work: () => Answer | Promise<Answer>): Work<Answer> {
    if (!isOfDriver(session)) return yield* settled(work());
    const { cpu, awaits } = session.plugged;
    const { steps } = session.execution.state;
    const note = (thread: number): void => {
      this.#lines.set(`${thread}.${steps[thread]}`, basename(driverLine()));
    };
    cpu.onAccess = () => note(cpu.thread);
    awaits.onAdd = note;
    try {
      return yield* settled(work());
    } finally {
      cpu.onAccess = undefined;
      awaits.onAdd = undefined;
    }
  }

  readonly noteOf = (actor: number, ordinal: number): string => this.#lines.get(`${actor}.${ordinal}`) ?? "";
}
