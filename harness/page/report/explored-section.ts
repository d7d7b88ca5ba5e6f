import { counted } from "../../cli/quantities.ts";
import { VERDICT_MEANINGS } from "../../cli/verdict-meanings.ts";
import type { RaceReport } from "../../explore/report.ts";
import { shortPicture } from "../../explore/short-picture.ts";
import { type Html, html } from "../html.ts";
import type { ExploredContents, ReportContents } from "./report-contents.ts";
import { facts, type Section } from "./section.ts";

const STRONGEST: Readonly<Record<string, string>> = {
  sc: "every memory model",
  tso: "tso (x86) and weaker; not seen to in sc",
  relaxed: "relaxed (Arm); not seen to in sc and tso",
};

/** What failed, in which memory models, what is missing, and the order of events as text. */
export function exploredSection({ explored, trace }: ReportContents): Section | undefined {
  if (explored === undefined) return undefined;
  const { failure, rerun } = explored;
  const { foundWith, deviationCount, preemptions, reorderings, model } = failure;
  const body = html`${furtherLines(claimOf(explored))}${rerunNotes(explored)}${facts([
    [
      rerun === undefined || rerun.outcome === "failed" ? "Fails in" : "Memory model",
      rerun === undefined ? (STRONGEST[model] ?? model) : model,
    ],
    ...(rerun === undefined ? [["Cure", cureText(failure)] as const] : []),
    [
      "Deviations from the ordinary order",
      rerun !== undefined || foundWith === deviationCount
        ? `${deviationCount}`
        : `${deviationCount}, shrunk from ${foundWith}`,
    ],
    ["Of these", `${counted(preemptions, "preemption")}, ${counted(reorderings, "reordering")}`],
  ])}
<details${trace === undefined && html` open`}><summary>The order of events as text</summary><pre class="picture" tabindex="0" role="region" aria-label="The order of events">${shortPicture(failure.picture)}</pre></details>`;
  return { id: "failure", title: rerun === undefined || rerun.outcome === "failed" ? "Failure" : "Rerun", body };
}

/** What stands below the first line of a claim: the sites of races, each in a line of its own. */
export function furtherLines(claim: string): Html | undefined {
  const [, ...lines] = claim.split("\n");
  if (lines.length === 0) return undefined;
  return html`<ul class="sites">${lines.map((line) => html`<li>${line.trim()}</li>`)}</ul>
`;
}

/** What failed: a sentence, and further lines where it has some. */
export function claimOf({ failure, rerun }: ExploredContents): string {
  if (rerun !== undefined && rerun.outcome !== "failed") return outcomeText(rerun.outcome, rerun.divergence);
  const { verdict, violation, stuck } = failure;
  if (violation !== "") return violation;
  const meaning = VERDICT_MEANINGS[verdict] ?? verdict;
  return `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}${stuck === "" ? "" : `: ${stuck}`}.`;
}

function outcomeText(outcome: string, divergence: string | undefined): string {
  if (outcome === "passed") return "It passes in the order of events in which it failed.";
  if (outcome === "diverged") return `It does not fail; the order of events was left at ${divergence ?? "some step"}.`;
  return "It took too many steps: nothing is known.";
}

function rerunNotes({ rerun }: ExploredContents): Html[] {
  if (rerun === undefined) return [];
  const { isSourceChanged, divergence, outcome } = rerun;
  return [
    isSourceChanged ? "The source has changed since the token was made; it is followed as far as that goes." : "",
    outcome === "failed" && divergence !== undefined ? `Not in the same order: it was left at ${divergence}.` : "",
  ]
    .filter((text) => text !== "")
    .map((text) => html`<p class="note">${text}</p>`);
}

function cureText({ cure, isCureKnown, whyCureUnknown }: RaceReport): string {
  if (cure !== undefined) return `missing: ${cure}`;
  if (whyCureUnknown !== "") return `not sought to the end: ${whyCureUnknown}`;
  return isCureKnown ? "no barrier cures it" : "not found out";
}
