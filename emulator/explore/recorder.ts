import type { EnabledSteps } from "./enabled.ts";
import { FIRST_ENTRY_SLOT, THREAD_LIMIT } from "./kinds.ts";
import { HOLD, PREEMPT, Schedule, STALE } from "./schedule.ts";
import type { ExplorerState } from "./state.ts";

/** Writes a run down as deviations from the canonical policy while it happens, whoever chooses. */
export class Recorder {
  readonly schedule: Schedule = new Schedule();
  /** The thread that ran last. */
  current = 0;
  /** The step that happened last. */
  lastActor = -1;
  lastOrdinal = -1;
  readonly #state: ExplorerState;
  readonly #enabled: EnabledSteps;

  readonly #occasions = new Int32Array(THREAD_LIMIT);
  readonly #occasionsOf = new Int32Array(THREAD_LIMIT);

  constructor(state: ExplorerState, enabled: EnabledSteps) {
    this.#state = state;
    this.#enabled = enabled;
  }

  reset(): void {
    this.#occasionsOf.fill(-1);
    this.schedule.clear();
    this.current = 0;
    this.lastActor = -1;
    this.lastOrdinal = -1;
  }

  /** `slot` is about to take its step. */
  chosen(slot: number): void {
    const { flight } = this.#state;
    const { slots, entryCount, count } = this.#enabled;
    if (slot >= FIRST_ENTRY_SLOT) {
      this.#holdOlder(slot, slots, entryCount);
      const at = slot - FIRST_ENTRY_SLOT;
      if (flight.held[at] === 0) return;
      // Forced: nothing else was possible, so it would have come now anyhow.
      if (count === entryCount && slots[0] === slot) return;
      this.#release(at);
      return;
    }
    for (let index = 0; index < entryCount; index++) this.#hold((slots[index] as number) - FIRST_ENTRY_SLOT);
    const occasion = this.occasion;
    this.#occasions[this.current] = occasion + 1;
    this.#occasionsOf[this.current] = this.#state.steps[this.current] as number;
    if (slot === this.#enabled.threadAfter(this.current)) return;
    this.schedule.add(PREEMPT, this.current, this.#state.steps[this.current] as number, slot, occasion);
  }

  /**
   * How often before another thread was chosen while the current one stood before this operation: after an interrupt, or
   * while it waits, a thread stands there more than once.
   */
  get occasion(): number {
    const { current } = this;
    return this.#occasionsOf[current] === this.#state.steps[current] ? (this.#occasions[current] as number) : 0;
  }

  version(thread: number, version: number): void {
    if (version > 0) this.schedule.add(STALE, thread, this.#state.steps[thread] as number, version, 0);
  }

  /** A thing of chance has happened: the ordinary run is without it. */
  chance(actor: number, ordinal: number): void {
    this.schedule.add(STALE, actor, ordinal, 1, 0);
  }

  #holdOlder(slot: number, slots: Uint8Array, entryCount: number): void {
    const isHeld = this.#state.flight.held[slot - FIRST_ENTRY_SLOT] === 1;
    for (let index = 0; index < entryCount; index++) {
      const older = slots[index] as number;
      if (older === slot && !isHeld) return;
      // One that is kept back already is let go only when nothing else would go: all the others are kept back with it.
      if (older !== slot) this.#hold(older - FIRST_ENTRY_SLOT);
    }
  }

  #hold(at: number): void {
    const { flight } = this.#state;
    if (flight.held[at] === 1) return;
    flight.held[at] = 1;
    const queue = flight.queue[at] as number;
    flight.deviation[at] = this.schedule.add(HOLD, queue, flight.ordinal[at] as number, -1, -1);
  }

  #release(at: number): void {
    const deviation = this.#state.flight.deviation[at] as number;
    if (deviation < 0) return;
    this.schedule.other[deviation] = this.lastActor;
    this.schedule.otherOrdinal[deviation] = this.lastOrdinal;
  }
}
