import { closeSync, openSync, writeFileSync } from "node:fs";
import type { DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../emulator/wire/damage/ledger.ts";
import { ledgerLines } from "../../emulator/wire/damage/ledger-text.ts";
import { replayTitle } from "../page/report/report-contents.ts";
import { TraceCollector } from "../page/report/trace-contents.ts";
import { replay as runReplay } from "../replay/replay.ts";
import { type ReplayExpectation, type ReplayOptions, speedOf } from "../replay/replay-options.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
import { filesOf } from "../replay/replay-source.ts";
import { speedText } from "../replay/replay-speed.ts";
import type { TraceFilterOptions } from "../trace/trace-filter.ts";
import { parseTraceFilter } from "../trace/trace-filter-text.ts";
import { UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { COMMAND, EXPLORE_COMMAND, PACKAGE_FOLDER, REPLAY_COMMAND } from "./own-name.ts";
import { checkOut, loadReportPage, writeOut } from "./page-flags.ts";
import { ProgressLine } from "./progress-line.ts";
import { optionsOf, REPLAY_FLAGS, REPLAY_NOTES } from "./replay-flags.ts";
import { outcomeOf } from "./replay-outcome.ts";
import { replayText } from "./replay-text.ts";
import { declarationsOf, EVENT_LIMIT } from "./report-inputs.ts";
import { durationText, painter } from "./terminal.ts";
import { raceOfTheTour } from "./tour.ts";
import type { Arguments, Verb } from "./verb.ts";

/** Shown below the summary of a generated session: what a newcomer may want next. */
const GO_ON = `Go on:
  your driver    README.md shows one with its test; or replay into it, by a module with a ReplaySink: ${REPLAY_COMMAND} FILE --driver my-replay.ts
  your capture   ${REPLAY_COMMAND} session.pcap --speed recorded
  its races      ${EXPLORE_COMMAND.replace(" --", "")} lists small ones; README.md shows how to search your driver
  more           ${COMMAND} --help, ${COMMAND} regs ixgbe, ${PACKAGE_FOLDER}devices/ixgbe/DATASHEET.md
`;

/** `softbar replay`: a capture through a card into a driver. */
export const replay: Verb = {
  name: "replay",
  about:
    "replays captures (pcap, pcapng, also in gzip or zstd; several merged by time) through a card into a driver; without FILE, a session it makes up",
  operands: "[FILE...]",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: REPLAY_FLAGS,
  notes: REPLAY_NOTES,
  examples: [
    "softbar replay session.pcap                        # as fast as the driver takes it",
    "softbar replay session.pcapng.gz --speed recorded  # at the times of the capture",
    "softbar replay session.pcap --speed 10x --lossless",
    "softbar replay session.pcap --burst-gap 1ms --idle 100x --loop 10",
    "softbar replay session.pcap --clock virtual --log events.txt",
    "softbar replay session.pcap --damage loss=0.01,duplicate=0.001,seed=7 --ledger ledger.jsonl",
    'softbar replay ab.pcap --damage "line=:15348,sequence=17..19,loss=1; line=:15348,delay=40us,jitter=10us"',
    "softbar replay ab.pcap --clock virtual --arbitrate",
    "softbar replay a.pcap b.pcap --arbitrate           # line A and line B, as two ports captured them",
    "softbar replay session.pcap --damage loss=0.01 --recover latency=1ms,refuse=0.1 --books",
    "softbar replay session.pcap --fault interrupt-lost=0.01 --interrupts",
    "softbar replay session.pcap --limit 3 --trace",
    "tcpdump -w - udp | softbar replay -",
  ],
  async run(given, catalogue, racesUrl) {
    const isJson = given.has("json");
    const options = optionsOf(given, catalogue);
    const traceFilter = traceFilterOf(given);
    const ledgerPath = given.value("ledger");
    const page = given.value("report");
    if (page !== undefined) checkOut(page, given);
    // To be traced costs time, which only the virtual clock does not show.
    const isTraced = page !== undefined && (options.clock === "virtual" || given.has("trace"));
    const collector = isTraced ? new TraceCollector(EVENT_LIMIT) : undefined;
    const ledger = ledgerPath === undefined ? undefined : new LedgerFile(ledgerPath, options.damage ?? {});
    const progress = new ProgressLine(process.stderr);
    const interrupt = onInterrupt();
    // Standard output belongs to the JSON object when one is asked for.
    const out = isJson ? process.stderr : process.stdout;
    let report: ReplayReport | undefined;
    try {
      report = await runReplay({
        ...options,
        signal: interrupt.signal,
        onBegin: (expectation) => void out.write(beginningText(options, expectation)),
        ...(collector === undefined ? {} : { onTraceRecord: collector.take }),
        ...(ledger === undefined ? {} : { onLedger: (book: DamageLedger) => ledger.write(book) }),
        ...(given.has("trace") ? { onTrace: (lines: string) => void out.write(lines) } : {}),
        ...(traceFilter === undefined ? {} : { traceOptions: { filter: traceFilter } }),
        ...(given.has("trace") ? {} : { onProgress: (state) => progress.show(state) }),
      });
    } finally {
      progress.clear();
      interrupt.restore();
      ledger?.close(report);
    }
    if (isJson) console.log(JSON.stringify(report));
    else process.stdout.write(replayText(report, painter(process.stdout)));
    if (page !== undefined) {
      const trace = collector?.contents();
      const declarations = await declarationsOf(trace, catalogue);
      const traced = trace === undefined ? {} : { trace };
      const { text } = (await loadReportPage())({
        title: replayTitle(report),
        replay: report,
        declarations,
        ...traced,
      });
      await writeOut(page, text, isJson ? () => {} : (line) => console.log(`  report    ${line}`));
    }
    if (!isJson && options.file === undefined && !report.interrupted) {
      // Whoever asks for nothing in particular is shown what there is.
      const isTour = replay.flags.every(({ name }) => !given.has(name));
      const race = isTour ? await raceOfTheTour(racesUrl, painter(process.stdout)) : "";
      process.stdout.write(`\n${race === "" ? "" : `${race}\n`}${GO_ON}`);
    }
    const { exitCode, verdict, message } = outcomeOf(report, given);
    if (verdict === "bug") console.error(message);
    return exitCode;
  },
};

/** What --trace-only leaves of a trace. */
function traceFilterOf(given: Arguments): TraceFilterOptions | undefined {
  const text = given.value("trace-only");
  if (text === undefined) return undefined;
  if (!given.has("trace")) throw new UsageError("--trace-only says what of a trace is shown: it needs --trace.");
  try {
    return parseTraceFilter(text);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--trace-only: ${error.message}`) : error;
  }
}

/** A file for the ledger, opened before anything else begins: a place that cannot be written is told at once. */
class LedgerFile {
  readonly #file: number;
  readonly #plan: DamagePlan;

  constructor(path: string, plan: DamagePlan) {
    this.#plan = plan;
    try {
      this.#file = openSync(path, "w");
    } catch (error) {
      throw new UsageError(`--ledger ${path}: the file cannot be written (${(error as NodeJS.ErrnoException).code}).`);
    }
  }

  write(ledger: DamageLedger): void {
    for (const lines of ledgerLines(ledger, this.#plan)) writeFileSync(this.#file, lines);
  }

  /** Closes it; after an interruption it says that the books are ahead of what was sent. */
  close(report: ReplayReport | undefined): void {
    if (report?.interrupted === true) {
      writeFileSync(this.#file, `${JSON.stringify({ kind: "interrupted", sentCount: report.sentCount })}\n`);
    }
    closeSync(this.#file);
  }
}

function beginningText(options: ReplayOptions, { durationNs, certainty }: ReplayExpectation): string {
  const words = { exact: "", estimate: "about ", "at-least": "at least " }[certainty];
  const clock = options.clock === "virtual" ? " of virtual time" : "";
  return `${filesOf(options).join(" + ") || "a generated session"} at ${speedText(speedOf(options))}: will take ${words}${durationText(durationNs)}${clock}\n`;
}
