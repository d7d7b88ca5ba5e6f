import { nextDueNs } from "./enabled.ts";
import * as k from "./kinds.ts";
import type { Machine } from "./machine.ts";

/** How often plain functions may look again although nothing has changed: enough for every loop that counts its polls. */
const FRUITLESS_LIMIT = 1000;
/** What a look takes at first. It doubles, so that loops that look at the clock come to their limit. */
const FRUITLESS_NS = 1000;

/** How time passes in a run when nobody can go on without. An event that is prompt brings its time along by itself. */
export class PassingTime {
  readonly #machine: Machine;
  #fruitlessCount = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** A run begins. */
  reset(): void {
    this.#fruitlessCount = 0;
  }

  /** Nobody can go on now: time moves to the next limit or event. False when there is none. */
  letPass(): boolean {
    const { state, threads } = this.#machine;
    const due = nextDueNs(state, threads.length);
    if (due === Number.POSITIVE_INFINITY) return false;
    state.nowNs = due;
    // A plain function that waits without reading anything waits for just that.
    for (let thread = 0; thread < threads.length; thread++)
      if (state.isPlain[thread] === 1 && state.watchCount[thread] === 0) state.mustLook[thread] = 1;
    return true;
  }

  /**
   * A plain function waits in a loop of its own, which may have a limit: so many looks, or a time. It goes round again
   * although nothing has changed, and time passes. False when nobody does, or has done so too often.
   */
  lookInVain(): boolean {
    const { state, threads } = this.#machine;
    if (this.#fruitlessCount === FRUITLESS_LIMIT) return false;
    let isWaiting = false;
    for (let thread = 0; thread < threads.length; thread++) {
      if (state.status[thread] !== k.READY || state.kind[thread] !== k.RELAX || state.isPlain[thread] !== 1) continue;
      // All of them: one may stand still because a handler, which waits too, is on top of it.
      state.mustLook[thread] = 1;
      isWaiting = true;
    }
    if (isWaiting) state.nowNs += FRUITLESS_NS * 2 ** Math.min(this.#fruitlessCount++, 30);
    return isWaiting;
  }
}
