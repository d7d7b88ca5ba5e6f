import { runWasm, type WasmRunOptions, type WasmRunReport } from "../wasm/run-wasm.ts";
import { type CatalogueEntry, declarationOfEntry, deviceNamed } from "./catalogue.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_STUCK, UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { counted, durationText, grouped, painter } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const DEFAULT_DEVICE = "ixgbe";
const LIMIT_S = 30;
const FINDING_LIMIT = 10;
const MS_PER_S = 1000;
const NS_PER_MS = 1e6;

/** `softbar run nic.wasm`: a driver that was compiled to WebAssembly, against a device. */
export const run: Verb = {
  name: "run",
  about: "runs a driver that was compiled to WebAssembly (C, C++, Rust) against a device, in threads of their own",
  operands: "DRIVER.wasm",
  operandLimit: 1,
  flags: [
    {
      name: "device",
      value: "NAME",
      about: `the card: a name of \`softbar devices\`, or a path (default ${DEFAULT_DEVICE})`,
    },
    { name: "set", value: "NAME=N,…", about: "numbers for the driver, which it asks for by sb_option" },
    {
      name: "entry",
      value: "NAME",
      about: "the exported function that is run; it returns 0 when all is well (default sb_main)",
    },
    { name: "loopback", about: "a plug that joins the card's wire to itself: what it sends comes back" },
    { name: "traffic", value: "N", about: "frames that come from outside each second" },
    { name: "clock", value: "CLOCK", about: "wall (default) or virtual" },
    { name: "limit", value: "SECONDS", about: `how long the driver may take (default ${LIMIT_S})` },
  ],
  notes: [
    "A driver includes softbar.h and is built with clang; a traced build (-DSB_TRACED) can be searched, by a module around it: docs/foreign-drivers.md shows both.",
    "Exit codes: 0 the driver returned 0 and broke no rule, 1 it returned something else, trapped, gave up or broke a rule, 2 it is no driver, 3 it did not return.",
  ],
  examples: [
    "softbar run ixgbe.wasm --device ixgbe --loopback                   # sends frames, which come back",
    "softbar run ixgbe.wasm --loopback --set frames=100000,interrupts=1",
    "softbar run ixgbe.wasm --traffic 20000 --set mode=2,frames=5000    # sends back what comes",
  ],
  async run(given, catalogue) {
    const [file] = given.positionals;
    if (file === undefined) throw new UsageError('Which driver: "softbar run driver.wasm".');
    const options = await optionsOf(file, given, catalogue);
    const interrupt = onInterrupt();
    let report: WasmRunReport;
    try {
      report = await runWasm({ ...options, signal: interrupt.signal });
    } finally {
      interrupt.restore();
    }
    if (given.has("json")) console.log(JSON.stringify(report));
    else process.stdout.write(textOf(report, painter(process.stdout)));
    return exitCodeOf(report);
  },
};

async function optionsOf(
  file: string,
  given: Arguments,
  catalogue: readonly CatalogueEntry[],
): Promise<WasmRunOptions> {
  const entry = deviceNamed(catalogue, given.value("device") ?? DEFAULT_DEVICE);
  const traffic = wholeNumber(given, "traffic", 1);
  const limit = wholeNumber(given, "limit", 1);
  const name = given.value("entry");
  const needsWire = traffic !== undefined ? "--traffic" : given.has("loopback") ? "--loopback" : undefined;
  if (needsWire !== undefined && (await declarationOfEntry(entry)).wirePortCount === 0)
    throw new UsageError(`${needsWire}: ${entry.name} has no wire.`);
  if (traffic !== undefined && given.has("loopback"))
    throw new UsageError("--traffic and --loopback exclude each other: the plug is where the traffic would come in.");
  return {
    file,
    device: entry.spec(),
    options: settingsOf(given.value("set")),
    isLoopback: given.has("loopback"),
    ...(name === undefined ? {} : { entry: name }),
    ...(traffic === undefined ? {} : { trafficPerSecond: traffic }),
    ...(limit === undefined ? {} : { limitMs: limit * MS_PER_S }),
    ...clockOf(given.value("clock")),
  };
}

function settingsOf(text: string | undefined): Record<string, number> {
  const settings: Record<string, number> = {};
  for (const part of text === undefined ? [] : text.split(",")) {
    const [, name = "", word = ""] = /^\s*([^=\s]+)=([-+\w]+)\s*$/.exec(part) ?? [];
    const number = Number(word.replaceAll("_", ""));
    if (name === "" || !Number.isInteger(number) || Math.abs(number) >= 2 ** 32)
      throw new UsageError(`--set ${text} makes no sense: want NAME=NUMBER, as in frames=1000,mode=2.`);
    settings[name] = number;
  }
  return settings;
}

function clockOf(word: string | undefined): { readonly clock?: "wall" | "virtual" } {
  if (word === undefined) return {};
  if (word === "wall" || word === "virtual") return { clock: word };
  throw new UsageError(`--clock ${word} makes no sense: want wall or virtual.`);
}

function textOf(report: WasmRunReport, paint: ReturnType<typeof painter>): string {
  const { driver, device, access, outcome, result, error, violations, notes } = report;
  const colour = outcome === "passed" ? "green" : outcome === "interrupted" ? "yellow" : "red";
  const returned = result === null ? "" : `   returned ${result}`;
  const counters = Object.entries(report.counters).map(([name, count]) => `${name} ${grouped(count)}`);
  const rows: readonly (readonly [string, string])[] = [
    ["outcome", `${paint(colour, outcome)}${returned}`],
    ...(error === "" ? [] : [["because", error] as const]),
    ["time", durationText(report.durationMs * NS_PER_MS)],
    ["wire", `${counted(report.framesIn, "frame")} came from outside, ${grouped(report.framesOut)} left`],
    ...(counters.length === 0 ? [] : [["card", counters.slice(0, 12).join(", ")] as const]),
    ["rules", violations.length === 0 ? "none broken" : `${counted(violations.length, "rule")} broken`],
    ...violations
      .slice(0, FINDING_LIMIT)
      .map(({ message, count }) => ["", `${message} (${counted(count, "time")})`] as const),
    ...(notes.length === 0
      ? []
      : [
          [
            "notes",
            `${grouped(notes.length)}, in --json: registers that are not modelled, accesses without effect`,
          ] as const,
        ]),
  ];
  const lines = rows.map(([label, text]) => `  ${paint("dim", label.padEnd(9))} ${text}`);
  return [`${paint("bold", driver)} (${access}) on ${device}`, ...lines, ""].join("\n");
}

function exitCodeOf({ outcome }: WasmRunReport): number {
  const codes = {
    passed: EXIT_PASSED,
    failed: EXIT_INCORRECT,
    stuck: EXIT_STUCK,
    interrupted: EXIT_INTERRUPTED,
  } as const;
  return codes[outcome];
}
