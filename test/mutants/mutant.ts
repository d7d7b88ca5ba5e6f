import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { WorkloadName } from "./workloads.ts";

/** A change of a driver's source. */
export interface Change {
  readonly name: string;
  /** File in scenarios/drivers. */
  readonly file: string;
  /** Text that stands exactly once in the file, and what takes its place. */
  readonly find: string;
  readonly replace: string;
  /** What is wrong now. */
  readonly mistake: string;
}

/** One mistake in a driver that orders of events bring out. */
export interface Mutant extends Change {
  /** The memory models in which the driver is wrong; for an equivalent one none, and `argument` says why. Written down before any run. */
  readonly wrongIn: readonly MemoryModel[];
  readonly argument?: string;
  /**
   * The memory models in which the ordinary run of the workload, without any search, has a data race; none when absent. Of a
   * driver that is right, no run has one.
   */
  readonly racesIn?: readonly MemoryModel[];
  /** What shows it. */
  readonly workload: WorkloadName;
}

export const ALL: readonly MemoryModel[] = ["sc", "tso", "relaxed"];
export const RELAXED_ONLY: readonly MemoryModel[] = ["relaxed"];
