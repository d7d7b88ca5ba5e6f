import type { ExploreOutcome, SavedOutcome } from "../explore/explore-thread.ts";
import type { ScenarioPlace } from "../explore/scenario.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_STUCK, NoResultError, UsageError } from "./exit-codes.ts";
import type { SearchOptions } from "./explore.ts";
import { RERUN_COMMAND } from "./own-name.ts";

/** Everything that a search has to tell. */
export interface ExploreTold {
  readonly place: ScenarioPlace;
  readonly options: SearchOptions;
  readonly outcome: ExploreOutcome;
  /** Where the failure was kept. */
  readonly kept: { readonly file: string; readonly isNew: boolean } | undefined;
}

/** In one word. */
export function verdictOf(outcome: ExploreOutcome): string {
  if (outcome.kind === "rerun" || outcome.kind === "traced") {
    const { outcome: ending, run } = outcome.report;
    return ending === "failed" ? run.verdict : ending;
  }
  if (outcome.kind !== "searched") return outcome.kind;
  const { end, failure, runs, unknown } = outcome.result;
  if (failure !== undefined) return failure.verdict;
  if (end === "nondeterministic" || end === "interrupted") return end;
  const known = outcome.saved.find(stillFails);
  if (known !== undefined) return known.verdict;
  return unknown === runs ? "unknown" : "passed";
}

/** Throws for what is not the scenario's fault: UsageError, or a bug in softbar. */
export function exitCodeOf(outcome: ExploreOutcome): number {
  if (outcome.kind === "refused") throw new UsageError(outcome.message);
  if (outcome.kind === "bug") throw Object.assign(new Error(outcome.message), { stack: outcome.message });
  switch (verdictOf(outcome)) {
    case "passed":
    // It did not fail, in an order of its own.
    case "diverged":
      return EXIT_PASSED;
    case "interrupted":
      return EXIT_INTERRUPTED;
    case "violation":
    case "nondeterministic":
    case "setup":
    case "gone":
      return EXIT_INCORRECT;
    default:
      return EXIT_STUCK;
  }
}

/** Of an outcome that leaves nothing to show. Throws as {@link exitCodeOf} does. */
export function noResultOf(outcome: ExploreOutcome, what: string): NoResultError {
  const code = exitCodeOf(outcome);
  const { message = "" } = outcome as { readonly message?: string };
  const why = message === "" ? "" : `: ${message}`;
  return new NoResultError(`There is ${what}: ${verdictOf(outcome)}${why}.`, code);
}

/** A failure of an earlier search that still is one. */
export function stillFails(saved: SavedOutcome): boolean {
  return saved.outcome === "failed";
}

/** How a failure is replayed. */
export function replayCommand(token: string, isFixed: boolean): string {
  return `${RERUN_COMMAND} ${token}${isFixed ? " --fixed" : ""}`;
}

/** The same for a program. */
export function exploreData({ place, options, outcome, kept }: ExploreTold): object {
  const { seed, strategy, models } = options;
  const common = { scenario: place.name, fixed: place.isFixed, verdict: verdictOf(outcome), seed, strategy };
  if (outcome.kind !== "searched") {
    const { message = "", runs = 0 } = outcome as { readonly message?: string; readonly runs?: number };
    return { ...common, models: models.map((model) => ({ model })), runs, message };
  }
  const { result, saved } = outcome;
  const { failure } = result;
  return {
    ...common,
    ...result,
    failure: failure ?? null,
    nondeterminism: result.nondeterminism ?? null,
    saved,
    kept: kept ?? null,
    replay: failure === undefined ? null : replayCommand(failure.token, place.isFixed),
  };
}
