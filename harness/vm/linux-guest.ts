import { once } from "node:events";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { type Control, type ControlConnection, connectControl } from "../../emulator/run/control.ts";
import { type GuestFiles, guestCacheFolder, guestFiles } from "./guest-files.ts";
import { type GuestFile, guestRoot } from "./guest-root.ts";
import { COMMAND_LIMIT_MS, type GuestResult, GuestShell } from "./guest-shell.ts";
import type { GuestOutput, GuestStatistics, GuestThread, GuestThreadData } from "./guest-thread.ts";
import { GuestError, GuestStuckError } from "./vm-error.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const WORKER = new URL(`./guest.worker${EXTENSION}`, import.meta.url);

/** What kind of guest. */
export interface LinuxGuestOptions {
  readonly device: DeviceSpec;
  /** Folder that `softbar vm fetch` filled. Default: the cache folder. */
  readonly folder?: string;
  /** Kernel modules of the distribution to load, with what they need. Default none. */
  readonly modules?: readonly string[];
  /** Kernel modules of one's own, files on this machine, loaded after the others. */
  readonly ownModules?: readonly string[];
  /** Further files that the guest gets. */
  readonly files?: readonly GuestFile[];
  /** Default 192 MiB; whole MiB. */
  readonly memoryBytes?: number;
  /** Words behind the kernel's command line. */
  readonly kernelWords?: string;
  /** IPv4 address of the host at the far end of the wire. Default 10.0.0.1. */
  readonly peerAddress?: readonly number[];
  /** How long the guest may take until its shell answers. Default 120 s: a slow machine takes 40. */
  readonly bootLimitMs?: number;
  /** Told each line of the kernel's console. */
  readonly onConsole?: (line: string) => void;
}

const DEFAULT_MEMORY_BYTES = 192 << 20;
const DEFAULT_BOOT_LIMIT_MS = 120_000;
/** Ctrl-], as telnet has it. */
const LEAVE = 0x1d;

/**
 * A Linux kernel of a distribution in an emulated PC, with a simulated device on its PCI bus. It runs in a worker thread;
 * close it: `await using guest = await LinuxGuest.boot({ device: ixgbe(), modules: ["ixgbe"] })`.
 */
export class LinuxGuest {
  readonly kernelRelease: string;
  /** Paths in the guest of the modules that were asked for, in the order in which `insmod` takes them. Not loaded yet. */
  readonly modulePaths: readonly string[];
  readonly #worker: Worker;
  readonly #connection: ControlConnection<GuestThread>;
  readonly #port: MessagePort;
  readonly #shell: GuestShell;
  #consoleLine = "";
  #onShellBytes: ((bytes: Uint8Array) => void) | undefined;

  private constructor(
    worker: Worker,
    port: MessagePort,
    guest: GuestFiles,
    modulePaths: readonly string[],
    onConsole: (line: string) => void,
  ) {
    this.#worker = worker;
    this.#port = port;
    this.kernelRelease = guest.kernelRelease;
    this.modulePaths = modulePaths;
    this.#shell = new GuestShell((bytes) => this.#post(bytes));
    this.#connection = connectControl<GuestThread>(worker);
    port.on("message", ({ stream, bytes }: GuestOutput) => {
      if (stream === "console") this.#takeConsole(bytes, onConsole);
      else this.#takeShell(bytes);
    });
    worker.once("error", (error: Error) => this.#end(error));
    worker.once("exit", (code: number) => this.#end(new GuestError(`the guest's thread ended with code ${code}`)));
  }

  /**
   * Boots; resolves when its shell answers.
   * @throws GuestError when its packages are not there, a module is unknown, or the emulator is not installed;
   * GuestStuckError when it does not come up within the limit, with the end of its console.
   */
  static async boot(options: LinuxGuestOptions): Promise<LinuxGuest> {
    const guest = guestFiles(options.folder ?? guestCacheFolder());
    const { modules = [], ownModules = [], files = [] } = options;
    const root = guestRoot(guest, { modules, ownModules, files });
    const channel = new MessageChannel();
    const data: GuestThreadData = {
      device: options.device,
      kernelPath: join(guest.root, "boot", `vmlinuz-${guest.kernelRelease}`),
      biosPath: join(guest.root, "usr/share/seabios/bios.bin"),
      vgaBiosPath: join(guest.root, "usr/share/seabios/vgabios-stdvga.bin"),
      archive: root.archive,
      // Nobody attacks this guest, and an emulated processor pays for each mitigation. Without ACPI the kernel finds the
      // interrupt controllers in the BIOS's MP table, and MSI-X with them; by ACPI it finds no device but the first.
      commandLine: `console=ttyS0 panic=-1 mitigations=off acpi=off ${options.kernelWords ?? ""}`.trim(),
      memoryBytes: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
      peerAddress: options.peerAddress ?? [10, 0, 0, 1],
      port: channel.port2,
    };
    const worker = new Worker(WORKER, { workerData: data, transferList: [channel.port2], name: "softbar guest" });
    const consoleLines: string[] = [];
    const linux = new LinuxGuest(worker, channel.port1, guest, root.modulePaths, (line) => {
      consoleLines.push(line);
      if (consoleLines.length > 20) consoleLines.shift();
      options.onConsole?.(line);
    });
    try {
      await linux.#untilUp(options.bootLimitMs ?? DEFAULT_BOOT_LIMIT_MS, consoleLines);
      return linux;
    } catch (error) {
      await linux.close();
      throw error;
    }
  }

  /** The device's side: what arrived, what the far end answered, what rules the driver broke. */
  get control(): Control<GuestThread> {
    return this.#connection.control;
  }

  statistics(): Promise<GuestStatistics> {
    return this.control.statistics();
  }

  /**
   * Runs a command in the guest's shell, one after the other. Rejects with GuestStuckError after the limit; the command
   * then still runs, and the guest is of no further use.
   */
  run(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<GuestResult> {
    return this.#shell.run(command, limitMs);
  }

  /** As {@link run}; rejects with GuestError and what it printed when the command fails. */
  mustRun(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<string> {
    return this.#shell.mustRun(command, limitMs);
  }

  /** Loads the modules that the guest was booted with. */
  async loadModules(): Promise<void> {
    for (const path of this.modulePaths) await this.mustRun(`insmod ${path}`);
  }

  /** Hands the shell to a terminal: bytes go through as they are. Ends with Ctrl-], with `input`, or with the guest. */
  async attach(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<void> {
    this.#onShellBytes = (bytes) => void output.write(bytes);
    this.#post(new TextEncoder().encode("stty -F /dev/ttyS1 sane; exec sh -i </dev/ttyS1 >/dev/ttyS1 2>&1\n"));
    const forward = (bytes: Buffer | string): void => this.#post(Buffer.from(bytes));
    const left = new Promise<void>((resolve) => {
      input.on("data", (bytes: Buffer | string) => {
        if (Buffer.from(bytes).includes(LEAVE)) resolve();
        else forward(bytes);
      });
    });
    await Promise.race([left, once(input, "end"), once(this.#worker, "exit")]);
    input.removeAllListeners("data");
    this.#onShellBytes = undefined;
  }

  async close(): Promise<void> {
    this.#connection.fail("the guest was closed");
    this.#port.close();
    await this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #untilUp(limitMs: number, consoleLines: readonly string[]): Promise<void> {
    try {
      await this.#shell.untilUp(limitMs);
    } catch (error) {
      if (!(error instanceof GuestStuckError)) throw error;
      throw new GuestStuckError(
        `the guest's shell did not answer within ${limitMs / 1000} s. Its console ended with:\n${consoleLines.join("\n")}`,
      );
    }
  }

  #post(bytes: Uint8Array): void {
    this.#port.postMessage(Uint8Array.from(bytes));
  }

  #takeShell(bytes: Uint8Array): void {
    if (this.#onShellBytes === undefined) this.#shell.take(bytes);
    else this.#onShellBytes(bytes);
  }

  #takeConsole(bytes: Uint8Array, onConsole: (line: string) => void): void {
    this.#consoleLine += new TextDecoder("latin1").decode(bytes);
    const lines = this.#consoleLine.split(/\r*\n/);
    this.#consoleLine = lines.pop() ?? "";
    for (const line of lines) onConsole(line);
  }

  #end(error: Error): void {
    this.#shell.end(error);
    this.#connection.fail(error.message);
  }
}
