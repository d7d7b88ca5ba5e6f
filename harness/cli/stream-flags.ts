import { parseDuration } from "../../emulator/clock/duration.ts";
import type { ArbitrateOptions, RecoverOptions, StreamOptions } from "../replay/streams/stream-plan.ts";
import { UsageError } from "./exit-codes.ts";
import type { Arguments, Flag } from "./verb.ts";

/** What is made of the streams that a replay delivers. */
export const STREAM_FLAGS: readonly Flag[] = [
  {
    name: "arbitrate",
    value: "LINES",
    takesValue: (word) => /^([a-z-]+=|(latency|reliability)(,|$)|\d+\.\d+\.\d+\.\d+:\d)/.test(word),
    about: "make one stream of lines A and B, found by what they carry, or named: see below",
  },
  {
    name: "recover",
    value: "SERVER",
    takesValue: (word) => /^[a-z-]+=/.test(word),
    about: "ask a re-request server for MoldUDP64 messages that do not come, through the card: see below",
  },
  { name: "books", about: "keep the order books of ITCH 5.0 and Cboe PITCH, and print the most active instruments" },
];

export const STREAM_NOTES: readonly string[] = [
  `--arbitrate, --recover and --books read the capture once before it is replayed, so they take a file and one pass, on
either clock. Times are exact in virtual time; on the wall clock --speed recorded keeps those of the capture.
  --arbitrate      224.0.31.64:14340+224.0.32.64:15340 names lines that carry the same streams, a comma between groups;
                   latency (default) passes what comes first, reliability (default with --books alone) keeps the order;
                   gap-limit=1ms is how long a hole stays open for a line that is silent
  --recover        latency=50us, jitter=0ns of an answer; refuse=0, partial=0 are probabilities; rate=N requests a second;
                   attempts=5 for a message before it is given up; seed=1. The server holds the undamaged session`,
];

/** What was typed of {@link STREAM_FLAGS}. @throws UsageError in one sentence. */
export function streamsOf(given: Arguments): StreamOptions {
  const arbitrate = given.value("arbitrate");
  const recover = given.value("recover");
  for (const name of ["arbitrate", "recover", "books"].filter((each) => given.has(each))) {
    if (given.positionals.includes("-")) {
      throw new UsageError(
        `--${name} reads the capture once beforehand, and standard input can be read once; take a file.`,
      );
    }
    if (given.value("loop") !== undefined) {
      throw new UsageError(`--${name} takes one pass: with --loop every pass has the same sequence numbers.`);
    }
  }
  return {
    ...(arbitrate === undefined ? {} : { arbitrate: checked("arbitrate", () => parseArbitrate(arbitrate)) }),
    ...(recover === undefined ? {} : { recover: checked("recover", () => parseRecover(recover)) }),
    ...(given.has("books") ? { books: true } : {}),
  };
}

function checked<Value>(name: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--${name}: ${error.message}`) : error;
  }
}

type Writable<Options> = { -readonly [Key in keyof Options]: Options[Key] };

/** "224.0.31.64:14340+224.0.32.64:15340,reliability,gap-limit=1ms"; "" is all by itself. */
function parseArbitrate(text: string): ArbitrateOptions {
  const options: Writable<ArbitrateOptions> = {};
  const lines: string[][] = [];
  for (const item of itemsOf(text)) {
    const [, word = "", value = ""] = /^([a-z-]+)=(.+)$/.exec(item) ?? ["", item.includes(":") ? "line" : "mode", item];
    if (word === "mode") options.mode = modeOf(value);
    else if (word === "gap-limit") options.gapLimitNs = parseDuration(value);
    else if (word === "line") lines.push(value.split("+").map(lineOf));
    else
      throw new RangeError(
        `"${word}" is none of mode, gap-limit and lines such as 224.0.31.64:14340+224.0.32.64:15340.`,
      );
  }
  if (lines.length > 0) options.lines = lines;
  return options;
}

function modeOf(text: string): "latency" | "reliability" {
  if (text === "latency" || text === "reliability") return text;
  throw new RangeError(`"${text}" is neither latency nor reliability.`);
}

function lineOf(text: string): string {
  const [, octets, port] = /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}):(\d{1,5})$/.exec(text.trim()) ?? [];
  const numbers = (octets ?? "").split(".").map(Number);
  if (port !== undefined && Number(port) <= 0xffff && numbers.every((octet) => octet <= 255)) {
    return `${numbers.join(".")}:${Number(port)}`;
  }
  throw new RangeError(`"${text}" is no line; want a UDP destination, as in 224.0.31.64:14340.`);
}

const RECOVER_WORDS: Readonly<Record<string, (options: Writable<RecoverOptions>, text: string) => void>> = {
  latency: (options, text) => (options.latencyNs = parseDuration(text)),
  jitter: (options, text) => (options.jitterNs = parseDuration(text)),
  refuse: (options, text) => (options.refuse = probability(text)),
  partial: (options, text) => (options.partial = probability(text)),
  rate: (options, text) => (options.requestsPerSecond = wholeNumber(text)),
  attempts: (options, text) => (options.attempts = wholeNumber(text)),
  seed: (options, text) => (options.seed = wholeNumber(text)),
};

/** "latency=1ms,refuse=0.1,partial=0.2,seed=7"; "" is a server that answers everything. */
function parseRecover(text: string): RecoverOptions {
  const options: Writable<RecoverOptions> = {};
  for (const item of itemsOf(text)) {
    const [, word = "", value = ""] = /^([a-z-]+)=(.+)$/.exec(item) ?? [];
    if (word === "") throw new RangeError(`"${item}" is no word=value, as in latency=1ms.`);
    if (!Object.hasOwn(RECOVER_WORDS, word)) {
      throw new RangeError(`"${word}" is nothing of a server; there are ${Object.keys(RECOVER_WORDS).join(", ")}.`);
    }
    RECOVER_WORDS[word]?.(options, value);
  }
  return options;
}

function itemsOf(text: string): string[] {
  return text === "" ? [] : text.split(",").map((item) => item.trim());
}

function probability(text: string): number {
  const isPercent = text.endsWith("%");
  const value = /^(\d+\.?\d*|\.\d+)%?$/.test(text) ? Number.parseFloat(text) / (isPercent ? 100 : 1) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new RangeError(`"${text}" is no probability; write 0.1 or 10%.`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new RangeError(`"${text}" is no whole number.`);
}
