import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FcsMode } from "../replay/frame-source.ts";
import { replay as runReplay } from "../replay/replay.ts";
import { parseSpeed, type ReplayOptions } from "../replay/replay-options.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
import type { ReplayTarget } from "../replay/replay-target.ts";
import { type CatalogueEntry, deviceNamed } from "./catalogue.ts";
import { EXIT_INCORRECT, EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { COMMAND, EXPLORE_COMMAND, PACKAGE_FOLDER, REPLAY_COMMAND } from "./own-name.ts";
import { PREPARATION_FLAGS, preparationOf } from "./preparation-flags.ts";
import { ProgressLine } from "./progress-line.ts";
import { replayText } from "./replay-text.ts";
import { painter } from "./terminal.ts";
import { raceOfTheTour } from "./tour.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

/** What a driver that takes jumbo frames in one buffer each is set up with: the 82599's largest. */
const JUMBO = { maxFrameBytes: 15_868, bufferBytes: 16_384 } as const;

/** Shown below the summary of a generated session: what a newcomer may want next. */
const GO_ON = `Go on:
  your driver    README.md shows a test of twenty lines; or replay into it: ${REPLAY_COMMAND} FILE --driver my-driver.ts
  your capture   ${REPLAY_COMMAND} session.pcap --speed recorded
  its races      ${EXPLORE_COMMAND.replace(" --", "")} lists small ones; README.md shows how to search your driver
  more           ${COMMAND} --help, ${COMMAND} regs ixgbe, ${PACKAGE_FOLDER}devices/ixgbe/DATASHEET.md
`;

/** `softbar replay`: a capture through a card into a driver. */
export const replay: Verb = {
  name: "replay",
  about:
    "replays a capture (pcap, pcapng, also in gzip or zstd) through a card into a driver; without FILE, a session it makes up",
  operands: "[FILE]",
  operandLimit: 1,
  flags: [
    {
      name: "speed",
      value: "SPEED",
      about: "recorded, max (default), or a factor: 10x, 0.5x. Paced frames come on time, room or not",
    },
    {
      name: "lossless",
      about: "let frames wait for room in the card at any speed, and count how often (max always does)",
    },
    { name: "device", value: "NAME", about: "the card to replay into (default ixgbe)" },
    { name: "driver", value: "FILE", about: "a driver module of your own instead of the reference driver" },
    { name: "interrupts", about: "the reference driver sleeps until its MSI-X interrupt instead of polling" },
    { name: "jumbo", about: "the reference driver takes frames of up to 15,868 bytes" },
    { name: "limit", value: "N", about: "stop after N frames" },
    {
      name: "timeout",
      value: "SECONDS",
      about: "give up when nothing has moved for so long (default 10; never under a debugger)",
    },
    { name: "fcs", value: "MODE", about: "auto (default), present, absent: whether captured frames end in their FCS" },
    ...PREPARATION_FLAGS,
    { name: "frames", value: "N", about: "frames in the made-up session (default 200,000)" },
    { name: "seed", value: "N", about: "which session is made up (default 1)" },
    { name: "trace", about: "print every register and DMA access by name while it happens" },
  ],
  examples: [
    "softbar replay session.pcap                        # as fast as the driver takes it",
    "softbar replay session.pcapng.gz --speed recorded  # at the times of the capture",
    "softbar replay session.pcap --speed 10x --lossless",
    "softbar replay session.pcap --limit 3 --trace",
    "tcpdump -w - udp | softbar replay -",
  ],
  async run(given, catalogue, racesUrl) {
    const isJson = given.has("json");
    const options = optionsOf(given, catalogue);
    const progress = new ProgressLine(process.stderr);
    const interrupt = onInterrupt();
    let report: ReplayReport;
    try {
      report = await runReplay({
        ...options,
        signal: interrupt.signal,
        // Standard output belongs to the JSON object when one is asked for.
        ...(given.has("trace")
          ? { onTrace: (lines: string) => void (isJson ? process.stderr : process.stdout).write(lines) }
          : {}),
        ...(given.has("trace") ? {} : { onProgress: (state) => progress.show(state) }),
      });
    } finally {
      progress.clear();
      interrupt.restore();
    }
    if (isJson) console.log(JSON.stringify(report));
    else process.stdout.write(replayText(report, painter(process.stdout)));
    if (!isJson && options.file === undefined && !report.interrupted) {
      // Whoever asks for nothing in particular is shown what there is.
      const isTour = replay.flags.every(({ name }) => !given.has(name));
      const race = isTour ? await raceOfTheTour(racesUrl, painter(process.stdout)) : "";
      process.stdout.write(`\n${race === "" ? "" : `${race}\n`}${GO_ON}`);
    }
    return exitCodeOf(report, given);
  },
};

function optionsOf(given: Arguments, catalogue: readonly CatalogueEntry[]): ReplayOptions {
  const [file] = given.positionals;
  const limit = wholeNumber(given, "limit", 1);
  const frameCount = wholeNumber(given, "frames", 6);
  const seed = wholeNumber(given, "seed", 0);
  const timeout = wholeNumber(given, "timeout", 1);
  if (file !== undefined && (frameCount ?? seed) !== undefined) {
    throw new UsageError("--frames and --seed describe the made-up session; with a FILE there is none.");
  }
  return {
    target: targetOf(given, catalogue),
    speed: speedOf(given.value("speed") ?? "max"),
    lossless: given.has("lossless"),
    fcs: fcsOf(given.value("fcs") ?? "auto"),
    ...preparationOf(given),
    // As everywhere: a dash is standard input.
    ...(file === undefined ? {} : { file: file === "-" ? "/dev/stdin" : file }),
    ...(limit === undefined ? {} : { limit }),
    ...(timeout === undefined ? {} : { limitMs: timeout * 1000 }),
    session: { ...(frameCount === undefined ? {} : { frameCount }), ...(seed === undefined ? {} : { seed }) },
  };
}

function targetOf(given: Arguments, catalogue: readonly CatalogueEntry[]): ReplayTarget {
  const entry = deviceNamed(catalogue, given.value("device") ?? "ixgbe");
  if (entry.target === undefined) {
    const others = catalogue.filter(({ target }) => target !== undefined).map(({ name }) => name);
    throw new UsageError(`${entry.name} has no wire to replay into; ${others.join(" and ")} has.`);
  }
  const driver = given.value("driver");
  const driverOptions = {
    driver: {
      ...(given.has("jumbo") ? JUMBO : {}),
      ...(given.has("interrupts") ? { interrupts: "msix" } : {}),
    },
  };
  return entry.target({ ...(driver === undefined ? {} : { driverUrl: driverUrlOf(driver) }), driverOptions });
}

function driverUrlOf(path: string): string {
  if (!existsSync(path)) throw new UsageError(`${path}: there is no such driver module.`);
  if (!statSync(path).isFile()) throw new UsageError(`${path}: a driver module is a file.`);
  if (/\.[mc]?ts$/.test(path) && !process.features.typescript) {
    throw new UsageError(
      `${path}: Node ${process.versions.node} runs no TypeScript; take Node 22.18 or later, or compile the driver to JavaScript.`,
    );
  }
  return pathToFileURL(resolve(path)).href;
}

function speedOf(text: string): "max" | number {
  try {
    return parseSpeed(text);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--speed: ${error.message}`) : error;
  }
}

function fcsOf(text: string): FcsMode {
  if (text === "auto" || text === "present" || text === "absent") return text;
  throw new UsageError(`--fcs ${text} makes no sense: want auto, present or absent.`);
}

/** The balance of our own card is our bug; frames that a driver loses, and rules that it breaks, are the driver's. */
function exitCodeOf(report: ReplayReport, given: Arguments): number {
  const { balance, violations, source, interrupted } = report;
  const isOurDriver = given.value("driver") === undefined;
  if (!interrupted && (balance.lostInCard !== 0 || (isOurDriver && balance.lostInDriver !== 0))) {
    console.error(
      `${balance.lostInCard} frames are unaccounted for in the card and ${balance.lostInDriver} in the driver: a bug in softbar, please report it.`,
    );
    return EXIT_INTERNAL;
  }
  if (interrupted) return EXIT_INTERRUPTED;
  if (violations.length > 0 || source.damage !== undefined || balance.lostInDriver !== 0) return EXIT_INCORRECT;
  return EXIT_PASSED;
}
