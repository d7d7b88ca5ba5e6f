import { exploreInThread } from "../explore/explore-thread.ts";
import type { RerunReport } from "../explore/rerun-token.ts";
import { shortPicture } from "../explore/short-picture.ts";
import { isOfTest } from "../explore/test-token.ts";
import { readToken } from "../explore/token.ts";
import { UsageError } from "./exit-codes.ts";
import { exitCodeOf } from "./explore-outcome.ts";
import { exploreText } from "./explore-text.ts";
import { onInterrupt } from "./interrupt.ts";
import { placeOf } from "./scenario-place.ts";
import { painter } from "./terminal.ts";
import { type Verb, wholeNumber } from "./verb.ts";

const HANG_LIMIT_S = 5;
const MS_PER_S = 1000;

/** `softbar rerun`: the run that a token describes, once more. */
export const rerun: Verb = {
  name: "rerun",
  about: "replays a failure from its token; after a change of the driver, says whether it passes",
  operands: "TOKEN",
  operandLimit: 1,
  flags: [
    { name: "fixed", about: "replay it in the scenario's twin, in which the bug is mended" },
    { name: "trace", about: "print every step, and not only the picture" },
    { name: "hang", value: "SECONDS", about: `a run that takes longer hangs (default ${HANG_LIMIT_S})` },
  ],
  examples: ["softbar rerun race2~lost-interrupt~…", "softbar rerun race2~./my-race.ts~… --trace"],
  async run(given, _catalogue, racesUrl) {
    const [text] = given.positionals;
    if (text === undefined)
      throw new UsageError("Which run? A failure that `softbar explore` finds ends in its token.");
    const token = readToken(text.trim());
    if (isOfTest(token))
      throw new UsageError("The token is of a test: hand it to explore(…, { replay: TOKEN }, …) in there.");
    const place = await placeOf(token.program, racesUrl, given.has("fixed")).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`The token is of ${token.program}. ${error.message}`);
    });
    const interrupt = onInterrupt();
    const hangLimitMs = (wholeNumber(given, "hang", 1) ?? HANG_LIMIT_S) * MS_PER_S;
    const work = { kind: "rerun", token: text.trim() } as const;
    const outcome = await exploreInThread(place, work, { hangLimitMs, signal: interrupt.signal });
    interrupt.restore();
    const paint = painter(process.stdout);
    if (outcome.kind !== "rerun") {
      const { model, seed } = token;
      const options = { models: [model], seed, strategy: "portfolio" } as const;
      const code = exitCodeOf(outcome);
      const { kind: verdict, message = "" } = outcome as { readonly kind: string; readonly message?: string };
      if (given.has("json")) console.log(JSON.stringify({ scenario: place.name, verdict, message }));
      else process.stdout.write(exploreText({ place, options, outcome, kept: undefined }, paint));
      return code;
    }
    const { report } = outcome;
    const data = {
      scenario: place.name,
      fixed: place.isFixed,
      ...report,
      steps: given.has("trace") ? report.steps : [],
    };
    if (given.has("json")) console.log(JSON.stringify(data));
    else process.stdout.write(rerunText(data, paint));
    return exitCodeOf(outcome);
  },
};

function rerunText(
  {
    scenario,
    fixed,
    outcome,
    run,
    divergence,
    isSourceChanged,
    steps,
  }: RerunReport & { scenario: string; fixed: boolean },
  paint: ReturnType<typeof painter>,
): string {
  const { verdict, violation, model } = run;
  const isBad = outcome === "failed" || outcome === "unknown";
  const word = outcome === "failed" ? verdict : outcome === "diverged" ? `diverged at ${divergence}` : outcome;
  const title = `${scenario}${fixed ? " (fixed)" : ""}   ${model}`;
  const lines = [`${paint("bold", title)}   ${paint(isBad ? "red" : "green", `${isBad ? "✗" : "✓"} ${word}`)}`];
  if (isSourceChanged)
    lines.push("The source has changed since the token was made; it is followed as far as that goes.");
  if (outcome === "failed" && violation !== "") lines.push(violation);
  if (outcome === "failed" && divergence !== undefined)
    lines.push(`Not in the same order: it left it at ${divergence}.`);
  if (outcome === "failed") lines.push("", shortPicture(run.picture));
  if (outcome === "passed") lines.push(passedText(isSourceChanged, fixed));
  if (outcome === "diverged")
    lines.push("Up to there and from there on nothing failed. Search again before you call it mended.");
  if (outcome === "unknown") lines.push("It took too many steps: nothing is known.");
  const width = String(steps.length).length;
  if (steps.length > 0) lines.push("", ...steps.map((step, at) => ` ${String(at + 1).padStart(width)}  ${step}`));
  return `${lines.join("\n")}\n`;
}

function passedText(isSourceChanged: boolean, isFixed: boolean): string {
  if (isSourceChanged || isFixed)
    return "It passes in the order of events in which it failed. A search tells whether it does in all.";
  return "It passes although its source has not changed: something else has, or it depends on chance or a clock.";
}
