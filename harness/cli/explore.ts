import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { type ExploreOutcome, exploreInThread } from "../explore/explore-thread.ts";
import { FailureStore, StoreError } from "../explore/failure-store.ts";
import { loadRaces } from "../explore/scenario.ts";
import { STRATEGY_NAMES, type StrategyName } from "../explore/strategy-named.ts";
import { EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { exitCodeOf, exploreData } from "./explore-outcome.ts";
import { exploreText, failureText, racesText } from "./explore-text.ts";
import { onInterrupt } from "./interrupt.ts";
import { checkOut, loadReportPage, writeOut } from "./page-flags.ts";
import { ProgressLine } from "./progress-line.ts";
import { failureContents } from "./report-token.ts";
import { placeOf } from "./scenario-place.ts";
import { suggestion } from "./suggest.ts";
import { painter } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const HANG_LIMIT_S = 5;
const MS_PER_S = 1000;

/** `softbar explore`: the orders of events of a scenario, one after the other. */
export const explore: Verb = {
  name: "explore",
  about:
    "searches the orders of events for one in which a driver fails; without SCENARIO, lists the scenarios there are",
  operands: "[SCENARIO]",
  operandLimit: 1,
  flags: [
    { name: "runs", value: "N", about: "schedules in each memory model (default 5,000; with --time as many as fit)" },
    { name: "time", value: "SECONDS", about: "stop after so long" },
    { name: "model", value: "MODEL", about: "sc, tso (x86), relaxed (Arm), or all (default), in turns" },
    { name: "strategy", value: "NAME", about: `how it chooses: ${STRATEGY_NAMES.join(", ")} (default portfolio: all)` },
    { name: "seed", value: "N", about: "the same seed searches the same schedules (default 1)" },
    { name: "fixed", about: "search the scenario's twin, in which the bug is mended" },
    { name: "save", value: "DIR", about: "keep failures there, and replay those of earlier searches first" },
    { name: "must-end", about: "a schedule that takes too many steps fails as starving, instead of saying nothing" },
    { name: "report", value: "FILE", about: "write the failure as an HTML page, if one is found" },
    { name: "force", about: "of --report: replace a file although it is no page that softbar has written" },
    { name: "hang", value: "SECONDS", about: `a schedule that takes longer hangs (default ${HANG_LIMIT_S})` },
  ],
  examples: [
    "softbar explore lost-interrupt             # finds it, shrinks it, shows it",
    "softbar explore lost-interrupt --fixed     # searches the mended twin",
    "softbar explore my-race.ts --time 60       # a module: export default exploration({ devices, setup, body })",
    "softbar explore my-race.ts --save failures # keeps what it finds",
  ],
  async run(given, _catalogue, racesUrl) {
    const [word] = given.positionals;
    const isJson = given.has("json");
    if (word === undefined) {
      const races = racesUrl === "" ? [] : await loadRaces(racesUrl);
      const listed = races.map(({ name, protocol, source, fails }) => ({ name, protocol, source, fails }));
      process.stdout.write(isJson ? `${JSON.stringify({ scenarios: listed })}\n` : racesText(races));
      return EXIT_PASSED;
    }
    const place = await placeOf(word, racesUrl, given.has("fixed"));
    const options = optionsOf(given);
    const hangLimitMs = (wholeNumber(given, "hang", 1) ?? HANG_LIMIT_S) * MS_PER_S;
    const page = given.value("report");
    if (page !== undefined) checkOut(page, given);
    const store = storeOf(given.value("save"));
    const saved = store?.read(place.name) ?? { failures: [], problems: [] };
    for (const problem of saved.problems) console.error(`softbar: ${problem}`);
    const progress = new ProgressLine(process.stderr);
    const interrupt = onInterrupt();
    let outcome: ExploreOutcome;
    try {
      outcome = await exploreInThread(
        place,
        { kind: "search", options, saved: saved.failures },
        {
          hangLimitMs,
          signal: interrupt.signal,
          onProgress: (state) => progress.search(state, options.timeLimitMs),
        },
      );
    } finally {
      progress.clear();
      interrupt.restore();
    }
    const failure = outcome.kind === "searched" ? outcome.result.failure : undefined;
    const kept = failure === undefined ? undefined : store?.keep(failure, failureText(failure, place.isFixed));
    const told = { place, options, outcome, kept };
    const code = exitCodeOf(outcome);
    if (isJson) console.log(JSON.stringify(exploreData(told)));
    else process.stdout.write(exploreText(told, painter(process.stdout)));
    if (page !== undefined && failure !== undefined) {
      const { text } = (await loadReportPage())(await failureContents(failure, place, hangLimitMs));
      await writeOut(page, text, isJson ? () => {} : (line) => console.log(`Report: ${line}`));
    }
    return code;
  },
};

/** What a search was asked to do, filled up with what it does unasked. */
export interface SearchOptions {
  readonly models: readonly MemoryModel[];
  readonly strategy: StrategyName;
  readonly seed: number;
  readonly runs?: number;
  readonly timeLimitMs?: number;
  readonly mustEnd?: boolean;
}

function optionsOf(given: Arguments): SearchOptions {
  const runs = wholeNumber(given, "runs", 1);
  const time = wholeNumber(given, "time", 1);
  return {
    models: modelsOf(given.value("model") ?? "all"),
    strategy: strategyOf(given.value("strategy") ?? "portfolio"),
    seed: wholeNumber(given, "seed", 0) ?? 1,
    ...(given.has("must-end") ? { mustEnd: true } : {}),
    ...(runs === undefined ? {} : { runs }),
    ...(time === undefined ? {} : { timeLimitMs: time * MS_PER_S }),
  };
}

function modelsOf(word: string): readonly MemoryModel[] {
  const models = word === "all" ? MEMORY_MODELS : MEMORY_MODELS.filter((model) => model === word);
  if (models.length === 0) throw new UsageError(`--model ${word} makes no sense: want sc, tso, relaxed or all.`);
  return models;
}

function strategyOf(word: string): StrategyName {
  const name = STRATEGY_NAMES.find((known) => known === word);
  if (name !== undefined) return name;
  const hint = suggestion(word, STRATEGY_NAMES) || `; there are ${STRATEGY_NAMES.join(", ")}.`;
  throw new UsageError(`There is no strategy "${word}"${hint}`);
}

function storeOf(folder: string | undefined): FailureStore | undefined {
  if (folder === undefined) return undefined;
  try {
    return new FailureStore(folder);
  } catch (error) {
    throw error instanceof StoreError ? new UsageError(`--save: ${error.message}`) : error;
  }
}
