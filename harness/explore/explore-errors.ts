import type { MemoryModel } from "../../emulator/explore/kinds.ts";

/** An interleaving in which the driver fails. The message has everything: verdict, picture, missing barrier, token. */
export class InterleavingError extends Error {
  override readonly name = "InterleavingError";
  readonly verdict: string;
  /** The rule that was broken, as `softbar rules` has it; empty for none. */
  readonly rule: string;
  readonly model: MemoryModel;
  readonly token: string;
  readonly deviationCount: number;
  /** What the driver was put through, when it was drawn. */
  readonly workload: unknown;

  constructor(
    message: string,
    parts: {
      readonly verdict: string;
      readonly rule?: string;
      readonly model: MemoryModel;
      readonly token: string;
      readonly deviationCount: number;
      readonly workload: unknown;
    },
  ) {
    super(message);
    this.verdict = parts.verdict;
    this.rule = parts.rule ?? "";
    this.model = parts.model;
    this.token = parts.token;
    this.deviationCount = parts.deviationCount;
    this.workload = parts.workload;
  }
}

/** The same schedule can go two ways: nothing that a search finds could be replayed. */
export class NondeterminismError extends Error {
  override readonly name = "NondeterminismError";

  constructor(difference: string) {
    super(
      `explore: the same schedule need not go the same way twice: ${difference}. Something in set-up or body depends on ` +
        "chance, on a clock, on what an earlier run has left behind, or on what comes from outside of the testbed.",
    );
  }
}
