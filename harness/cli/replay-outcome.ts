import type { ReplayReport } from "../replay/replay-report.ts";
import { EXIT_INCORRECT, EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_PASSED } from "./exit-codes.ts";
import { isPath } from "./own-devices.ts";
import { counted } from "./quantities.ts";
import type { Arguments } from "./verb.ts";

/** What a replay has come to. */
export interface ReplayOutcome {
  readonly exitCode: number;
  /** In one word. */
  readonly verdict: "passed" | "incorrect" | "interrupted" | "bug";
  /** Why it did not pass; empty for one that did. */
  readonly message: string;
}

/**
 * The balance of our own card is our bug, unless a fault has struck it; frames that a driver loses, and rules that it breaks, are
 * the driver's. What a fault took is accounted for, as what a damaged wire took. Whoever asks for recovery wants every message:
 * one that was given up is no success.
 */
export function outcomeOf(report: ReplayReport, given: Pick<Arguments, "value">): ReplayOutcome {
  const { balance, interrupted } = report;
  const isOurCard = !isPath(given.value("device") ?? "");
  const isOurDriver = isOurCard && given.value("driver") === undefined;
  const hasStruck = report.faults?.some(({ struck }) => struck > 0) === true;
  const isOurBug =
    !hasStruck && ((isOurCard && balance.lostInCard !== 0) || (isOurDriver && balance.lostInDriver !== 0));
  if (!interrupted && isOurBug) {
    const message = `${balance.lostInCard} frames are unaccounted for in the card and ${balance.lostInDriver} in the driver: a bug in softbar, please report it.`;
    return { exitCode: EXIT_INTERNAL, verdict: "bug", message };
  }
  if (interrupted) return { exitCode: EXIT_INTERRUPTED, verdict: "interrupted", message: "" };
  const reasons = shortcomingsOf(report);
  if (reasons.length === 0) return { exitCode: EXIT_PASSED, verdict: "passed", message: "" };
  return { exitCode: EXIT_INCORRECT, verdict: "incorrect", message: reasons.join(", ") };
}

/** What a replay tells against driver, card or capture, in words; nothing of one that passed. */
export function shortcomingsOf({ balance, violations, source, streams }: ReplayReport): string[] {
  const givenUp = (streams?.recovery ?? []).reduce((sum, { client }) => sum + client.lost, 0);
  return [
    violations.length > 0 ? `${counted(violations.length, "rule")} broken` : "",
    source.damage === undefined ? "" : `the capture is damaged: ${source.damage}`,
    balance.lostInCard === 0 ? "" : `${counted(balance.lostInCard, "frame")} lost in the card`,
    balance.lostInDriver === 0 ? "" : `${counted(balance.lostInDriver, "frame")} lost in the driver`,
    givenUp === 0 ? "" : `${counted(givenUp, "message")} given up`,
  ].filter((reason) => reason !== "");
}
