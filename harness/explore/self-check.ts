import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { StepTrace } from "../../emulator/explore/trace.ts";
import { VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { stepText } from "./picture.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

const COLUMNS = ["actor", "ordinal", "kind", "address", "byteLength", "value", "result", "versions", "thread"] as const;

/**
 * Runs a schedule for a second time and compares: what differs came from neither the schedule nor the seed, but from a
 * clock, from chance, or from what an earlier run has left behind in the driver.
 */
export class SelfCheck {
  /** Runs that were compared. */
  count = 0;
  readonly #session: AnySession;
  readonly #first = new StepTrace();
  readonly #schedule = new Schedule();

  constructor(session: AnySession) {
    this.#session = session;
  }

  /** Before the run that is to be compared. */
  prepare(): void {
    this.#session.execution.trace.isOn = true;
  }

  /** After it: what differs when it is run again, in a sentence; undefined when nothing does. */
  *compare(model: MemoryModel): Work<string | undefined> {
    const { execution, machine } = this.#session;
    const { trace, recorder, hash, verdict } = execution;
    const { violation } = machine;
    const isComplete = !recorder.schedule.isIncomplete;
    if (isComplete) {
      this.count++;
      this.#schedule.copyFrom(recorder.schedule);
      copyTrace(trace, this.#first);
    }
    try {
      if (!isComplete) return undefined;
      yield* settled(this.#session.replay(model, this.#schedule));
    } finally {
      trace.isOn = false;
    }
    const isSame = execution.hash === hash && execution.verdict === verdict && machine.violation === violation;
    return isSame ? undefined : this.#difference(verdict, violation);
  }

  /** After a run that failed: what differs when it is run again. One that does not come again cannot be made small. */
  *confirm(model: MemoryModel): Work<string | undefined> {
    const { execution, machine } = this.#session;
    const { recorder, hash, verdict, trace } = execution;
    const { violation } = machine;
    // Too many deviations to write them down: nothing can be said.
    if (recorder.schedule.isIncomplete) return undefined;
    this.#schedule.copyFrom(recorder.schedule);
    trace.isOn = true;
    yield* settled(this.#session.replay(model, this.#schedule));
    if (execution.verdict === verdict && machine.violation === violation) {
      // What was still on its way when the run failed is in no schedule: the replay is what has to come again then.
      if (execution.hash !== hash) return yield* this.compare(model);
      trace.isOn = false;
      return undefined;
    }
    const second = endText(execution.verdict, machine.violation);
    return (
      (yield* this.compare(model)) ??
      `a schedule ended with ${endText(verdict, violation)} and, when it was run again, with ${second}`
    );
  }

  #difference(verdict: number, violation: string): string {
    const { execution, machine } = this.#session;
    const { trace } = execution;
    const first = this.#first;
    const common = Math.min(first.count, trace.count);
    let at = 0;
    while (at < common && COLUMNS.every((column) => first[column][at] === trace[column][at])) at++;
    if (at < common)
      return `step ${at + 1} was "${stepText(machine, first, at)}" and then "${stepText(machine, trace, at)}"`;
    if (at === trace.actor.length) return `it begins after step ${at}`;
    if (first.count !== trace.count) {
      const longer = first.count > at ? first : trace;
      const order = longer === first ? ["first", "second"] : ["second", "first"];
      return `in the ${order[0]} run step ${at + 1} was "${stepText(machine, longer, at)}", and the ${order[1]} had ended`;
    }
    const ends = [endText(verdict, violation), endText(execution.verdict, machine.violation)];
    return `both runs took the same ${at} steps, and the first ended with ${ends[0]}, the second with ${ends[1]}`;
  }
}

function endText(verdict: number, violation: string): string {
  const name = verdict === 0 ? "no failure" : (VERDICT_NAMES[verdict] ?? "");
  return verdict === VIOLATION ? `${name} (${violation})` : name;
}

function copyTrace(from: StepTrace, to: StepTrace): void {
  to.count = from.count;
  for (const column of COLUMNS) to[column].set(from[column].subarray(0, from.count));
}
