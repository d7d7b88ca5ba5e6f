import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import { type CaptureInfo, captureInfo } from "../capture/capture-info.ts";
import { makeCapture } from "./capture-make.ts";
import { captureText } from "./capture-text.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_USAGE, UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { ProgressLine } from "./progress-line.ts";
import { suggestion } from "./suggest.ts";
import { counted, painter } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const SUB_VERBS: readonly string[] = ["info", "make"];

const MAKE_FLAGS: readonly string[] = ["frames", "seed", "stocks"];

/** A file of which nothing can be told. Plain data. */
interface Unreadable {
  readonly name: string;
  readonly error: string;
}

/** `softbar capture info`: what is in a capture; `softbar capture make`: one to begin with. */
export const capture: Verb = {
  name: "capture",
  about:
    "info: tells what is in captures (pcap, pcapng, also in gzip or zstd): packets, times, bursts, lines, damage; make: writes a made-up session of ITCH",
  operands: "info FILE... | make FILE",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: [
    { name: "frames", value: "N", about: "make: frames of the session, 6 or more (default 200,000)" },
    {
      name: "seed",
      value: "N",
      about: "make: which session is made up (default 1); the same seed gives the same bytes",
    },
    { name: "stocks", value: "N", about: "make: stocks that are traded (default 32)" },
  ],
  examples: [
    "softbar capture info session.pcap",
    "softbar capture info *.pcapng.gz --json",
    "tcpdump -w - udp | softbar capture info -",
    "softbar capture make session.pcapng --frames 10000   # then: softbar replay session.pcapng",
  ],
  async run(given) {
    const [subVerb, ...files] = given.positionals;
    checkWords(subVerb, files);
    const isJson = given.has("json");
    if (subVerb === "make") return make(files, given, isJson);
    const flag = MAKE_FLAGS.find((name) => given.value(name) !== undefined);
    if (flag !== undefined) throw new UsageError(`--${flag} is of "softbar capture make".`);
    const interrupt = onInterrupt();
    const told: (CaptureInfo | Unreadable)[] = [];
    try {
      for (const [index, file] of files.entries()) {
        if (interrupt.signal.aborted) break;
        const info = await infoOf(file, interrupt.signal);
        told.push(info);
        if (isJson) continue;
        if ("error" in info) console.error(`softbar: ${info.error}`);
        else process.stdout.write(`${index > 0 ? "\n" : ""}${captureText(info, painter(process.stdout))}`);
      }
    } finally {
      interrupt.restore();
    }
    if (isJson) console.log(JSON.stringify({ captures: told }));
    return interrupt.signal.aborted ? EXIT_INTERRUPTED : exitCodeOf(told);
  },
};

async function make(files: readonly string[], given: Arguments, isJson: boolean): Promise<number> {
  const [file = "", extra] = files;
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many: one session goes into one file.`);
  if (file === "-" && isJson) throw new UsageError("--json needs standard output for itself: name a file.");
  const frameCount = wholeNumber(given, "frames", 6);
  const stockCount = wholeNumber(given, "stocks", 1);
  const options = {
    seed: wholeNumber(given, "seed", 0) ?? 1,
    ...(frameCount === undefined ? {} : { frameCount }),
    ...(stockCount === undefined ? {} : { stockCount }),
  };
  const interrupt = onInterrupt();
  const progress = new ProgressLine(process.stderr);
  try {
    const made = await makeCapture(file, options, interrupt.signal, (fraction, count) =>
      progress.reading(file, fraction, count),
    );
    progress.clear();
    if (isJson) console.log(JSON.stringify(made));
    else
      (file === "-" ? console.error : console.log)(
        `${file}: ${counted(made.frameCount, "frame")}, ${counted(made.messageCount, "message")}, seed ${made.seed}${made.isComplete ? "" : "; interrupted"}`,
      );
    return made.isComplete ? EXIT_PASSED : EXIT_INTERRUPTED;
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  } finally {
    progress.clear();
    interrupt.restore();
  }
}

function checkWords(subVerb: string | undefined, files: readonly string[]): void {
  const usage = subVerb === "make" ? "softbar capture make FILE" : "softbar capture info FILE...";
  if (subVerb === undefined) throw new UsageError(`Say what to do with which capture: "${usage}".`);
  if (!SUB_VERBS.includes(subVerb)) {
    const hint = suggestion(subVerb, SUB_VERBS) || `; usage is "${usage}".`;
    throw new UsageError(`There is no "softbar capture ${subVerb}"${hint}`);
  }
  if (files.length === 0) throw new UsageError(`Name a capture: "${usage}".`);
}

/** A dash is standard input. One bad file does not keep the others from being told. */
async function infoOf(file: string, signal: AbortSignal): Promise<CaptureInfo | Unreadable> {
  const progress = new ProgressLine(process.stderr);
  const name = file === "-" ? "standard input" : file;
  try {
    return await captureInfo(file === "-" ? "/dev/stdin" : file, {
      name,
      signal,
      onProgress: ({ fraction, packetCount }) => progress.reading(name, fraction, packetCount),
    });
  } catch (error) {
    if (error instanceof CaptureError) return { name, error: error.message };
    throw error;
  } finally {
    progress.clear();
  }
}

function exitCodeOf(told: readonly (CaptureInfo | Unreadable)[]): number {
  if (told.some((each) => "error" in each)) return EXIT_USAGE;
  return told.some((each) => "damage" in each) ? EXIT_INCORRECT : EXIT_PASSED;
}
