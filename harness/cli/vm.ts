import { existsSync, statSync } from "node:fs";
import { parseSpeed } from "../replay/replay-speed.ts";
import { fetchGuest, guestCacheFolder } from "../vm/guest-files.ts";
import type { GuestFile } from "../vm/guest-root.ts";
import type { GuestResult } from "../vm/guest-shell.ts";
import { LinuxGuest, type LinuxGuestOptions } from "../vm/linux-guest.ts";
import { type LinuxTrialOptions, type LinuxTrialReport, linuxTrial, type TrialStep } from "../vm/linux-trial.ts";
import { type CatalogueEntry, deviceNamed } from "./catalogue.ts";
import { EXIT_INCORRECT, EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { ProgressLine } from "./progress-line.ts";
import { suggestion } from "./suggest.ts";
import { counted, painter } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const SUB_VERBS: readonly string[] = ["linux", "fetch"];
const USAGE = "softbar vm fetch, then softbar vm linux";
const MEGABYTE = 1 << 20;
const SMALLEST_MEGABYTES = 96;
const LARGEST_MEGABYTES = 1024;
/** Findings shown of each kind. */
const SHOWN_FINDINGS = 5;

/** `softbar vm linux`: a stock Linux kernel drives a simulated card. */
export const vm: Verb = {
  name: "vm",
  about: "linux: boots a stock Linux kernel with a simulated card and tries its driver; fetch: brings what that takes",
  operands: "linux|fetch",
  operandLimit: 1,
  flags: [
    { name: "device", value: "NAME", about: "the card to plug in; default ixgbe" },
    {
      name: "capture",
      value: "FILE",
      about: "let a capture arrive at the guest and count its frames at a packet socket",
    },
    { name: "speed", value: "SPEED", about: "recorded (default), 10x, line, max: as of replay" },
    { name: "limit", value: "N", about: "frames of the capture after which to stop" },
    { name: "ping", value: "N", about: "echo requests that the guest sends; default 300, 0 for none" },
    { name: "cycles", value: "N", about: "interface down and up, and module out and in, so often; default 0" },
    {
      name: "modules",
      value: "A,B",
      about: "kernel modules to load instead of the card's own: names, or files of yours (*.ko)",
    },
    { name: "file", value: "HOST:GUEST", about: "a file that the guest gets" },
    { name: "exec", value: "COMMAND", about: "a command for the guest's shell; its exit code is this one's" },
    { name: "shell", about: "your terminal is the guest's shell; Ctrl-] leaves" },
    { name: "console", about: "show the kernel's console" },
    { name: "memory", value: "MB", about: "memory of the guest; default 192" },
    { name: "kernel-words", value: "WORDS", about: "more words for the kernel's command line" },
    {
      name: "folder",
      value: "DIR",
      about: "where fetch puts the guest, and linux finds it; default the user's cache folder",
    },
  ],
  notes: [
    "The guest is Debian's i386 kernel, busybox, tcpdump and SeaBIOS, by package name: fetch needs a Debian or its like, apt's\nsources, and no root. The PC is the package v86 (npm install -D v86@0.5.462). The card has one wire; at its far end a host\n10.0.0.1 answers ARP and echo requests.",
  ],
  examples: [
    "softbar vm fetch                                     # once: 60 MB of packages into the cache folder",
    "softbar vm linux                                     # probe, link, 300 echo requests",
    "softbar vm linux --capture session.pcap --cycles 10",
    "softbar vm linux --shell                             # look around; ip, tcpdump, dmesg are there",
    "softbar vm linux --modules ./mydriver.ko --exec 'dmesg | tail'",
  ],
  async run(given, catalogue) {
    const [subVerb] = given.positionals;
    if (subVerb === "fetch") return fetch(given);
    if (subVerb === "linux") return given.has("shell") ? shell(given, catalogue) : trial(given, catalogue);
    const hint = subVerb === undefined ? "" : suggestion(subVerb, SUB_VERBS);
    if (subVerb === undefined) throw new UsageError(`Say what to do: "${USAGE}".`);
    throw new UsageError(`There is no "softbar vm ${subVerb}"${hint || `; usage is "${USAGE}".`}`);
  },
};

async function fetch(given: Arguments): Promise<number> {
  const folder = given.value("folder") ?? guestCacheFolder();
  const guest = await fetchGuest(folder, (line) => void process.stderr.write(`${line}\n`));
  if (given.has("json")) console.log(JSON.stringify({ folder, ...guest }));
  else console.log(`Linux ${guest.kernelRelease} is in ${folder}: softbar vm linux`);
  return EXIT_PASSED;
}

async function trial(given: Arguments, catalogue: readonly CatalogueEntry[]): Promise<number> {
  const options = trialOptions(given, catalogue);
  const isJson = given.has("json");
  const out = isJson ? process.stderr : process.stdout;
  const paint = painter(out);
  const progress = new ProgressLine(process.stderr);
  try {
    const report = await linuxTrial({
      ...options,
      onProgress: (text) => progress.step(text),
      onStep: (step) => {
        progress.clear();
        out.write(stepText(step, paint));
      },
    });
    progress.clear();
    if (isJson) console.log(JSON.stringify(report));
    else process.stdout.write(reportText(report));
    return report.isGood ? EXIT_PASSED : EXIT_INCORRECT;
  } finally {
    progress.clear();
  }
}

/** The terminal is the guest's until Ctrl-]. */
async function shell(given: Arguments, catalogue: readonly CatalogueEntry[]): Promise<number> {
  const { stdin, stdout } = process;
  const progress = new ProgressLine(process.stderr);
  progress.step("booting");
  await using guest = await LinuxGuest.boot(guestOptions(given, catalogue));
  await guest.loadModules();
  progress.clear();
  process.stderr.write(`Linux ${guest.kernelRelease}; Ctrl-] leaves\n`);
  if (stdin.isTTY) stdin.setRawMode(true);
  try {
    await guest.attach(stdin, stdout);
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  }
  return EXIT_PASSED;
}

function guestOptions(given: Arguments, catalogue: readonly CatalogueEntry[]): LinuxGuestOptions {
  const entry = deviceNamed(catalogue, given.value("device") ?? "ixgbe");
  const words = given
    .value("modules")
    ?.split(",")
    .filter((word) => word !== "");
  if (entry.linux === undefined && words === undefined) {
    throw new UsageError(`Linux has no driver for ${entry.name}: name a module of yours, --modules ./driver.ko.`);
  }
  const ownModules = (words ?? []).filter((word) => word.endsWith(".ko"));
  for (const path of ownModules)
    if (!existsSync(path)) throw new UsageError(`--modules ${path}: there is no such file.`);
  const megabytes = wholeNumber(given, "memory", SMALLEST_MEGABYTES) ?? 192;
  if (megabytes > LARGEST_MEGABYTES) {
    throw new UsageError(`--memory ${megabytes} is more than the ${LARGEST_MEGABYTES} MB that the emulated PC takes.`);
  }
  const kernelWords = given.value("kernel-words");
  const folder = given.value("folder");
  return {
    device: (entry.linux?.spec ?? entry.spec)(),
    modules: words?.filter((word) => !word.endsWith(".ko")) ?? entry.linux?.modules ?? [],
    ownModules,
    files: filesOf(given),
    memoryBytes: megabytes * MEGABYTE,
    ...(kernelWords === undefined ? {} : { kernelWords }),
    ...(folder === undefined ? {} : { folder }),
    ...(given.has("console") ? { onConsole: (line: string) => void process.stderr.write(`${line}\n`) } : {}),
  };
}

function filesOf(given: Arguments): GuestFile[] {
  const text = given.value("file");
  if (text === undefined) return [];
  const at = text.lastIndexOf(":");
  const [hostPath, guestPath] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || guestPath === "") throw new UsageError(`--file ${text} makes no sense: want HOST:GUEST, two paths.`);
  if (!existsSync(hostPath) || !statSync(hostPath).isFile())
    throw new UsageError(`--file ${hostPath}: there is no such file.`);
  return [{ hostPath, guestPath }];
}

function trialOptions(given: Arguments, catalogue: readonly CatalogueEntry[]): LinuxTrialOptions {
  const capture = given.value("capture");
  if (capture !== undefined && !existsSync(capture))
    throw new UsageError(`--capture ${capture}: there is no such file.`);
  const entry = deviceNamed(catalogue, given.value("device") ?? "ixgbe");
  const options = guestOptions(given, catalogue);
  const limit = wholeNumber(given, "limit", 1);
  const command = given.value("exec");
  return {
    ...options,
    pingCount: wholeNumber(given, "ping", 0) ?? (entry.linux === undefined ? 0 : 300),
    cycleCount: wholeNumber(given, "cycles", 0) ?? 0,
    captures: capture === undefined ? [] : [capture],
    speed: speedOf(given),
    dropCounters: entry.target?.({}).drops.map(({ counter }) => counter) ?? [],
    ...(limit === undefined ? {} : { limit }),
    ...(command === undefined ? {} : { command }),
  };
}

function speedOf(given: Arguments): NonNullable<LinuxTrialOptions["speed"]> {
  try {
    return parseSpeed(given.value("speed") ?? "recorded");
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function stepText({ name, text, isGood, atMs }: TrialStep, paint: ReturnType<typeof painter>): string {
  const mark = isGood ? paint("green", "✓") : paint("red", "✗");
  return `${mark} ${`${(atMs / 1000).toFixed(1)} s`.padStart(7)}  ${name.padEnd(8)} ${text}\n`;
}

/** The end of an output is not to pass for the whole. */
function cutText({ cutLength }: GuestResult): string[] {
  return cutLength === 0 ? [] : [`(${counted(cutLength, "character")} before these are not kept)`];
}

function reportText({ complaints, statistics, command, isGood }: LinuxTrialReport): string {
  const violations = statistics.findings.filter(({ kind }) => kind === "violation");
  const notes = statistics.findings.length - violations.length;
  const { rxFrames = 0, txFrames = 0 } = statistics.device.counters;
  return [
    ...(command === undefined ? [] : [...cutText(command), command.output, ""]),
    ...complaints.map((line) => `kernel log: ${line}`),
    `${statistics.device.device}: ${counted(rxFrames, "frame")} in, ${counted(txFrames, "frame")} out, ${counted(statistics.device.bus.interrupts ?? 0, "interrupt")}`,
    ...violations
      .slice(0, SHOWN_FINDINGS)
      .map(({ message, count }) => `rule broken${count > 1 ? ` ${count} times` : ""}: ${message}`),
    `${counted(violations.length, "rule")} broken by the driver; ${counted(notes, "note")} on what it touched that is not modelled (--json has them)`,
    isGood ? "" : "Something is not as it should be: see ✗ above.",
  ]
    .filter((line, index, lines) => line !== "" || index < lines.length - 1)
    .join("\n")
    .concat("\n");
}
