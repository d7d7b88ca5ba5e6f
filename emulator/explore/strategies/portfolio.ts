import type { Execution } from "../execution.ts";
import type { Strategy } from "../strategy.ts";
import { PriorityChangePoints } from "./pct.ts";
import { PartialOrderSampling } from "./pos.ts";
import { RandomWalk } from "./random-walk.ts";
import { SelectiveUniformRandomWalk } from "./surw.ts";
import { UniformRandomWalk } from "./urw.ts";

/** One strategy after the other, a run each: no single one is good at everything. */
export class Portfolio implements Strategy {
  readonly name = "portfolio";
  readonly #members: readonly Strategy[];
  #turn = -1;

  constructor(members: readonly Strategy[] = defaultMembers()) {
    if (members.length === 0) throw new RangeError("a portfolio needs at least one strategy");
    this.#members = members;
  }

  /** The member whose run this is. */
  get current(): Strategy {
    return this.#members[this.#turn] as Strategy;
  }

  begin(run: Execution, seed: number): void {
    this.#turn = (this.#turn + 1) % this.#members.length;
    this.current.begin(run, seed);
  }

  choose(run: Execution): number {
    return this.current.choose(run);
  }

  chooseVersion(run: Execution, thread: number, count: number): number {
    return this.current.chooseVersion(run, thread, count);
  }

  onStep(run: Execution, slot: number, actor: number, ordinal: number): void {
    this.current.onStep(run, slot, actor, ordinal);
  }

  onYield(run: Execution, thread: number): void {
    this.current.onYield(run, thread);
  }
}

function defaultMembers(): Strategy[] {
  return [
    new PartialOrderSampling(),
    new SelectiveUniformRandomWalk(),
    new PartialOrderSampling(),
    new PriorityChangePoints(5),
    new RandomWalk(),
    new UniformRandomWalk(),
    new PriorityChangePoints(3),
  ];
}
