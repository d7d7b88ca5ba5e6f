import type { Execution } from "./execution.ts";

/** How the next step of a run is chosen. Its state lives in typed arrays; chance comes from the generator it was given. */
export interface Strategy {
  readonly name: string;
  /** Asked even when only one step is possible. */
  readonly seesAll?: boolean;
  /** A run begins. `seed` is the run's own: the same seed gives the same run, whatever was run before where that is possible. */
  begin(run: Execution, seed: number): void;
  /** One of the enabled slots. Called only when there are at least two. */
  choose(run: Execution): number;
  /** Which of `count` versions of a location a load returns; 0 is the newest. */
  chooseVersion(run: Execution, thread: number, count: number): number;
  /** Whether a thing of chance happens to what `actor` sends as its `ordinal`th. Left out: the dice of the run are cast. */
  chooseChance?(run: Execution, actor: number, ordinal: number): boolean;
  /** Step `ordinal` of an actor is about to happen. `slot` names it. */
  onStep(run: Execution, slot: number, actor: number, ordinal: number): void;
  /** A thread has said that it cannot go on without the others. */
  onYield(run: Execution, thread: number): void;
}
