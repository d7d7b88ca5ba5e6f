import { Rng } from "../../run/rng.ts";
import type { Execution } from "../execution.ts";
import { Footprint } from "../footprint.ts";
import { ACTOR_LIMIT } from "../kinds.ts";
import type { Strategy } from "../strategy.ts";
import { LearnedCounts } from "./learned-counts.ts";

/** Locations remembered as candidates. */
const CANDIDATE_LIMIT = 16;

/**
 * Selectively uniform random walk (the same paper): one location is drawn for each run, and only the order of the accesses
 * to it is made uniform; all other steps go by random priority. Finds what hangs on a few accesses among many.
 */
export class SelectiveUniformRandomWalk implements Strategy {
  readonly name = "surw";
  readonly #rng = new Rng(0);
  readonly #counts = new LearnedCounts();
  readonly #priority = new Int32Array(ACTOR_LIMIT);
  readonly #isBlocked = new Uint8Array(ACTOR_LIMIT);
  readonly #step = new Footprint();
  readonly #selected = new Footprint();
  /** Locations and objects touched in earlier runs, sampled by how often they are touched. */
  readonly #candidates: readonly Footprint[] = Array.from({ length: CANDIDATE_LIMIT }, () => new Footprint());
  #candidateCount = 0;
  #touchCount = 0;
  #intended = -1;

  begin(run: Execution, seed: number): void {
    this.#rng.seed(seed);
    this.#counts.begin();
    this.#isBlocked.fill(0);
    for (let actor = 0; actor < run.machine.threads.length; actor++) this.#priority[actor] = this.#rng.nextI32();
    this.#intended = -1;
    this.#selected.byteLength = 0;
    this.#selected.object = -1;
    if (this.#candidateCount === 0) return;
    const from = this.#candidates[this.#rng.below(this.#candidateCount)] as Footprint;
    this.#selected.address = from.address;
    this.#selected.byteLength = from.byteLength;
    this.#selected.object = from.object;
    // Reads of the location are selected as well as writes.
    this.#selected.isWrite = true;
  }

  choose(run: Execution): number {
    // Each turn blocks one more actor, or ends: at most as many turns as there are steps.
    for (let turn = 0; turn <= run.enabled.count; turn++) {
      const slot = this.#highest(run);
      if (slot < 0) break;
      const actor = run.actorOf(slot);
      this.#priority[actor] = this.#rng.nextI32();
      if (!this.#step.of(run.state, slot).races(this.#selected)) return slot;
      if (this.#intended < 0) this.#intended = this.#intend(run);
      if (actor === this.#intended) {
        this.#unblock();
        return slot;
      }
      this.#isBlocked[actor] = 1;
    }
    this.#unblock();
    return run.enabled.slots[this.#rng.below(run.enabled.count)] as number;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    return this.#rng.below(count);
  }

  onStep(run: Execution, slot: number, actor: number): void {
    this.#step.of(run.state, slot);
    if (this.#step.byteLength === 0 && this.#step.object < 0) return;
    if (this.#step.races(this.#selected)) this.#counts.count(actor);
    this.#sample();
  }

  onYield(): void {}

  #highest(run: Execution): number {
    const { slots, count } = run.enabled;
    let best = -1;
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      const actor = run.actorOf(slot);
      if (this.#isBlocked[actor] === 1) continue;
      if (best < 0 || (this.#priority[actor] as number) > (this.#priority[run.actorOf(best)] as number)) best = slot;
      else if (actor === run.actorOf(best) && this.#rng.below(2) === 0) best = slot;
    }
    return best;
  }

  /** Who is to access the location next: in proportion to the accesses it has left. */
  #intend(run: Execution): number {
    const { slots, count } = run.enabled;
    let total = 0;
    for (let index = 0; index < count; index++) total += this.#counts.left(run.actorOf(slots[index] as number));
    let draw = this.#rng.fraction() * total;
    for (let index = 0; index < count; index++) {
      const actor = run.actorOf(slots[index] as number);
      draw -= this.#counts.left(actor);
      if (draw < 0) return actor;
    }
    return run.actorOf(slots[count - 1] as number);
  }

  #unblock(): void {
    this.#isBlocked.fill(0);
    this.#intended = -1;
  }

  /** Reservoir sampling: every touch so far is equally likely to be a candidate. */
  #sample(): void {
    this.#touchCount++;
    const at =
      this.#candidateCount < CANDIDATE_LIMIT
        ? this.#candidateCount++
        : (this.#touchCount * 0x9e37_79b1) % CANDIDATE_LIMIT;
    if (this.#touchCount > 4 * CANDIDATE_LIMIT && this.#rng.below(this.#touchCount) >= CANDIDATE_LIMIT) return;
    const candidate = this.#candidates[at] as Footprint;
    candidate.address = this.#step.address;
    candidate.byteLength = this.#step.byteLength;
    candidate.object = this.#step.object;
  }
}
