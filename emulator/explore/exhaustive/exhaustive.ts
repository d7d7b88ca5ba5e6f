import type { Execution } from "../execution.ts";
import { FIRST_ENTRY_SLOT, IN_FLIGHT_LIMIT, READY, THREAD_LIMIT } from "../kinds.ts";
import type { Strategy } from "../strategy.ts";
import { Dependence } from "./dependence.ts";
import { DEPTH_LIMIT, has, Node, newSet, unite } from "./node.ts";

/** `full` tries every order; `reduced` leaves out orders that differ only in steps that commute. */
export type Reduction = "full" | "reduced";

/**
 * Every schedule of a program, one run each: depth first, with sleep sets and source sets (Abdulla, Aronis, Jonsson,
 * Sagonas, POPL 2014). `while (search.hasNext()) execution.run(search, model, 0)`.
 *
 * With a bound nothing is left out but what exceeds the bound: reduction and bound do not go together.
 */
export class Exhaustive implements Strategy {
  readonly name = "exhaustive";
  readonly seesAll = true;
  /** Runs that were left half way because they would have repeated others. */
  redundantCount = 0;
  /** True when a run was longer than can be followed: then the search has not seen everything. */
  isTruncated = false;
  readonly #isReduced: boolean;
  readonly #preemptionsMax: number;
  readonly #delaysMax: number;
  readonly #nodes: Node[] = [];
  /** Steps of the run so far; nodes below {@link #prefix} are followed, those beyond are new. */
  #depth = 0;
  #prefix = 0;
  #hasBegun = false;
  readonly #entryNames = new Int32Array(IN_FLIGHT_LIMIT);
  readonly #creators = new Int32Array(FIRST_ENTRY_SLOT + IN_FLIGHT_LIMIT);
  readonly #threadNames = new Int32Array(THREAD_LIMIT);
  readonly #covered = newSet();
  readonly #pending = new Dependence();
  readonly #candidates = newSet();

  constructor(
    reduction: Reduction = "reduced",
    preemptionsMax: number = Number.POSITIVE_INFINITY,
    delaysMax: number = Number.POSITIVE_INFINITY,
  ) {
    const isBounded = preemptionsMax !== Number.POSITIVE_INFINITY || delaysMax !== Number.POSITIVE_INFINITY;
    this.#isReduced = reduction === "reduced" && !isBounded;
    this.#preemptionsMax = preemptionsMax;
    this.#delaysMax = delaysMax;
  }

  /** Moves on to the next schedule; false when all have been seen. */
  hasNext(): boolean {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      return true;
    }
    for (let depth = this.#depth - 1; depth >= 0; depth--) {
      const node = this.#nodes[depth] as Node;
      const mayBeOlder = node.version > 0 || node.delays + node.delayCost < this.#delaysMax;
      if (node.version + 1 < node.versionCount && mayBeOlder) {
        node.version++;
        this.#prefix = depth + 1;
        return true;
      }
      node.isDone[node.slot] = 1;
      const next = this.#nextOf(node);
      if (next < 0) continue;
      node.slot = next;
      node.version = 0;
      node.versionCount = 1;
      this.#prefix = depth + 1;
      return true;
    }
    return false;
  }

  begin(): void {
    this.#depth = 0;
    this.#entryNames.fill(-1);
    this.#threadNames.fill(-1);
  }

  choose(run: Execution): number {
    this.#findCreators(run);
    const depth = this.#depth;
    if (depth < this.#prefix) return (this.#nodes[depth] as Node).slot;
    if (depth === DEPTH_LIMIT) {
      this.isTruncated = true;
      run.isRedundant = true;
      return run.enabled.slots[0] as number;
    }
    const node = this.#open(run, depth);
    const slot = this.#nextOf(node);
    if (slot < 0) {
      this.redundantCount++;
      run.isRedundant = true;
      return run.enabled.slots[0] as number;
    }
    node.slot = slot;
    return slot;
  }

  chooseVersion(_run: Execution, _thread: number, count: number): number {
    const node = this.#nodes[this.#depth - 1] as Node;
    node.versionCount = count;
    return node.version;
  }

  /** Both, one after the other. */
  chooseChance(run: Execution): boolean {
    return this.chooseVersion(run, 0, 2) === 1;
  }

  onStep(run: Execution, slot: number): void {
    const depth = this.#depth++;
    const node = this.#nodes[depth] as Node;
    const isNew = depth >= this.#prefix - 1;
    node.dependence.of(run.state, slot);
    node.creator = this.#creators[slot] as number;
    if (!this.#isReduced) return;
    this.#order(depth, node, isNew);
    if (isNew) this.#passSleep(run, depth, node);
  }

  onYield(): void {}

  /** The run is over: steps that were published and never became possible race too. */
  finish(run: Execution): void {
    if (!this.#isReduced || run.isRedundant) return;
    this.#findCreators(run);
    for (let thread = 0; thread < THREAD_LIMIT; thread++) {
      if (run.state.status[thread] !== READY) continue;
      this.#findRaces(this.#depth, thread, this.#creators[thread] as number, this.#pending.of(run.state, thread));
    }
  }

  // ---- nodes --------------------------------------------------------------------------------------------------------

  #open(run: Execution, depth: number): Node {
    let node = this.#nodes[depth];
    if (node === undefined) {
      node = new Node();
      this.#nodes.push(node);
    }
    const asleep = depth > 0 && this.#isReduced ? (this.#nodes[depth - 1] as Node).passedOn : undefined;
    node.clear();
    if (asleep !== undefined) node.isAsleep.set(asleep);
    const { slots, count } = run.enabled;
    const previous = depth > 0 ? (this.#nodes[depth - 1] as Node) : undefined;
    node.preemptions = previous === undefined ? 0 : previous.preemptions + previous.cost;
    node.delays = previous === undefined ? 0 : previous.delays + previous.delayCost + (previous.version > 0 ? 1 : 0);
    node.enabledCount = count;
    const canonical = run.enabled.threadAfter(run.recorder.current);
    node.current = canonical === run.recorder.current ? canonical : -1;
    node.ordinary = run.enabled.entryCount > 0 ? (slots[0] as number) : canonical;
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      node.enabled[index] = slot;
      node.isEnabled[slot] = 1;
      if (!this.#isReduced) node.isWanted[slot] = 1;
    }
    if (!this.#isReduced) return node;
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      if (node.isAsleep[slot] === 1) continue;
      node.isWanted[slot] = 1;
      break;
    }
    return node;
  }

  #nextOf(node: Node): number {
    for (let index = 0; index < node.enabledCount; index++) {
      const slot = node.enabled[index] as number;
      if (node.isWanted[slot] === 0 || node.isDone[slot] === 1 || node.isAsleep[slot] === 1) continue;
      node.cost = node.current >= 0 && slot < FIRST_ENTRY_SLOT && slot !== node.current ? 1 : 0;
      node.delayCost = slot === node.ordinary ? 0 : 1;
      if (node.preemptions + node.cost > this.#preemptionsMax) continue;
      if (node.delays + node.delayCost <= this.#delaysMax) return slot;
    }
    return -1;
  }

  /** What sleeps after this step: what slept or was tried here and commutes with it. */
  #passSleep(run: Execution, _depth: number, node: Node): void {
    node.passedOn.fill(0);
    for (let index = 0; index < node.enabledCount; index++) {
      const slot = node.enabled[index] as number;
      if (slot === node.slot || (node.isAsleep[slot] === 0 && node.isDone[slot] === 0)) continue;
      if (!this.#pending.of(run.state, slot).dependsOn(node.dependence)) node.passedOn[slot] = 1;
    }
  }

  // ---- happens-before and races -------------------------------------------------------------------------------------

  /** Notes for whatever is new, on its way or published, that the last step made it so. */
  #findCreators(run: Execution): void {
    const { flight, steps, status } = run.state;
    const last = this.#depth - 1;
    for (let index = 0; index < flight.count; index++) {
      const at = flight.order[index] as number;
      const name = ((flight.queue[at] as number) << 20) | (flight.ordinal[at] as number);
      if (this.#entryNames[at] === name) continue;
      this.#entryNames[at] = name;
      this.#creators[FIRST_ENTRY_SLOT + at] = last;
    }
    for (let thread = 0; thread < run.machine.threads.length; thread++) {
      const name = ((steps[thread] as number) << 4) | (status[thread] as number);
      if (this.#threadNames[thread] === name) continue;
      this.#threadNames[thread] = name;
      this.#creators[thread] = last;
    }
  }

  #order(depth: number, node: Node, isNew: boolean): void {
    if (!isNew) return;
    node.before.fill(0);
    for (let index = depth - 1; index >= 0; index--) {
      if (node.isAfter(index)) continue;
      const earlier = this.#nodes[index] as Node;
      if (index === node.creator || earlier.dependence.dependsOn(node.dependence)) node.follow(index, earlier);
    }
    this.#findRaces(depth, node.slot, node.creator, node.dependence);
  }

  /** Asks for the other order of a step and each earlier one that it races with. */
  #findRaces(depth: number, slot: number, creator: number, dependence: Dependence): void {
    const covered = this.#covered;
    covered.fill(0);
    if (creator >= 0) unite(covered, (this.#nodes[creator] as Node).before, creator);
    for (let index = depth - 1; index >= 0; index--) {
      if (index === creator || has(covered, index)) continue;
      const earlier = this.#nodes[index] as Node;
      if (!earlier.dependence.dependsOn(dependence)) continue;
      const wasPossible = index > creator && earlier.isEnabled[slot] === 1;
      this.#wantReversed(index, earlier, depth, wasPossible ? slot : -1, dependence, creator);
      // What only made the step possible is not what it races with: that is further back.
      if (wasPossible || (index < creator && !dependence.mayWait)) unite(covered, earlier.before, index);
    }
  }

  /**
   * Something that begins a run in which the step at `depth` comes before the one at `index` has to be tried there: the
   * step itself (`slot`), if it was pending there already (otherwise -1), or one of those between that both can follow.
   */
  #wantReversed(index: number, node: Node, depth: number, slot: number, dependence: Dependence, creator: number): void {
    const candidates = this.#candidates;
    candidates.fill(0);
    let wanted = slot;
    let isInitial = creator < index;
    for (let step = index + 1; step < depth; step++) {
      const between = this.#nodes[step] as Node;
      if (between.isAfter(index)) continue;
      if (between.dependence.dependsOn(dependence)) isInitial = false;
      let hasPredecessor = false;
      for (let earlier = index + 1; earlier < step && !hasPredecessor; earlier++)
        hasPredecessor = has(candidates, earlier) && between.isAfter(earlier);
      candidates[step >> 5] = (candidates[step >> 5] as number) | (1 << (step & 31));
      if (hasPredecessor || node.isEnabled[between.slot] === 0) continue;
      if (node.isWanted[between.slot] === 1 || node.isAsleep[between.slot] === 1) return;
      if (wanted === slot) wanted = between.slot;
    }
    // It became possible by the earlier step alone: it cannot be put in front of it.
    if (wanted < 0 || (slot < 0 && isInitial)) return;
    if (slot >= 0 && isInitial && (node.isWanted[slot] === 1 || node.isAsleep[slot] === 1)) return;
    node.isWanted[wanted] = 1;
  }
}
