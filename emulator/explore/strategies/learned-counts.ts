import { ACTOR_LIMIT } from "../kinds.ts";

/** How many events each actor takes in a run, learned as a running mean, and how many are left in this run. */
export class LearnedCounts {
  readonly #mean = new Float64Array(ACTOR_LIMIT);
  readonly #seen = new Int32Array(ACTOR_LIMIT);
  #runCount = 0;

  begin(): void {
    if (this.#runCount > 0) {
      // Slow enough not to follow one odd run, quick enough to have learned after a dozen.
      const weight = 1 / Math.min(this.#runCount, 16);
      for (let actor = 0; actor < ACTOR_LIMIT; actor++) {
        const mean = this.#mean[actor] as number;
        this.#mean[actor] = mean + weight * ((this.#seen[actor] as number) - mean);
      }
    }
    this.#runCount++;
    this.#seen.fill(0);
  }

  count(actor: number): void {
    this.#seen[actor] = (this.#seen[actor] as number) + 1;
  }

  /** Loops make counts wrong: an actor that is still there has at least one event left. */
  left(actor: number): number {
    return Math.max(1, (this.#mean[actor] as number) - (this.#seen[actor] as number));
  }
}
