import { existsSync, statSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { LoopWatch } from "../explore/loop-watch.ts";
import { RunLimitError } from "../explore/run-limit.ts";
import { EveryFaultError, type EveryFaultResult, everyFault } from "../faults/every-fault.ts";
import { describeFault, FAULT_KINDS, type FaultKind, faultNumber } from "../faults/fault-kinds.ts";
import { type FaultModule, isFaultModule } from "../faults/fault-module.ts";
import type { Lie } from "../faults/hostile/deceiver.ts";
import { type HostileResult, hostile } from "../faults/hostile/hostile.ts";
import type { FaultVerdict } from "../faults/scenario-run.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_STUCK, NoResultError, UsageError } from "./exit-codes.ts";
import { faultKindsText, faultsText, hostileText } from "./faults-text.ts";
import { onInterrupt } from "./interrupt.ts";
import { ProgressLine } from "./progress-line.ts";
import { checkRunsHere } from "./runs-here.ts";
import { painter } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const HANG_LIMIT_S = 10;
/** A module has at least so long to be loaded, however short its runs are to be. */
const LOAD_LIMIT_S = 5;
const MS_PER_S = 1000;

/** `softbar faults`: a driver and every fault that could strike it, one after the other. */
export const faults: Verb = {
  name: "faults",
  about: "puts a driver through every fault that could strike it; without SCENARIO, lists the faults there are",
  operands: "[SCENARIO]",
  operandLimit: 1,
  flags: [
    { name: "only", value: "SITES", about: "only these: dma-read-error#7, or several behind commas" },
    { name: "kinds", value: "KINDS", about: "only these kinds, behind commas (default all but write-lost)" },
    { name: "runs", value: "N", about: "stop after so many sites, and say so (default 20,000)" },
    {
      name: "hostile",
      value: "RUNS",
      about: "instead: so many runs against a card that lies about any word its driver reads",
    },
    { name: "seed", value: "N", about: "of the lies; the same seed tells the same (default 1)" },
    { name: "lies", value: "LIES", about: "one hostile run again, as a failure gives it: 51:0x801,69:0xffff@0x40" },
    { name: "all", about: "print every site, and not only those that fail" },
    { name: "hang", value: "SECONDS", about: `a run that takes longer hangs (default ${HANG_LIMIT_S})` },
  ],
  notes: [
    `A driver recovers, or gives up with an error of its own (clean-error). An assertion that does not hold, or a plain Error that the
body itself throws, is a wrong-result; but where the card says what is not so, and no driver can tell, the driver is deceived,
which is no failure: by lies, and by the kinds that the list of faults has as such. Where nothing is tested there is no ✓. See docs/faults.md.`,
    "Exit codes: 0 no failure, 1 a failure, with a fault or without any, 2 it makes no sense, or nothing would be tested, 3 hangs only.",
  ],
  examples: [
    "softbar faults                                   # what can go wrong",
    "softbar faults my-faults.ts                      # a module: export default faultScenario({ devices, setup, body, … })",
    'softbar faults my-faults.ts --only "removal#12"  # one site again',
    "softbar faults my-faults.ts --hostile 1000       # a card that lies",
    "softbar faults my-race.ts --kinds interrupt-lost # an exploration is one, too: in the ordinary order of events",
  ],
  async run(given) {
    const [path] = given.positionals;
    const isJson = given.has("json");
    if (path === undefined) {
      const kinds = FAULT_KINDS.map((kind) => ({ kind, ...describeFault(kind) }));
      process.stdout.write(isJson ? `${JSON.stringify({ kinds })}\n` : faultKindsText(kinds));
      return EXIT_PASSED;
    }
    const module = await loadModule(path, hangSeconds(given));
    if (given.has("hostile") || given.has("lies")) return runHostile(nameOf(path), module, given);
    const only = given.value("only")?.split(",");
    const progress = new ProgressLine(process.stderr);
    const interrupt = onInterrupt();
    const runs = wholeNumber(given, "runs", 1);
    const kinds = kindsOf(given);
    const { devices, body, ...scenario } = module;
    let result: EveryFaultResult;
    try {
      result = await everyFault(
        devices,
        {
          ...scenario,
          ...(only === undefined ? {} : { only }),
          ...(kinds === undefined ? {} : { kinds }),
          ...(runs === undefined ? {} : { siteLimit: runs }),
          runLimitMs: hangSeconds(given) * MS_PER_S,
          signal: interrupt.signal,
          onProgress: (visited, known) => progress.faults(visited, known),
        },
        body,
      );
    } catch (error) {
      throw errorOf(error, nameOf(path));
    } finally {
      progress.clear();
      interrupt.restore();
    }
    const told = { name: nameOf(path), result, kinds, isWhole: given.has("all") || only !== undefined };
    if (isJson) console.log(JSON.stringify({ scenario: told.name, ...result }));
    else process.stdout.write(faultsText(told, painter(process.stdout)));
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    return exitCodeOf(result.failures);
  },
};

/** All of one kind is that kind: something that hangs beside something wrong is wrong. */
function exitCodeOf(failures: readonly { readonly verdict: FaultVerdict }[]): number {
  if (failures.length === 0) return EXIT_PASSED;
  return failures.every(({ verdict }) => verdict === "hang") ? EXIT_STUCK : EXIT_INCORRECT;
}

/** A scenario that fails by itself is no mistake of the command line. */
function errorOf(error: unknown, name: string): unknown {
  if (!(error instanceof EveryFaultError)) return error;
  const { verdict } = error;
  const message = `${name}: ${error.message}`;
  return verdict === undefined ? new UsageError(message) : new NoResultError(message, exitCodeOf([{ verdict }]));
}

async function runHostile(
  name: string,
  { devices, body, ...scenario }: FaultModule,
  given: Arguments,
): Promise<number> {
  const progress = new ProgressLine(process.stderr);
  const interrupt = onInterrupt();
  const lies = given.value("lies");
  const runs = wholeNumber(given, "hostile", 1);
  let result: HostileResult;
  try {
    const options = {
      ...scenario,
      ...(lies === undefined ? {} : { lies: liesOf(lies) }),
      ...(runs === undefined ? {} : { runs }),
      seed: wholeNumber(given, "seed", 0) ?? 1,
      runLimitMs: hangSeconds(given) * MS_PER_S,
      signal: interrupt.signal,
      onProgress: (done: number, all: number) => progress.faults(done, all),
    };
    result = await hostile(devices, options, body);
  } catch (error) {
    throw errorOf(error, name);
  } finally {
    progress.clear();
    interrupt.restore();
  }
  if (given.has("json")) console.log(JSON.stringify({ scenario: name, ...result }));
  else process.stdout.write(hostileText({ name, result }, painter(process.stdout)));
  if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
  return exitCodeOf(result.failures);
}

function hangSeconds(given: Arguments): number {
  return wholeNumber(given, "hang", 1) ?? HANG_LIMIT_S;
}

function liesOf(text: string): Lie[] {
  return text.split(",").map((part) => {
    const [, nth, word, at] = /^(\d+):(0x[0-9a-f]{1,8})(?:@(0x[0-9a-f]+))?$/i.exec(part.trim()) ?? [];
    if (nth === undefined)
      throw new UsageError(`--lies ${part} makes no sense: want N:0xWORD or N:0xWORD@0xBYTE, several behind commas.`);
    return { nth: Number(nth), word: Number(word), ...(at === undefined ? {} : { at: Number(at) }) };
  });
}

function kindsOf(given: Arguments): FaultKind[] | undefined {
  return given
    .value("kinds")
    ?.split(",")
    .map((kind) => {
      try {
        return FAULT_KINDS[faultNumber(kind.trim())] as FaultKind;
      } catch (error) {
        throw new UsageError(`--kinds: ${(error as Error).message}`);
      }
    });
}

async function loadModule(path: string, hangS: number): Promise<FaultModule> {
  const limitS = Math.max(hangS, LOAD_LIMIT_S);
  if (!existsSync(path) || !statSync(path).isFile())
    throw new UsageError(
      `There is no file "${path}": want a module that ends in \`export default faultScenario({…})\`.`,
    );
  checkRunsHere(path);
  let loaded: { readonly default?: unknown };
  try {
    loaded = await inTime(
      limitS,
      () => import(pathToFileURL(resolve(path)).href) as Promise<{ readonly default?: unknown }>,
    );
  } catch (thrown) {
    if (thrown instanceof RunLimitError)
      throw new UsageError(
        `${nameOf(path)} was not loaded within ${limitS} s: it loops, or awaits in vain, outside of any function.`,
      );
    const [reason = ""] = `${thrown instanceof Error ? thrown.message : thrown}`.split("\n", 1);
    throw new UsageError(`${nameOf(path)} cannot be loaded: ${reason.replace(/\.$/, "")}.`);
  }
  if (isFaultModule(loaded.default)) return loaded.default;
  throw new UsageError(
    `${nameOf(path)} is no fault scenario: it must end in \`export default faultScenario({ devices: [...], setup, body })\`.`,
  );
}

/** A module may do anything when it is loaded: even await what never comes, in silence. */
async function inTime<Loaded>(limitS: number, loading: () => Promise<Loaded>): Promise<Loaded> {
  const watch = LoopWatch.start(limitS * MS_PER_S);
  try {
    return await (watch?.guard(loading) ?? loading());
  } finally {
    await watch?.close();
  }
}

/** From the current folder on. */
function nameOf(path: string): string {
  return relative(process.cwd(), resolve(path)).split(sep).join("/");
}
