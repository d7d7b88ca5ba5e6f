import { Rng } from "../../run/rng.ts";
import type { Execution } from "../execution.ts";
import { Footprint } from "../footprint.ts";
import { SLOT_LIMIT } from "../kinds.ts";
import type { Strategy } from "../strategy.ts";

/**
 * Partial order sampling (Yuan, Yang, Gu, CAV 2018): every pending step has a random priority, the highest goes; steps that
 * race with it draw a new one. Needs no parameter, and had the best worst case on small driver programs.
 */
export class PartialOrderSampling implements Strategy {
  readonly name = "pos";
  readonly #rng = new Rng(0);
  readonly #priority = new Int32Array(SLOT_LIMIT);
  /** Whose priority it is: actor and ordinal of the step that the slot stood for when it was drawn. */
  readonly #drawnFor = new Int32Array(SLOT_LIMIT);
  readonly #chosen = new Footprint();
  readonly #other = new Footprint();

  begin(_run: Execution, seed: number): void {
    this.#rng.seed(seed);
    this.#drawnFor.fill(-1);
  }

  choose(run: Execution): number {
    const { slots, count } = run.enabled;
    let best = -1;
    let bestPriority = 0;
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      const step = (run.actorOf(slot) << 24) | run.ordinalOf(slot);
      if (this.#drawnFor[slot] !== step) {
        this.#drawnFor[slot] = step;
        this.#priority[slot] = this.#rng.nextI32();
      }
      if (best >= 0 && (this.#priority[slot] as number) <= bestPriority) continue;
      best = slot;
      bestPriority = this.#priority[slot] as number;
    }
    this.#chosen.of(run.state, best);
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      if (slot === best) continue;
      if (this.#other.of(run.state, slot).races(this.#chosen)) this.#priority[slot] = this.#rng.nextI32();
    }
    return best;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    return this.#rng.below(count);
  }

  onStep(): void {}

  /** Whoever says that it waits draws again when it is asked next; nothing to do, its next step is a new one. */
  onYield(): void {}
}
