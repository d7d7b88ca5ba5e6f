import { Rng } from "../../run/rng.ts";
import type { Execution } from "../execution.ts";
import type { Strategy } from "../strategy.ts";
import { LearnedCounts } from "./learned-counts.ts";

/**
 * Uniform random walk (Zhao et al., ASPLOS 2025): each actor is chosen in proportion to the steps it has left, which makes
 * every interleaving as likely as every other, as far as the counts are right. They are learned from run to run.
 */
export class UniformRandomWalk implements Strategy {
  readonly name = "urw";
  readonly #rng = new Rng(0);
  readonly #counts = new LearnedCounts();

  begin(_run: Execution, seed: number): void {
    this.#rng.seed(seed);
    this.#counts.begin();
  }

  choose(run: Execution): number {
    const { slots, count } = run.enabled;
    let total = 0;
    for (let index = 0; index < count; index++) total += this.#counts.left(run.actorOf(slots[index] as number));
    let draw = this.#rng.fraction() * total;
    for (let index = 0; index < count - 1; index++) {
      draw -= this.#counts.left(run.actorOf(slots[index] as number));
      if (draw < 0) return slots[index] as number;
    }
    return slots[count - 1] as number;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    return this.#rng.below(count);
  }

  onStep(_run: Execution, _slot: number, actor: number): void {
    this.#counts.count(actor);
  }

  onYield(): void {}
}
