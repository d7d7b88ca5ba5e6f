import { Rng } from "../../run/rng.ts";
import type { Execution } from "../execution.ts";
import { ACTOR_LIMIT } from "../kinds.ts";
import type { Strategy } from "../strategy.ts";

/** A drain or a DMA queue is an actor of its own, so a bug of depth d needs d + 1 or d + 2 priority changes. */
const DEPTH_LIMIT = 16;

/**
 * Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): the highest priority runs; at d - 1 random moments
 * the running actor falls below all others. Who yields falls too, so that a loop that polls cannot starve the rest.
 */
export class PriorityChangePoints implements Strategy {
  readonly name: string;
  readonly #depth: number;
  readonly #rng = new Rng(0);
  readonly #priority = new Int32Array(ACTOR_LIMIT);
  readonly #hasPriority = new Uint8Array(ACTOR_LIMIT);
  readonly #changePoints = new Int32Array(DEPTH_LIMIT);
  #lowest = 0;
  #choiceCount = 0;
  /** Choices of the longest run so far: where change points may lie. */
  #choicesMax = 8;

  constructor(depth: number = 5) {
    if (!(depth >= 1 && depth <= DEPTH_LIMIT))
      throw new RangeError(`PCT takes a depth of 1 to ${DEPTH_LIMIT}, not ${depth}`);
    this.#depth = depth;
    this.name = `pct${depth}`;
  }

  begin(_run: Execution, seed: number): void {
    this.#rng.seed(seed);
    this.#hasPriority.fill(0);
    this.#lowest = 0;
    if (this.#choiceCount > this.#choicesMax) this.#choicesMax = this.#choiceCount;
    this.#choiceCount = 0;
    for (let index = 0; index < this.#depth - 1; index++)
      this.#changePoints[index] = 1 + this.#rng.below(this.#choicesMax);
  }

  choose(run: Execution): number {
    this.#choiceCount++;
    const best = this.#highest(run);
    for (let index = 0; index < this.#depth - 1; index++) {
      if (this.#changePoints[index] !== this.#choiceCount) continue;
      this.#priority[run.actorOf(best)] = --this.#lowest;
      return this.#highest(run);
    }
    return best;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    return this.#rng.below(count);
  }

  onStep(): void {}

  onYield(_run: Execution, thread: number): void {
    this.#hasPriority[thread] = 1;
    this.#priority[thread] = --this.#lowest;
  }

  #highest(run: Execution): number {
    const { slots, count } = run.enabled;
    let best = -1;
    let bestPriority = 0;
    let equals = 1;
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      const actor = run.actorOf(slot);
      if (this.#hasPriority[actor] === 0) {
        this.#hasPriority[actor] = 1;
        this.#priority[actor] = this.#rng.nextI32() >>> 1;
      }
      const priority = this.#priority[actor] as number;
      if (best >= 0 && priority === bestPriority) {
        // Two things in one queue that may overtake each other: either.
        if (this.#rng.below(++equals) === 0) best = slot;
      } else if (best < 0 || priority > bestPriority) {
        best = slot;
        bestPriority = priority;
        equals = 1;
      }
    }
    return best;
  }
}
