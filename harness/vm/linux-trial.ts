import type { ReplaySpeed } from "../replay/replay-speed.ts";
import { type GuestReplayReport, replayIntoGuest } from "./guest-replay.ts";
import type { GuestResult } from "./guest-shell.ts";
import type { GuestStatistics } from "./guest-thread.ts";
import { LinuxGuest, type LinuxGuestOptions } from "./linux-guest.ts";
import { complaintsOf, moduleOf, NetworkTrial } from "./network-trial.ts";
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
  readonly command: GuestResult | undefined;
  /** Lines of the kernel's log about the modules that are warnings or worse, and oopses. */
  readonly complaints: readonly string[];
  readonly statistics: GuestStatistics;
  readonly durationMs: number;
  /** Every echo answered, every frame counted, every cycle whole, the command's code 0 and no complaint. */
  readonly isGood: boolean;
}

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
  const modules = guest.modulePaths.map(moduleOf);
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
    const trial = new NetworkTrial(guest, networkDevice, guest.modulePaths);
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

async function networkDevices(guest: LinuxGuest): Promise<string[]> {
  return (await guest.mustRun("ls /sys/class/net")).split(/\s+/).filter((name) => name !== "");
}

function isWhole(report: GuestReplayReport): boolean {
  return report.capturedCount === report.sentCount && report.capturedBytes === report.sentBytes;
}

function captureText({ file, sentCount, capturedCount, kernelDropCount }: GuestReplayReport): string {
  const lost = kernelDropCount === 0 ? "" : `, ${kernelDropCount} dropped by the guest's kernel`;
  return `${file}: ${capturedCount} of ${sentCount} frames at the guest's packet socket${lost}`;
}
