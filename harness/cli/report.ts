import { basename, extname } from "node:path";
import { type ReportContents, replayTitle } from "../page/report/report-contents.ts";
import { damageOf, type TraceContents } from "../page/report/trace-contents.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { EXIT_INCORRECT, EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { checkOut, loadReportPage, PAGE_FLAGS, writeOut } from "./page-flags.ts";
import { declarationsOf, EVENT_LIMIT, readInput } from "./report-inputs.ts";
import { rerunForReport } from "./report-token.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const HANG_LIMIT_S = 5;
const MS_PER_S = 1000;

/** `softbar report`: what is known of a run as one HTML file. */
export const report: Verb = {
  name: "report",
  about: "makes one HTML file of a trace, of the result of a replay, or of a failure by its token",
  operands: "INPUT...",
  operandLimit: 2,
  flags: [
    ...PAGE_FLAGS,
    { name: "events", value: "N", about: "events that the page shows at most, the last ones (default 100,000)" },
    { name: "title", value: "TEXT", about: "what stands above it" },
    { name: "fixed", about: "of a token: the run in the scenario's twin, in which the bug is mended" },
    { name: "hang", value: "SECONDS", about: `of a token: a run that takes longer hangs (default ${HANG_LIMIT_S})` },
  ],
  notes: [
    "INPUT is a trace (JSON lines), the output of softbar replay --json, or a token; what it is is told by its content, and\na trace and a result may come together. The file opens by itself: it loads nothing, and needs no network. A file that is\nthere already is replaced if it is a page of softbar's, else only with --force.",
    "Exit code 1: the page is made, but the trace is not whole: it was cut, or events got lost.",
  ],
  examples: [
    "softbar report trace.jsonl                            # trace.html: the interleaving, rings, latency, registers",
    "softbar replay session.pcap --json > result.json && softbar report result.json",
    "softbar report trace.jsonl result.json --out run.html # both in one",
    "softbar report race2~lost-interrupt~…                 # a failure: the order of events, and what is missing",
  ],
  async run(given, catalogue, racesUrl) {
    const inputs = given.positionals;
    const [first] = inputs;
    if (first === undefined) {
      throw new UsageError("A report of what? A trace, the output of softbar replay --json, or a token of a failure.");
    }
    const out = given.value("out") ?? `${nameOf(first)}.html`;
    checkOut(out, given);
    const contents = isToken(first) ? await ofToken(given, racesUrl) : await ofFiles(inputs, given, catalogue);
    return finishReport(out, contents, given);
  },
};

/** Writes the page, and says what is in it. */
async function finishReport(out: string, contents: ReportContents, given: Arguments): Promise<number> {
  const title = given.value("title") ?? contents.title;
  const { text, sections, verdict } = (await loadReportPage())({ ...contents, title });
  const say = given.has("json") || out === "-" ? () => {} : (line: string) => console.log(line);
  await writeOut(out, text, say);
  if (given.has("json") && out !== "-") {
    const events = contents.trace?.entries.length ?? 0;
    console.log(JSON.stringify({ file: out, byteLength: Buffer.byteLength(text), title, verdict, sections, events }));
  }
  const damage = contents.trace === undefined ? "" : damageOf(contents.trace);
  if (damage === "") return EXIT_PASSED;
  console.error(`softbar: the trace is not whole: ${damage}.`);
  return EXIT_INCORRECT;
}

function isToken(word: string): boolean {
  return /^race\d*~/.test(word.trim());
}

/** "trace.jsonl" → "trace"; a token's program. */
function nameOf(input: string): string {
  if (isToken(input)) return basename(input.split("~")[1] ?? "report", ".ts").replace(/[^\w.-]+/g, "-") || "report";
  if (input === "-") return "report";
  return basename(input, extname(input));
}

async function ofToken(given: Arguments, racesUrl: string): Promise<ReportContents> {
  const [token = "", more] = given.positionals;
  if (more !== undefined) throw new UsageError(`"${more}" is one word too many: a token is reported by itself.`);
  return rerunForReport(token.trim(), racesUrl, {
    isFixed: given.has("fixed"),
    hangLimitMs: (wholeNumber(given, "hang", 1) ?? HANG_LIMIT_S) * MS_PER_S,
  });
}

async function ofFiles(
  paths: readonly string[],
  given: Arguments,
  catalogue: readonly CatalogueEntry[],
): Promise<ReportContents> {
  const eventLimit = wholeNumber(given, "events", 1) ?? EVENT_LIMIT;
  let trace: TraceContents | undefined;
  let replay: ReplayReport | undefined;
  for (const path of paths) {
    const input = await readInput(path, eventLimit);
    if (input.kind === "trace" && trace === undefined) trace = input.trace;
    else if (input.kind === "replay" && replay === undefined) replay = input.replay;
    else
      throw new UsageError(
        `${path} is another ${input.kind === "trace" ? "trace" : "result of a replay"}: a report is of one run.`,
      );
  }
  const title = trace?.header.title ?? (replay === undefined ? "" : replayTitle(replay));
  return {
    title,
    declarations: await declarationsOf(trace, catalogue),
    ...(trace === undefined ? {} : { trace }),
    ...(replay === undefined ? {} : { replay }),
  };
}
