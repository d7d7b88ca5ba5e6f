import type { Execution } from "../execution.ts";
import { HOLD, PREEMPT, Schedule, STALE } from "../schedule.ts";
import type { Strategy } from "../strategy.ts";

/** Follows a schedule. With an empty one it is the canonical policy: the ordinary run. */
export class Replay implements Strategy {
  readonly name = "replay";
  readonly schedule: Schedule = new Schedule();
  /** By deviation: a preemption that has happened, or a step that is kept back no more. */
  readonly #spent = new Uint8Array(this.schedule.kind.length);

  begin(): void {
    this.#spent.fill(0, 0, this.schedule.count);
  }

  choose(run: Execution): number {
    const { slots, entryCount, count } = run.enabled;
    for (let index = 0; index < entryCount; index++) {
      const slot = slots[index] as number;
      if (!this.#isHeld(run, slot)) return slot;
    }
    if (count === entryCount) return slots[0] as number;
    const { current } = run.recorder;
    const { schedule } = this;
    const ordinal = run.state.steps[current] as number;
    const { occasion } = run.recorder;
    for (let at = 0; at < schedule.count; at++) {
      if (this.#spent[at] === 1 || schedule.kind[at] !== PREEMPT) continue;
      if (schedule.actor[at] !== current || schedule.ordinal[at] !== ordinal) continue;
      if (schedule.otherOrdinal[at] !== occasion) continue;
      const other = schedule.other[at] as number;
      if (!isEnabled(run, other)) continue;
      this.#spent[at] = 1;
      return other;
    }
    const next = run.enabled.threadAfter(current);
    // Nothing but what is kept back, and what would be early.
    return next >= 0 ? next : (slots[0] as number);
  }

  chooseVersion(run: Execution, thread: number, count: number): number {
    const { schedule } = this;
    const ordinal = run.state.steps[thread] as number;
    for (let at = 0; at < schedule.count; at++) {
      if (schedule.kind[at] === STALE && schedule.actor[at] === thread && schedule.ordinal[at] === ordinal)
        return Math.min(schedule.other[at] as number, count - 1);
    }
    return 0;
  }

  chooseChance(_run: Execution, actor: number, ordinal: number): boolean {
    const { schedule } = this;
    for (let at = 0; at < schedule.count; at++)
      if (schedule.kind[at] === STALE && schedule.actor[at] === actor && schedule.ordinal[at] === ordinal) return true;
    return false;
  }

  /** What waited for this step is kept back no more. */
  onStep(_run: Execution, _slot: number, actor: number, ordinal: number): void {
    const { schedule } = this;
    for (let at = 0; at < schedule.count; at++) {
      if (schedule.kind[at] === HOLD && schedule.other[at] === actor && schedule.otherOrdinal[at] === ordinal)
        this.#spent[at] = 1;
    }
  }

  onYield(): void {}

  #isHeld(run: Execution, slot: number): boolean {
    const { schedule } = this;
    const queue = run.actorOf(slot);
    const ordinal = run.ordinalOf(slot);
    for (let at = 0; at < schedule.count; at++) {
      if (schedule.kind[at] !== HOLD || schedule.actor[at] !== queue || schedule.ordinal[at] !== ordinal) continue;
      if (this.#spent[at] === 0) return true;
    }
    return false;
  }
}

function isEnabled(run: Execution, thread: number): boolean {
  const { slots, entryCount, count } = run.enabled;
  for (let index = entryCount; index < count; index++) if (slots[index] === thread) return true;
  return false;
}
