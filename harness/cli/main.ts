/** The command line: a table of verbs, and what becomes of errors. Each verb is a thin shell around a library function. */

import { DeviceStuckError, DriverModuleError } from "../../emulator/run/testbed-error.ts";
import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import { StoreError } from "../explore/failure-store.ts";
import { TokenError } from "../explore/token.ts";
import { ReplayDecoderError, ReplayDriverError, ReplayInputError, ReplayStuckError } from "../replay/replay-errors.ts";
import { TraceFormatError } from "../trace/trace-reader.ts";
import { GuestError, GuestStuckError } from "../vm/vm-error.ts";
import { WasmProgramError } from "../wasm/wasm-errors.ts";
import { capture } from "./capture.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { devices } from "./devices.ts";
import {
  EXIT_INCORRECT,
  EXIT_INTERNAL,
  EXIT_PASSED,
  EXIT_STUCK,
  EXIT_USAGE,
  NoResultError,
  UsageError,
} from "./exit-codes.ts";
import { explore } from "./explore.ts";
import { faults } from "./faults.ts";
import { newVerb } from "./new.ts";
import { withOwnDevices } from "./own-devices.ts";
import { regs } from "./regs.ts";
import { replay } from "./replay.ts";
import { report } from "./report.ts";
import { rerun } from "./rerun.ts";
import { rules } from "./rules.ts";
import { run } from "./run.ts";
import { serve } from "./serve.ts";
import { suggestion } from "./suggest.ts";
import { trace } from "./trace.ts";
import { helpData, helpOf, parseArguments, type Verb } from "./verb.ts";
import { version } from "./version.ts";
import { vm } from "./vm.ts";

const VERBS: readonly Verb[] = [
  replay,
  capture,
  run,
  explore,
  rerun,
  faults,
  report,
  trace,
  devices,
  regs,
  rules,
  vm,
  serve,
  newVerb,
];
const USAGE_ERRORS = [
  UsageError,
  CaptureError,
  ReplayInputError,
  DriverModuleError,
  WasmProgramError,
  StoreError,
  TokenError,
  TraceFormatError,
  GuestError,
] as const;

/**
 * Does what the words say, with the devices of the catalogue and the scenarios of a module. Resolves with the exit code; errors are told
 * on standard error.
 */
export async function main(
  words: readonly string[],
  catalogue: readonly CatalogueEntry[],
  racesUrl: string = "",
): Promise<number> {
  process.stdout.on("error", leaveQuietly);
  try {
    return await runVerb(words, catalogue, racesUrl);
  } catch (error) {
    return tell(error);
  }
}

async function runVerb(
  words: readonly string[],
  catalogue: readonly CatalogueEntry[],
  racesUrl: string,
): Promise<number> {
  const [first, ...rest] = words;
  if (first === "--version" || first === "-v") {
    console.log(version());
    return EXIT_PASSED;
  }
  const isJson = words.includes("--json");
  const isHelp = first === "help" || isHelpFlag(first ?? "");
  const name = isHelp ? rest.find((word) => word !== "--json" && !isHelpFlag(word)) : first;
  if (name === undefined || (name === "--json" && words.every((word) => word === "--json" || isHelpFlag(word)))) {
    process.stdout.write(isJson ? `${JSON.stringify({ verbs: VERBS.map(helpData) })}\n` : overview());
    return EXIT_PASSED;
  }
  const verb = verbNamed(name);
  if (isHelp || rest.some(isHelpFlag)) {
    process.stdout.write(isJson ? `${JSON.stringify(helpData(verb))}\n` : helpOf(verb));
    return EXIT_PASSED;
  }
  const given = parseArguments(verb, rest);
  return verb.run(given, await withOwnDevices(verb.name, given, catalogue), racesUrl);
}

function isHelpFlag(word: string): boolean {
  return word === "--help" || word === "-h";
}

function verbNamed(name: string): Verb {
  const verb = VERBS.find((known) => known.name === name);
  if (verb !== undefined) return verb;
  const kind = name.startsWith("-") ? "flag" : "verb";
  const known = [...VERBS.map((each) => each.name), "help"];
  const hint = suggestion(name, known) || `; there are ${known.join(", ")}.`;
  throw new UsageError(`There is no ${kind} "${name}"${hint}`);
}

function overview(): string {
  const width = Math.max(...VERBS.map(({ name }) => name.length));
  const lines = VERBS.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return [
    "softbar plugs simulated NICs and FPGAs into a driver.",
    "",
    "softbar VERB [flags]",
    ...lines,
    "",
    "softbar VERB --help says more. Exit codes: 0 passed, 1 incorrect, 2 usage or input, 3 stuck, 70 a bug in softbar.",
    "",
  ].join("\n");
}

/** One sentence on standard error for what the user can mend; everything for what he cannot. Returns the exit code. */
function tell(error: unknown): number {
  if (USAGE_ERRORS.some((Class) => error instanceof Class)) {
    console.error(`softbar: ${(error as Error).message}`);
    return EXIT_USAGE;
  }
  if (error instanceof ReplayStuckError || error instanceof DeviceStuckError || error instanceof GuestStuckError) {
    console.error(`softbar: ${error.message}`);
    return EXIT_STUCK;
  }
  if (error instanceof NoResultError) {
    console.error(`softbar: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof ReplayDriverError || error instanceof ReplayDecoderError) {
    console.error(`softbar: ${error.message}`);
    return EXIT_INCORRECT;
  }
  console.error(
    `softbar: a bug in softbar, not in your driver; please report it.\n${error instanceof Error ? error.stack : error}`,
  );
  return EXIT_INTERNAL;
}

/** Whoever read our output has seen enough, as `head` has. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT_PASSED);
}
