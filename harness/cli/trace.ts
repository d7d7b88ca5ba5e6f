import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { convertTrace, TRACE_FORMATS, type TraceFormat } from "../trace/convert-trace.ts";
import { TraceFilter, type TraceFilterOptions } from "../trace/trace-filter.ts";
import { parseTraceFilter } from "../trace/trace-filter-text.ts";
import { type TraceInfo, traceInfo } from "../trace/trace-info.ts";
import { FileOutput, StreamOutput, type TraceOutput } from "../trace/trace-output.ts";
import { TraceFormatError, TraceReader } from "../trace/trace-reader.ts";
import { EXIT_INCORRECT, EXIT_PASSED, EXIT_USAGE, UsageError } from "./exit-codes.ts";
import { REPLAY_FLAGS } from "./replay-flags.ts";
import { suggestion } from "./suggest.ts";
import { painter } from "./terminal.ts";
import { HANG_LIMIT_S, record } from "./trace-record.ts";
import { convertText, recordText, traceInfoText } from "./trace-text.ts";
import type { Arguments, Flag, Verb } from "./verb.ts";

const SUB_VERBS = ["record", "convert", "filter", "info"] as const;
type SubVerb = (typeof SUB_VERBS)[number];

const USAGE: Readonly<Record<SubVerb, string>> = {
  record: "softbar trace record [CAPTURE|TOKEN|SCENARIO] --out FILE",
  convert: `softbar trace convert FILE --to ${TRACE_FORMATS.join("|")} [--out FILE]`,
  filter: "softbar trace filter FILE --only FILTER [--out FILE]",
  info: "softbar trace info FILE...",
};

const OWN_FLAGS: readonly Flag[] = [
  { name: "out", value: "FILE", about: "where to (record: needed; otherwise default - is standard output)" },
  { name: "to", value: "FORMAT", about: `convert: ${TRACE_FORMATS.join(", ")}` },
  {
    name: "only",
    value: "FILTER",
    about: "keep these events: register=RDT*+TDT*,kind=dma-*,actor=cpu0,device=ixgbe,time=1ms..2ms",
  },
  { name: "frame-bytes", value: "N", about: "record: keep so much of each frame (default all, 0 for none)" },
  { name: "dma-bytes", value: "N", about: "record: keep so much of each DMA transfer (default 64)" },
  { name: "fixed", about: "record: the scenario's twin, in which the bug is mended" },
  {
    name: "hang",
    value: "SECONDS",
    about: `record: of a token or a scenario: a run that takes longer hangs (default ${HANG_LIMIT_S})`,
  },
];

/** Flags of a replay that make sense for one that is recorded. */
const RECORD_FLAGS: readonly Flag[] = REPLAY_FLAGS.filter(
  ({ name }) => !["trace", "trace-only", "ledger", "log", "from", "to"].includes(name),
).map((flag) => ({
  ...flag,
  about: flag.name === "clock" ? "virtual (default for a recording: nothing is lost), or wall" : flag.about,
}));

/** Which flags belong to which. */
const FLAGS_OF: Readonly<Record<SubVerb, readonly string[]>> = {
  record: ["out", "only", "frame-bytes", "dma-bytes", "fixed", "hang", ...RECORD_FLAGS.map(({ name }) => name)],
  convert: ["out", "to", "only"],
  filter: ["out", "only"],
  info: [],
};

/** `softbar trace`: records what happens in a run, and shows it elsewhere. */
export const trace: Verb = {
  name: "trace",
  about:
    "records a run event by event, and shows it in GTKWave, Perfetto, Wireshark or as text: record, convert, filter, info",
  operands: "record|convert|filter|info [FILE|TOKEN|SCENARIO]",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: [...OWN_FLAGS, ...RECORD_FLAGS],
  notes: [
    `record   a replay of a capture (without one, of a made-up session), in virtual time unless --clock wall; the run of
         a token that explore has printed; or the ordinary run of a scenario. It takes the flags of replay, and its exit
         code is that of the run.
convert  reads what record has written: vcd for GTKWave, perfetto for ui.perfetto.dev, pcapng for Wireshark, text, jsonl
filter   keeps some events, as JSON lines
info     counts, span, actors, edges, registers`,
    `FILTER is word=value, separated by commas; a + separates alternatives, * and ? stand for anything, case does not count:
  device=ixgbe   register=RDT*+TDT*   kind=dma-*+interrupt   actor=cpu0+*.handler   time=1.5ms..2ms (or ..10us, 3s..)
  part=run (of a token or a scenario: from the first decision on; or set-up)`,
  ],
  examples: [
    "softbar trace record session.pcap --limit 1000 --out run.jsonl",
    "softbar trace record race2~lost-interrupt~… --out race.jsonl",
    "softbar trace convert run.jsonl --to vcd --out run.vcd && gtkwave run.vcd",
    "softbar trace convert race.jsonl --to perfetto --out race.json",
    'softbar trace convert run.jsonl --to text --only "register=TD*,time=13ms.."',
    "softbar trace info run.jsonl --json",
  ],
  async run(given, catalogue, racesUrl) {
    const subVerb = subVerbOf(given);
    const rest: Arguments = { ...given, positionals: given.positionals.slice(1) };
    const isJson = given.has("json");
    if (subVerb === "record") {
      const filter = new TraceFilter(filterOf(given));
      const { report, exitCode } = await record(oneOperand(rest, "record"), filter, catalogue, racesUrl);
      process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : recordText(report, painter(process.stdout)));
      return exitCode;
    }
    if (rest.positionals.length === 0) throw new UsageError(`Name a trace: "${USAGE[subVerb]}".`);
    if (subVerb === "info") return info(rest.positionals, isJson);
    return convert(oneOperand(rest, subVerb), subVerb === "filter" ? "jsonl" : formatOf(given), isJson);
  },
};

function subVerbOf(given: Arguments): SubVerb {
  const [word] = given.positionals;
  if (word === undefined) throw new UsageError(`Say what to do: "${Object.values(USAGE).join('", "')}".`);
  if (!SUB_VERBS.includes(word as SubVerb)) {
    const hint = suggestion(word, SUB_VERBS) || `; there are ${SUB_VERBS.join(", ")}.`;
    throw new UsageError(`There is no "softbar trace ${word}"${hint}`);
  }
  const subVerb = word as SubVerb;
  const foreign = trace.flags.find(({ name }) => given.has(name) && !FLAGS_OF[subVerb].includes(name));
  if (foreign !== undefined)
    throw new UsageError(`--${foreign.name} is not for trace ${subVerb}: "${USAGE[subVerb]}".`);
  return subVerb;
}

function oneOperand(given: Arguments, subVerb: SubVerb): Arguments {
  const [, extra] = given.positionals;
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many: usage is "${USAGE[subVerb]}".`);
  return given;
}

function formatOf(given: Arguments): TraceFormat {
  const format = given.value("to");
  if (format === undefined) throw new UsageError(`Into what? "${USAGE.convert}".`);
  if (TRACE_FORMATS.includes(format as TraceFormat)) return format as TraceFormat;
  const hint = suggestion(format, TRACE_FORMATS) || `; want ${TRACE_FORMATS.join(", ")}.`;
  throw new UsageError(`--to ${format}: there is no such format${hint}`);
}

function filterOf(given: Arguments): TraceFilterOptions {
  const text = given.value("only");
  if (text === undefined) return {};
  try {
    return parseTraceFilter(text);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--only: ${error.message}`) : error;
  }
}

async function convert(given: Arguments, format: TraceFormat, isJson: boolean): Promise<number> {
  const [path = ""] = given.positionals;
  const out = given.value("out") ?? "-";
  if (out === "-" && isJson) throw new UsageError("--json needs standard output for itself: name a file, --out FILE.");
  if (format === "vcd" && path === "-")
    throw new UsageError("A trace is read twice for VCD, which declares its signals first: name a file.");
  if (out !== "-" && existsSync(out) && resolve(out) === resolve(path))
    throw new UsageError(`--out ${out} is the trace itself.`);
  const filter = filterOf(given);
  const output = outputOf(out);
  try {
    const report = await convertTrace(path, format, output, filter);
    await output.close();
    if (isJson) console.log(JSON.stringify(report));
    else if (out !== "-") process.stdout.write(convertText(report, out));
    if (report.damage === undefined) return EXIT_PASSED;
    console.error(`softbar: ${path}: ${report.damage}`);
    return EXIT_INCORRECT;
  } catch (error) {
    await output.close();
    throw error;
  }
}

function outputOf(out: string): TraceOutput {
  if (out === "-") return new StreamOutput(process.stdout);
  try {
    return new FileOutput(out);
  } catch (error) {
    throw new UsageError(`--out ${out}: the file cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** One bad file does not keep the others from being told. */
async function info(paths: readonly string[], isJson: boolean): Promise<number> {
  const told: (TraceInfo | { readonly name: string; readonly error: string })[] = [];
  for (const path of paths) {
    try {
      const read = await traceInfo(new TraceReader(path), path === "-" ? "standard input" : path);
      told.push(read);
      if (!isJson)
        process.stdout.write(`${told.length > 1 ? "\n" : ""}${traceInfoText(read, painter(process.stdout))}`);
    } catch (error) {
      if (!(error instanceof TraceFormatError)) throw error;
      told.push({ name: path, error: error.message });
      if (!isJson) console.error(`softbar: ${error.message}`);
    }
  }
  if (isJson) console.log(JSON.stringify({ traces: told }));
  if (told.some((each) => "error" in each)) return EXIT_USAGE;
  return told.some((each) => "damage" in each) ? EXIT_INCORRECT : EXIT_PASSED;
}
