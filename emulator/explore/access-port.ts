import type { ExplorerState } from "./state.ts";

/**
 * Where a CPU whose program is a plain function publishes its operations: the engine itself, or the page of shared memory
 * that leads to it from another thread. An operation is published in {@link state} first.
 */
export interface AccessPort {
  readonly state: ExplorerState;
  /** Lets everybody else go on until the operation's turn has come; returns its answer. Throws when the run ends before. */
  schedulingPoint(thread: number): number;
  /** The same without a chance for anybody else, where the engine is in this thread: the next word of a copy. */
  atOnce(thread: number): number;
}
