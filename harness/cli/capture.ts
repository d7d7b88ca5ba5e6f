import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import { type CaptureInfo, captureInfo } from "../capture/capture-info.ts";
import { captureText } from "./capture-text.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_USAGE, UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { ProgressLine } from "./progress-line.ts";
import { suggestion } from "./suggest.ts";
import { painter } from "./terminal.ts";
import type { Verb } from "./verb.ts";

const SUB_VERBS: readonly string[] = ["info"];

/** A file of which nothing can be told. Plain data. */
interface Unreadable {
  readonly name: string;
  readonly error: string;
}

/** `softbar capture info`: what is in a capture. */
export const capture: Verb = {
  name: "capture",
  about: "info: tells what is in captures (pcap, pcapng, also in gzip or zstd): packets, times, bursts, lines, damage",
  operands: "info FILE...",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: [],
  examples: [
    "softbar capture info session.pcap",
    "softbar capture info *.pcapng.gz --json",
    "tcpdump -w - udp | softbar capture info -",
  ],
  async run(given) {
    const [subVerb, ...files] = given.positionals;
    checkWords(subVerb, files);
    const isJson = given.has("json");
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

function checkWords(subVerb: string | undefined, files: readonly string[]): void {
  const usage = "softbar capture info FILE...";
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
