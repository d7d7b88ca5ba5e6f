import type { CampaignResult } from "../explore/campaign.ts";
import type { ExploreOutcome, SavedOutcome } from "../explore/explore-thread.ts";
import { orderText } from "../explore/order-text.ts";
import type { CoverageReport } from "../explore/race-coverage.ts";
import type { RaceProgram } from "../explore/race-program.ts";
import type { RaceReport } from "../explore/report.ts";
import { notesText } from "../explore/run-notes.ts";
import type { ScenarioPlace } from "../explore/scenario.ts";
import { shortPicture } from "../explore/short-picture.ts";
import { type ExploreTold, replayCommand, stillFails, verdictOf } from "./explore-outcome.ts";
import { EXPLORE_COMMAND } from "./own-name.ts";
import { counted, durationText, grouped, type painter } from "./terminal.ts";
import { VERDICT_MEANINGS } from "./verdict-meanings.ts";

type Painter = ReturnType<typeof painter>;

const LIST_WIDTH = 110;
const NS_PER_MS = 1e6;

const STRONGEST: Record<string, string> = {
  sc: "Fails in every memory model.",
  tso: "Fails in tso (x86) and weaker; not seen to in sc.",
  relaxed: "Fails in relaxed (Arm); not seen to in sc and tso.",
};

const HANG_HINT =
  "It computes or waits without an access to softbar, or swallows the exception by which a run is stopped.";

/** The scenarios, with what each shows. */
export function racesText(races: readonly RaceProgram[]): string {
  const width = Math.max(...races.map(({ name }) => name.length), 0);
  const lines = races.flatMap(({ name, protocol, fails }) => {
    const models = fails === "all" ? "any model" : fails === "never" ? "never fails" : fails.join(", ");
    const [first = "", ...rest] = wrapped(`${protocol} [${models}]`, LIST_WIDTH - width - 2);
    return [`${name.padEnd(width)}  ${first}`, ...rest.map((line) => `${" ".repeat(width)}  ${line}`)];
  });
  return `${lines.join("\n")}\n\n${EXPLORE_COMMAND} NAME, or the path of a module with an exploration of your driver.\n`;
}

/** What a search has found, or not. */
export function exploreText(told: ExploreTold, paint: Painter): string {
  const { place, options, outcome, kept } = told;
  const searched = outcome.kind === "searched" ? outcome : undefined;
  const verdict = verdictOf(outcome);
  const isGood = verdict === "passed";
  const colour = isGood ? "green" : "red";
  const name = `${place.name}${place.isFixed ? " (fixed)" : ""}`;
  const title = [name, `seed ${options.seed}`, countText(outcome)].filter((part) => part !== "").join("   ");
  const lines = [`${paint("bold", title)}   ${paint(colour, `${isGood ? "✓" : "✗"} ${verdict}`)}`];
  for (const saved of searched?.saved ?? []) lines.push(savedText(saved));
  if ((searched?.saved.length ?? 0) > 0) lines.push("");
  if (outcome.kind !== "searched") return `${[...lines, ...otherText(outcome)].join("\n")}\n`;
  const { result, saved } = outcome;
  if (result.failure !== undefined) lines.push(failureText(result.failure, place.isFixed).trimEnd());
  else lines.push(...passedText(result, place, saved));
  lines.push(...notesText(result.notes));
  if (kept !== undefined) lines.push(`${kept.isNew ? "Kept as" : "Known already:"} ${kept.file}`);
  return `${lines.join("\n")}\n`;
}

/** A failure: what, in which order, where it can happen, what is missing, how to see it again. */
export function failureText(failure: RaceReport, isFixed: boolean): string {
  const { verdict, violation, stuck, model, foundWith, deviationCount, token } = failure;
  return [
    violation === ""
      ? [VERDICT_MEANINGS[verdict] ?? verdict, stuck].filter((part) => part !== "").join(": ")
      : violation,
    "",
    shortPicture(failure.picture),
    "",
    STRONGEST[model] ?? "",
    cureText(failure),
    orderText(foundWith, deviationCount),
    `Replay: ${replayCommand(token, isFixed)}`,
    "",
  ].join("\n");
}

function cureText({ cure, isCureKnown, whyCureUnknown }: RaceReport): string {
  if (cure !== undefined) return `Missing: ${cure}.`;
  if (whyCureUnknown !== "") return `A missing barrier was not sought to the end: ${whyCureUnknown}.`;
  return isCureKnown ? "No barrier cures it." : "Whether a barrier cures it was not found out.";
}

function countText(outcome: ExploreOutcome): string {
  if (outcome.kind !== "searched") return "";
  const { runs, models, elapsedMs, failure } = outcome.result;
  const names = models.map(({ model }) => model).join(", ");
  if (failure !== undefined) return `schedule ${grouped(runs)}`;
  return `${counted(runs, "schedule")} in ${names}   ${durationText(elapsedMs * NS_PER_MS)}`;
}

function passedText(result: CampaignResult, place: ScenarioPlace, saved: readonly SavedOutcome[]): string[] {
  const { nondeterminism, unknown, unknownToken, runs, checked, coverage } = result;
  if (nondeterminism !== undefined) {
    return [
      `The same schedule need not go the same way twice: ${nondeterminism}.`,
      "Something in the scenario depends on chance, on a clock, on what an earlier run has left behind, or on what comes",
      "from outside. Failures of it could not be replayed; take it out, or make it the same in every run.",
    ];
  }
  const lines: string[] = [];
  if (unknown > 0) lines.push(`Of ${grouped(unknown)} of ${grouped(runs)} nothing is known: they took too many steps.`);
  if (unknownToken !== undefined)
    lines.push(`One of them, and where it stands: ${replayCommand(unknownToken, place.isFixed)}`);
  if (checked > 0) lines.push(`${counted(checked, "schedule")} run twice: the same each time.`);
  if (coverage !== undefined) lines.push(...coverageText(coverage, runs));
  if (saved.some(stillFails)) lines.push("Nothing new was found.");
  if (!place.isRace || place.isFixed) return lines;
  return [...lines, `The mended twin: ${EXPLORE_COMMAND} ${place.name} --fixed`];
}

function coverageText(coverage: CoverageReport, runs: number): string[] {
  const { racingPairs, inBothOrders, newInFirstThousand, newInLastThousand, isFull } = coverage;
  const orders = counted(newInLastThousand, "new order");
  const trend =
    runs < 2000
      ? ""
      : `, ${newInLastThousand === 0 ? "none" : orders} in the last 1,000 schedules (${grouped(newInFirstThousand)} in the first)`;
  const advice = runs >= 2000 && newInLastThousand > 0 ? ["New ones still come: a longer search may find more."] : [];
  return [
    `Racing pairs of accesses: ${grouped(racingPairs)}, of which ${grouped(inBothOrders)} were seen in both orders${trend}.`,
    ...(isFull ? ["There are more pairs than are counted."] : []),
    ...advice,
  ];
}

function savedText({ file, outcome, verdict, violation }: SavedOutcome): string {
  const what = violation === "" ? verdict : violation;
  if (outcome === "failed") return `${file}: still fails: ${what}`;
  if (outcome === "passed") return `${file}: passes now`;
  if (outcome === "unknown") return `${file}: unknown: it took too many steps`;
  return `${file}: passes now (its order of events is not possible any more)`;
}

function otherText(outcome: Exclude<ExploreOutcome, { kind: "searched" }>): string[] {
  switch (outcome.kind) {
    case "hang":
      return [`${capital(outcome.message)}. ${HANG_HINT}`, "The same command comes to the same place again."];
    case "memory":
      return [`${capital(outcome.message)}.`];
    case "gone":
      return [`In schedule ${outcome.runs}: ${outcome.message}.`];
    case "setup":
      return [`The set-up threw, before anything was explored: ${outcome.message}`, ...driverFrames(outcome.stack)];
    case "interrupted":
      return [`Interrupted in schedule ${outcome.runs}.`];
    case "rerun":
    case "traced":
      return [];
    default:
      return [outcome.message];
  }
}

/** Where in the driver something was thrown: our own frames say nothing about it. */
function driverFrames(stack: string): string[] {
  const frames = stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !/[\\/](harness|emulator)[\\/]|\(node:/.test(line));
  return frames.slice(0, 3);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
