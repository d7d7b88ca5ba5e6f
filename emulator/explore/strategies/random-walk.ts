import { Rng } from "../../run/rng.ts";
import type { Execution } from "../execution.ts";
import type { Strategy } from "../strategy.ts";

/** Every possible step is equally likely, every time. Simple and fair; finds late starters badly. */
export class RandomWalk implements Strategy {
  readonly name = "random";
  readonly #rng = new Rng(0);

  begin(_run: Execution, seed: number): void {
    this.#rng.seed(seed);
  }

  choose(run: Execution): number {
    return run.enabled.slots[this.#rng.below(run.enabled.count)] as number;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    return this.#rng.below(count);
  }

  onStep(): void {}
  onYield(): void {}
}
