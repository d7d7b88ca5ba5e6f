import { existsSync, rmSync } from "node:fs";
import { exploreInThread } from "../explore/explore-thread.ts";
import { isOfTest } from "../explore/test-token.ts";
import { readToken } from "../explore/token.ts";
import { replay as runReplay } from "../replay/replay.ts";
import type { TraceRecord } from "../trace/trace-event.ts";
import type { TraceFilter } from "../trace/trace-filter.ts";
import { detailOf, type TraceOptions } from "../trace/trace-options.ts";
import { FileOutput } from "../trace/trace-output.ts";
import { JsonLinesWriter } from "../trace/trace-writer.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { EXIT_INTERRUPTED, UsageError } from "./exit-codes.ts";
import { exitCodeOf, noResultOf, verdictOf } from "./explore-outcome.ts";
import { onInterrupt } from "./interrupt.ts";
import { ProgressLine } from "./progress-line.ts";
import { optionsOf } from "./replay-flags.ts";
import { outcomeOf } from "./replay-outcome.ts";
import { placeOf } from "./scenario-place.ts";
import type { Arguments } from "./verb.ts";
import { wholeNumber } from "./verb.ts";

/** A run of a token or a scenario that takes longer hangs, unless told otherwise. */
export const HANG_LIMIT_S = 5;
const MS_PER_S = 1000;
/** How a token begins. */
const TOKEN = /^race\d+~/;

/** What a recording has come to, and what the run itself has. */
export interface RecordReport {
  readonly file: string;
  readonly run: string;
  readonly eventCount: number;
  readonly writtenCount: number;
  readonly lostCount: number;
  readonly lastNs: number;
  /** How the run ended, in one word: "passed", "incorrect", "violation", "deadlock", … */
  readonly verdict: string;
  /** Why it did not pass; empty for one that did. */
  readonly message: string;
  readonly interrupted: boolean;
}

/** The report, and what the run has come to as an exit code. */
export interface Recorded {
  readonly report: RecordReport;
  readonly exitCode: number;
}

/** Writes the records of a trace into a file while they come. */
class TraceFile {
  readonly path: string;
  readonly #output: FileOutput;
  readonly #writer: JsonLinesWriter;
  readonly #filter: TraceFilter;
  #run = "";
  #writtenCount = 0;
  #eventCount = 0;
  #lostCount = 0;
  #lastNs = 0;

  /** Opened before anything else begins: a place that cannot be written is told at once. */
  constructor(path: string, filter: TraceFilter) {
    this.path = path;
    this.#filter = filter;
    try {
      this.#output = new FileOutput(path);
    } catch (error) {
      throw new UsageError(`--out ${path}: the file cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
    this.#writer = new JsonLinesWriter(this.#output);
  }

  readonly take = (record: TraceRecord): void => {
    if (record.kind === "header") this.#run = record.run;
    if (record.kind === "end") {
      this.#eventCount = record.eventCount;
      this.#lostCount = record.lostCount;
    }
    const left = this.#filter.filtered(record);
    if (left === undefined) return;
    if ("seq" in left) {
      this.#writtenCount++;
      this.#lastNs = left.timeNs;
    }
    this.#writer.write(left);
  };

  /** Of a run that left no trace there is no file either. */
  close(): void {
    this.#output.closeNow();
    if (this.#run === "") rmSync(this.path, { force: true });
  }

  recorded(exitCode: number, verdict: string, message: string): Recorded {
    const report = {
      file: this.path,
      run: this.#run,
      eventCount: this.#eventCount,
      writtenCount: this.#writtenCount,
      lostCount: this.#lostCount,
      lastNs: this.#lastNs,
      verdict,
      message,
      interrupted: exitCode === EXIT_INTERRUPTED,
    };
    return { report, exitCode };
  }
}

/** Records a replay of a capture, the run of a token, or the ordinary run of a scenario. `given` begins with which. */
export async function record(
  given: Arguments,
  filter: TraceFilter,
  catalogue: readonly CatalogueEntry[],
  racesUrl: string,
): Promise<Recorded> {
  const out = given.value("out");
  if (out === undefined || out === "-") throw new UsageError('Where to? Name a file: "--out run.jsonl".');
  const [what] = given.positionals;
  if (what !== undefined && TOKEN.test(what)) return recordToken(what.trim(), out, filter, given, racesUrl);
  if (what !== undefined && what !== "-" && isScenario(what)) return recordScenario(what, out, filter, given, racesUrl);
  return recordReplay(given, out, filter, catalogue);
}

/** How much of the bytes is kept. Throws UsageError for numbers that make no sense. */
function detailGiven(given: Arguments): Pick<TraceOptions, "frameBytes" | "dmaBytes"> {
  const frameBytes = wholeNumber(given, "frame-bytes", 0);
  const dmaBytes = wholeNumber(given, "dma-bytes", 0);
  const detail = {
    ...(frameBytes === undefined ? {} : { frameBytes }),
    ...(dmaBytes === undefined ? {} : { dmaBytes }),
  };
  try {
    detailOf(detail);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
  return detail;
}

/** A module, or a word that is no file. */
function isScenario(word: string): boolean {
  return /\.[mc]?[jt]s$/.test(word) || !existsSync(word);
}

async function recordReplay(
  given: Arguments,
  out: string,
  filter: TraceFilter,
  catalogue: readonly CatalogueEntry[],
): Promise<Recorded> {
  // In virtual time nothing is lost, and the trace is the same every time.
  const inVirtualTime: Arguments = {
    positionals: given.positionals,
    has: (name) => given.has(name),
    value: (name) => given.value(name) ?? (name === "clock" ? "virtual" : undefined),
  };
  const options = optionsOf(inVirtualTime, catalogue);
  const traceOptions = detailGiven(given);
  const file = new TraceFile(out, filter);
  const progress = new ProgressLine(process.stderr);
  const interrupt = onInterrupt();
  try {
    const report = await runReplay({
      ...options,
      signal: interrupt.signal,
      onTraceRecord: file.take,
      traceOptions,
      onProgress: (state) => progress.show(state),
    });
    const { exitCode, verdict, message } = outcomeOf(report, inVirtualTime);
    return file.recorded(exitCode, verdict, message);
  } finally {
    progress.clear();
    interrupt.restore();
    file.close();
  }
}

async function recordToken(
  text: string,
  out: string,
  filter: TraceFilter,
  given: Arguments,
  racesUrl: string,
): Promise<Recorded> {
  const token = readToken(text);
  if (isOfTest(token))
    throw new UsageError(
      'The token is of a test: hand it to explore(…, { replay: TOKEN, trace: "run.jsonl" }, …) there.',
    );
  return recordExplored(token.program, text, out, filter, given, racesUrl);
}

function recordScenario(
  word: string,
  out: string,
  filter: TraceFilter,
  given: Arguments,
  racesUrl: string,
): Promise<Recorded> {
  return recordExplored(word, undefined, out, filter, given, racesUrl);
}

async function recordExplored(
  program: string,
  token: string | undefined,
  out: string,
  filter: TraceFilter,
  given: Arguments,
  racesUrl: string,
): Promise<Recorded> {
  const place = await placeOf(program, racesUrl, given.has("fixed"));
  const detail = detailGiven(given);
  const hangLimitMs = (wholeNumber(given, "hang", 1) ?? HANG_LIMIT_S) * MS_PER_S;
  const file = new TraceFile(out, filter);
  const interrupt = onInterrupt();
  try {
    const work = { kind: "trace", token, model: "sc", detail } as const;
    const outcome = await exploreInThread(place, work, { hangLimitMs, signal: interrupt.signal });
    // What a thread has seen that did not come to its end went with it.
    if (outcome.kind !== "traced") throw noResultOf(outcome, "no trace");
    for (const each of outcome.records) file.take(each);
    const { violation, stuck } = outcome.report.run;
    return file.recorded(exitCodeOf(outcome), verdictOf(outcome), violation === "" ? stuck : violation);
  } finally {
    interrupt.restore();
    file.close();
  }
}
