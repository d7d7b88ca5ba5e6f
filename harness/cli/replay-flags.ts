import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseDuration } from "../../emulator/clock/duration.ts";
import type { DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import { damageFromJson, parseDamage } from "../../emulator/wire/damage/damage-text.ts";
import type { FcsMode } from "../replay/frame-source.ts";
import { checkReplayOptions, type ReplayOptions } from "../replay/replay-options.ts";
import { type BurstScaling, parseIdle, parseSpeed } from "../replay/replay-speed.ts";
import type { ReplayTarget } from "../replay/replay-target.ts";
import { parseMoment, type ReplayWindow } from "../replay/replay-window.ts";
import { type CatalogueEntry, deviceNamed } from "./catalogue.ts";
import { UsageError } from "./exit-codes.ts";
import { FAULT_FLAGS, withFaults } from "./fault-flags.ts";
import { PREPARATION_FLAGS, preparationOf } from "./preparation-flags.ts";
import { checkRunsHere } from "./runs-here.ts";
import { STREAM_FLAGS, STREAM_NOTES, streamsOf } from "./stream-flags.ts";
import { listText } from "./terminal.ts";
import { type Arguments, type Flag, wholeNumber } from "./verb.ts";

/** What a driver that takes jumbo frames in one buffer each is set up with: the 82599's largest. */
const JUMBO = { maxFrameBytes: 15_868, bufferBytes: 16_384 } as const;

export const REPLAY_FLAGS: readonly Flag[] = [
  {
    name: "speed",
    value: "SPEED",
    about: "max, recorded, a factor (10x, 0.5x), or back to back at a line rate: line (10 Gb/s), line:25, line:100",
  },
  {
    name: "clock",
    value: "CLOCK",
    about:
      "wall (default), or virtual: exact to the nanosecond, no waiting, the same every time; then recorded is the default speed",
  },
  {
    name: "burst-gap",
    value: "DURATION",
    about: "gaps shorter than this keep --speed (recorded); longer ones pass at --idle",
  },
  {
    name: "idle",
    value: "SPEED",
    about: "speed of the gaps between bursts: a factor, or max, which cuts them to --burst-gap",
  },
  {
    name: "from",
    value: "MOMENT",
    about: "leave out what is before: 1.5s after the first frame, 2023-08-22T13:30:00Z, @1692711000.5",
  },
  { name: "to", value: "MOMENT", about: "leave out what is at that moment or after" },
  {
    name: "from-sequence",
    value: "N",
    about: "only packets with sequence numbers from N on, of whatever feed each line carries",
  },
  { name: "to-sequence", value: "N", about: "only packets with sequence numbers up to N" },
  { name: "loop", value: "N", about: "replay it N times; the sequence numbers stay as they are" },
  {
    name: "loop-gap",
    value: "DURATION",
    about: "from the last frame to the first of the next pass (default: as the traffic goes)",
  },
  {
    name: "lossless",
    about: "let frames wait for room in the card at any speed, and count how often (max always does)",
  },
  { name: "damage", value: "DAMAGE", about: "what the wire does to the frames, in words or as a JSON file: see below" },
  {
    name: "ledger",
    value: "FILE",
    about: "write what --damage did to each frame, and what a receiver must report, as JSON lines",
  },
  {
    name: "report",
    value: "FILE",
    about: "write the result as an HTML page; with --clock virtual, or --trace, the last 100,000 events too",
  },
  { name: "force", about: "of --report: replace a file although it is no page that softbar has written" },
  {
    name: "log",
    value: "FILE",
    about: "with --clock virtual: write a line for every frame at the card and at the consumer",
  },
  {
    name: "no-sanitize",
    about: "with --clock virtual: without the sanitizers of the driver's side, which take a third more processor time",
  },
  ...FAULT_FLAGS,
  ...STREAM_FLAGS,
  { name: "device", value: "NAME", about: "the card to replay into (default ixgbe)" },
  { name: "driver", value: "FILE", about: "a driver module of your own instead of the reference driver" },
  {
    name: "decoder",
    value: "FILE",
    about: "a module of your own that gets every frame in place, in the consumer's thread",
  },
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
  { name: "trace", about: "print every register and DMA access by name while it happens; softbar trace does more" },
  {
    name: "trace-only",
    value: "FILTER",
    about: "with --trace: these events alone, register=RDT*+TDT*,kind=dma-*,time=1ms..2ms: see softbar trace --help",
  },
];

export const REPLAY_NOTES: readonly string[] = [
  `Speeds: paced frames come at absolute times, room in the card or not; max is as fast as the driver takes them.`,
  `Damage is word=value, separated by commas; a semicolon begins a further rule, and every rule looks at every frame.
  which frames     line=ADDRESS:PORT (or one half, :PORT), sequence=17..19+25, frame=0..99; all of them without a word
  how likely       loss=0.01, corrupt=1e-6 (one bit, so that the FCS is wrong), duplicate=0.1%, reorder=0.01
  bursts           burst-loss=0.001 begins one, burst-length=8 frames long on average, burst-density=1 of them lost
  how far          duplicate-delay=0ns, reorder-window=3 frames at most, reorder-time=10ms at most
  how late         delay=50us, jitter=10us (frames of one rule keep their order)
  for all rules    seed=1; protocol=moldudp64 or cme-mdp3 where a line is not to be read as what it shows to carry`,
  ...STREAM_NOTES,
];

/** What was typed, as options of a replay. Throws UsageError in one sentence for what makes no sense. */
export function optionsOf(given: Arguments, catalogue: readonly CatalogueEntry[]): ReplayOptions {
  const files = given.positionals.map((file) => (file === "-" ? "/dev/stdin" : file));
  const isPiped = given.positionals.includes("-");
  const limit = wholeNumber(given, "limit", 1);
  const frameCount = wholeNumber(given, "frames", 6);
  const seed = wholeNumber(given, "seed", 0);
  const timeout = wholeNumber(given, "timeout", 1);
  if (files.length > 0 && (frameCount ?? seed) !== undefined) {
    throw new UsageError("--frames and --seed describe the made-up session; with a FILE there is none.");
  }
  const loopCount = wholeNumber(given, "loop", 1);
  if (isPiped && (loopCount ?? 1) > 1) {
    throw new UsageError("--loop reads the capture anew for every pass, and standard input can be read once.");
  }
  const options: ReplayOptions = {
    target: withFaults(targetOf(given, catalogue), given),
    ...paceOf(given),
    ...windowOf(given),
    ...filesOf(given),
    ...streamsOf(given),
    lossless: given.has("lossless"),
    ...(given.has("no-sanitize") ? { sanitize: false } : {}),
    fcs: fcsOf(given.value("fcs") ?? "auto"),
    ...preparationOf(given),
    // As everywhere: a dash is standard input.
    ...(files.length === 0 ? {} : { file: files }),
    ...(limit === undefined ? {} : { limit }),
    ...(loopCount === undefined ? {} : { loopCount }),
    ...(timeout === undefined ? {} : { limitMs: timeout * 1000 }),
    session: { ...(frameCount === undefined ? {} : { frameCount }), ...(seed === undefined ? {} : { seed }) },
  };
  checked("", () => checkReplayOptions(options));
  return options;
}

function paceOf(given: Arguments): Pick<ReplayOptions, "speed" | "clock" | "bursts" | "loopGapNs"> {
  const clock = given.value("clock");
  if (clock !== undefined && clock !== "wall" && clock !== "virtual") {
    throw new UsageError(`--clock ${clock} makes no sense: want wall or virtual.`);
  }
  if (given.value("log") !== undefined && clock !== "virtual") {
    throw new UsageError("--log needs --clock virtual: only there is it the same every time.");
  }
  const speed = read(given, "speed", parseSpeed);
  if (clock === "virtual" && speed === "max") {
    throw new UsageError("--speed max has no meaning with --clock virtual, in which no consumer takes any time.");
  }
  const bursts = burstsOf(given);
  if (bursts !== undefined && speed !== undefined && typeof speed !== "number") {
    throw new UsageError("--burst-gap and --idle scale recorded gaps; --speed max and line keep none.");
  }
  if (given.value("loop-gap") !== undefined && given.value("loop") === undefined) {
    throw new UsageError("--loop-gap says what is between two passes; without --loop there is one.");
  }
  const loopGapNs = read(given, "loop-gap", parseDuration);
  return {
    ...(speed === undefined ? {} : { speed }),
    ...(clock === undefined ? {} : { clock }),
    ...(bursts === undefined ? {} : { bursts }),
    ...(loopGapNs === undefined ? {} : { loopGapNs }),
  };
}

function burstsOf(given: Arguments): BurstScaling | undefined {
  const gapNs = read(given, "burst-gap", parseDuration);
  const idle = read(given, "idle", parseIdle);
  if (gapNs === undefined && idle === undefined) return undefined;
  if (gapNs === undefined || idle === undefined) {
    throw new UsageError("--burst-gap and --idle belong together: which gaps are long, and how fast those pass.");
  }
  if (gapNs === 0) throw new UsageError("--burst-gap 0 makes no sense: every gap would be one between bursts.");
  return { gapNs, idle };
}

function windowOf(given: Arguments): Pick<ReplayOptions, "window"> {
  const from = read(given, "from", parseMoment);
  const to = read(given, "to", parseMoment);
  const fromSequence = wholeNumber(given, "from-sequence", 0);
  const toSequence = wholeNumber(given, "to-sequence", 0);
  const window: ReplayWindow = {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(fromSequence === undefined ? {} : { fromSequence }),
    ...(toSequence === undefined ? {} : { toSequence }),
  };
  return Object.keys(window).length === 0 ? {} : { window };
}

function filesOf(given: Arguments): Pick<ReplayOptions, "damage" | "decoderUrl" | "eventLogPath"> {
  const damage = read(given, "damage", damageOf);
  const decoder = given.value("decoder");
  const log = given.value("log");
  if (given.value("ledger") !== undefined && damage === undefined) {
    throw new UsageError("--ledger is the book of --damage; without damage it would be empty.");
  }
  return {
    ...(damage === undefined ? {} : { damage }),
    ...(decoder === undefined ? {} : { decoderUrl: moduleUrlOf(decoder, "decoder") }),
    ...(log === undefined ? {} : { eventLogPath: resolve(log) }),
  };
}

/** In words, or the name of a JSON file, which has no equals sign in it. */
function damageOf(text: string): DamagePlan {
  if (text.includes("=")) return parseDamage(text);
  if (!existsSync(text)) throw new RangeError(`"${text}" is neither word=value nor a JSON file.`);
  try {
    return damageFromJson(readFileSync(text, "utf8"));
  } catch (error) {
    throw new RangeError(`${text}: ${(error as Error).message}`, { cause: error });
  }
}

function targetOf(given: Arguments, catalogue: readonly CatalogueEntry[]): ReplayTarget {
  const entry = deviceNamed(catalogue, given.value("device") ?? "ixgbe");
  if (entry.target === undefined) {
    const others = catalogue.filter(({ target }) => target !== undefined).map(({ name }) => name);
    throw new UsageError(
      `${entry.name} has no wire to replay into; ${listText(others)} ${others.length === 1 ? "has" : "have"} one.`,
    );
  }
  const driver = given.value("driver");
  const driverOptions = {
    driver: {
      ...(given.has("jumbo") ? JUMBO : {}),
      ...(given.has("interrupts") ? { interrupts: "msix" } : {}),
    },
  };
  return entry.target({ ...(driver === undefined ? {} : { driverUrl: moduleUrlOf(driver, "driver") }), driverOptions });
}

function moduleUrlOf(path: string, kind: "driver" | "decoder"): string {
  if (!existsSync(path)) throw new UsageError(`${path}: there is no such ${kind} module.`);
  if (!statSync(path).isFile()) throw new UsageError(`${path}: a ${kind} module is a file.`);
  checkRunsHere(path, `the ${kind}`);
  return pathToFileURL(resolve(path)).href;
}

function fcsOf(text: string): FcsMode {
  if (text === "auto" || text === "present" || text === "absent") return text;
  throw new UsageError(`--fcs ${text} makes no sense: want auto, present or absent.`);
}

/** A flag's value as `parse` reads it; undefined when it was not given. */
function read<Value>(given: Arguments, name: string, parse: (text: string) => Value): Value | undefined {
  const text = given.value(name);
  return text === undefined ? undefined : checked(`--${name}: `, () => parse(text));
}

/** What the library finds out of range is the user's to mend. */
function checked<Value>(where: string, compute: () => Value): Value {
  try {
    return compute();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${where}${error.message}`) : error;
  }
}
