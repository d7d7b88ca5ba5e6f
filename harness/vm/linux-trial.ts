import type { ReplaySpeed } from "../replay/replay-speed.ts";
import { type GuestReplayReport, replayIntoGuest } from "./guest-replay.ts";
import type { GuestStatistics } from "./guest-thread.ts";
import { LinuxGuest, type LinuxGuestOptions } from "./linux-guest.ts";
import { GuestError } from "./vm-error.ts";

/** What a driver of the guest's kernel is put through. */
export interface LinuxTrialOptions extends LinuxGuestOptions {
  /** Echo requests that the guest sends; 0 leaves them out. Default 300. */
  readonly pingCount?: number;
  /** How often the interface goes down and up, and the driver's module is taken out and loaded anew. Default 0. */
  readonly cycleCount?: number;
  /** Captures to let arrive, one after the other. */
  readonly captures?: readonly string[];
  readonly speed?: ReplaySpeed;
  readonly limit?: number;
  /** A command for the guest's shell, after all else. */
  readonly command?: string;
  /** Names in the device's statistics whose sum is the frames that it dropped. */
  readonly dropCounters?: readonly string[];
  /** Told each step when it is done, with the seconds since the start. */
  readonly onStep?: (step: TrialStep) => void;
  readonly onProgress?: (text: string) => void;
}

export interface TrialStep {
  readonly name: string;
  readonly text: string;
  readonly isGood: boolean;
  readonly atMs: number;
}

/** What came of it. Plain data. */
export interface LinuxTrialReport {
  readonly kernel: string;
  readonly modules: readonly string[];
  /** Names of the network interfaces that the driver made. */
  readonly networkDevices: readonly string[];
  readonly ping: { readonly sentCount: number; readonly receivedCount: number } | undefined;
  readonly captures: readonly GuestReplayReport[];
  /** Rounds of down and up, and of unloading and loading, after which the link was up and an echo came back. */
  readonly cycles: { readonly wantedCount: number; readonly linkCount: number; readonly moduleCount: number };
  readonly command: { readonly code: number; readonly output: string } | undefined;
  /** Lines of the kernel's log about the modules that are warnings or worse, and oopses. */
  readonly complaints: readonly string[];
  readonly statistics: GuestStatistics;
  readonly durationMs: number;
  /** Every echo answered, every frame counted, every cycle whole, the command's code 0 and no complaint. */
  readonly isGood: boolean;
}

const GUEST_ADDRESS = "10.0.0.2/24";
const PEER_ADDRESS = "10.0.0.1";
const LINK_TRIES = 40;
/** Kernel log level of warnings (include/linux/kern_levels.h); below are errors. */
const WARNING_LEVEL = 4;

/**
 * Boots a guest with the device, loads the driver, and puts it through echo requests, captures and cycles. The guest is
 * closed when it settles.
 * @throws what {@link LinuxGuest.boot} throws, GuestError when a step cannot be done at all, CaptureError for a file that is none.
 */
export async function linuxTrial(options: LinuxTrialOptions): Promise<LinuxTrialReport> {
  const startedAtMs = performance.now();
  const { onStep = () => {}, onProgress = () => {}, pingCount = 300, cycleCount = 0 } = options;
  const done = (name: string, text: string, isGood = true): void =>
    onStep({ name, text, isGood, atMs: performance.now() - startedAtMs });
  onProgress("booting");
  await using guest = await LinuxGuest.boot(options);
  done("boot", `Linux ${guest.kernelRelease}`);
  const before = await networkDevices(guest);
  onProgress("loading modules");
  await guest.loadModules();
  const modules = guest.modulePaths.map((path) => path.replace(/^.*\/|\.ko$/g, ""));
  const devices = (await networkDevices(guest)).filter((name) => !before.includes(name));
  done("modules", modules.join(" ") || "none");
  const [networkDevice] = devices;
  const wantsNetwork = pingCount > 0 || cycleCount > 0 || (options.captures?.length ?? 0) > 0;
  let ping: LinuxTrialReport["ping"];
  const captures: GuestReplayReport[] = [];
  let cycles = { wantedCount: cycleCount, linkCount: 0, moduleCount: 0 };
  if (wantsNetwork && networkDevice === undefined) {
    const log = await guest.run("dmesg | tail -n 20");
    throw new GuestError(
      `no network interface appeared after ${modules.join(", ") || "no module"} was loaded. The kernel's log ends with:\n${log.output}`,
    );
  }
  if (networkDevice !== undefined && wantsNetwork) {
    const trial = new NetworkTrial(guest, networkDevice, modules);
    done("link", `${networkDevice} ${await trial.bringUp()}`);
    if (pingCount > 0) {
      onProgress(`${pingCount} echo requests`);
      ping = await trial.ping(pingCount);
      done("ping", `${ping.receivedCount} of ${ping.sentCount} answered`, ping.receivedCount === pingCount);
    }
    for (const file of options.captures ?? []) {
      const report = await replayIntoGuest(guest, file, {
        speed: options.speed ?? 1,
        networkDevice,
        dropCounters: options.dropCounters ?? [],
        ...(options.limit === undefined ? {} : { limit: options.limit }),
        onProgress: (count) => onProgress(`${file}: ${count} frames`),
      });
      captures.push(report);
      done("capture", captureText(report), isWhole(report));
    }
    if (cycleCount > 0) {
      onProgress(`${cycleCount} cycles`);
      cycles = {
        wantedCount: cycleCount,
        linkCount: await trial.cycleLink(cycleCount),
        moduleCount: await trial.cycleModule(cycleCount),
      };
      const isGood = cycles.linkCount === cycleCount && cycles.moduleCount === cycleCount;
      done("cycles", `down and up ${cycles.linkCount}, unload and load ${cycles.moduleCount} of ${cycleCount}`, isGood);
    }
  }
  let command: LinuxTrialReport["command"];
  if (options.command !== undefined) {
    command = await guest.run(options.command, 600_000);
    done("command", `ended with ${command.code}`, command.code === 0);
  }
  const complaints = await complaintsOf(guest, [...modules, ...devices]);
  done(
    "log",
    complaints.length === 0 ? "no warning, no error" : `${complaints.length} complaints`,
    complaints.length === 0,
  );
  const statistics = await guest.statistics();
  return {
    kernel: guest.kernelRelease,
    modules,
    networkDevices: devices,
    ping,
    captures,
    cycles,
    command,
    complaints,
    statistics,
    durationMs: performance.now() - startedAtMs,
    isGood:
      complaints.length === 0 &&
      (ping === undefined || ping.receivedCount === ping.sentCount) &&
      captures.every(isWhole) &&
      cycles.linkCount === cycleCount &&
      cycles.moduleCount === cycleCount &&
      (command?.code ?? 0) === 0,
  };
}

/** What is done with one network interface of the guest. */
class NetworkTrial {
  readonly #guest: LinuxGuest;
  readonly #name: string;
  /** The module that drives the card: the last one that was asked for. */
  readonly #module: string;

  constructor(guest: LinuxGuest, name: string, modules: readonly string[]) {
    this.#guest = guest;
    this.#name = name;
    this.#module = modules.at(-1) ?? "";
  }

  /** Gives it its address and waits for the link; resolves with the speed in words. */
  async bringUp(): Promise<string> {
    const { output, code } = await this.#guest.run(this.#up());
    if (code !== 0)
      throw new GuestError(`the link of ${this.#name} did not come up within ${LINK_TRIES / 4} s: ${output}`);
    const speed = await this.#guest.run(`cat /sys/class/net/${this.#name}/speed`);
    return `up, ${speed.output.trim()} Mb/s`;
  }

  async ping(count: number): Promise<{ sentCount: number; receivedCount: number }> {
    const { output } = await this.#guest.run(
      `ping -q -c ${count} -i 0.02 -W 2 ${PEER_ADDRESS}`,
      10_000 + count * 2_000,
    );
    const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) packets received/.exec(output) ?? [];
    return { sentCount: Number(sent), receivedCount: Number(received) };
  }

  /** Rounds after which an echo came back. */
  cycleLink(count: number): Promise<number> {
    return this.#rounds(count, `ip link set ${this.#name} down && ${this.#up()}`);
  }

  cycleModule(count: number): Promise<number> {
    const path = this.#guest.modulePaths.at(-1);
    return this.#rounds(count, `rmmod ${this.#module} && insmod ${path} && ${this.#up()}`);
  }

  async #rounds(count: number, round: string): Promise<number> {
    let goodCount = 0;
    for (let index = 0; index < count; index++) {
      const { code } = await this.#guest.run(`${round} && ping -q -c 1 -W 5 ${PEER_ADDRESS}`);
      if (code === 0) goodCount++;
    }
    return goodCount;
  }

  #up(): string {
    const name = this.#name;
    const tries = Array.from({ length: LINK_TRIES }, (_, index) => index).join(" ");
    const hasCarrier = `[ "$(cat /sys/class/net/${name}/carrier 2>/dev/null)" = 1 ]`;
    return `ip addr replace ${GUEST_ADDRESS} dev ${name} && ip link set ${name} up && (for i in ${tries}; do ${hasCarrier} && exit 0; sleep 0.25; done; exit 1)`;
  }
}

async function networkDevices(guest: LinuxGuest): Promise<string[]> {
  return (await guest.mustRun("ls /sys/class/net")).split(/\s+/).filter((name) => name !== "");
}

/** Warnings and errors that name a module or interface, and the kernel's own cries. */
async function complaintsOf(guest: LinuxGuest, names: readonly string[]): Promise<string[]> {
  const log = await guest.mustRun("dmesg -r");
  return log.split("\n").flatMap((line) => {
    const [, level = "7", text = ""] = /^<(\d+)>(.*)$/.exec(line) ?? [];
    const isCry = /\bBUG:|\bOops|Call Trace|soft lockup|Kernel panic/.test(text);
    const isWorse = (Number(level) & 7) <= WARNING_LEVEL && names.some((name) => text.includes(name));
    return isCry || isWorse ? [text] : [];
  });
}

function isWhole(report: GuestReplayReport): boolean {
  return report.capturedCount === report.sentCount && report.capturedBytes === report.sentBytes;
}

function captureText({ file, sentCount, capturedCount, kernelDropCount }: GuestReplayReport): string {
  const lost = kernelDropCount === 0 ? "" : `, ${kernelDropCount} dropped by the guest's kernel`;
  return `${file}: ${capturedCount} of ${sentCount} frames at the guest's packet socket${lost}`;
}
