import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { VfioUserServer } from "../../harness/vfio-user/server.ts";
import type { GuestFiles } from "../../harness/vm/guest-files.ts";
import { type GuestRootOptions, guestRoot } from "../../harness/vm/guest-root.ts";
import { type GuestResult, GuestShell } from "../../harness/vm/guest-shell.ts";

export interface QemuGuestOptions extends Pick<GuestRootOptions, "modules" | "programs"> {
  /** Where QEMU is unpacked. */
  readonly qemu: string;
  readonly guest: GuestFiles;
  readonly device: DeviceSpec;
  /** As of the server. */
  readonly descriptors: "auto" | "never";
  /** Whole MiB. */
  readonly memoryMegabytes: number;
  /** Leaves the guest's memory without the seal by which it can be mapped here. Default false. */
  readonly canShrink?: boolean;
  /** Words behind the kernel's command line. */
  readonly kernelWords?: string;
  readonly say: (line: string) => void;
}

const BOOT_LIMIT_MS = 300_000;
const COMMAND_LIMIT_MS = 300_000;
const TERMINAL = "terminal.sock";
const CONSOLE_LINES = 15;

/** A guest in QEMU with a device that is served here. Close it: it is a process, a socket and a folder. */
export class QemuGuest {
  readonly server: VfioUserServer;
  /** Paths in the guest of its modules, in the order in which `insmod` takes them. */
  readonly modulePaths: readonly string[];
  /** The other end of the guest's /dev/ttyS2: for a program that wants a terminal. */
  readonly terminal: Promise<Socket>;
  readonly #shell: GuestShell;
  readonly #place: string;
  readonly #close: () => void;

  private constructor(server: VfioUserServer, lines: Server, options: QemuGuestOptions, place: string) {
    const { qemu, guest, memoryMegabytes } = options;
    this.server = server;
    this.#place = place;
    const root = guestRoot(guest, { ...options, ownModules: [], files: [] });
    this.modulePaths = root.modulePaths;
    this.terminal = once(lines, "connection").then(([socket]) => socket as Socket);
    writeFileSync(join(place, "initrd.gz"), root.archive);
    const device = {
      driver: "vfio-user-pci",
      socket: { type: "unix", path: server.path },
      "x-no-posted-writes": true,
    };
    const words = [
      ["--library-path", join(qemu, "usr/lib/x86_64-linux-gnu"), join(qemu, "usr/bin/qemu-system-x86_64")],
      ["-L", join(qemu, "usr/share/qemu"), "-L", join(qemu, "usr/share/seabios"), "-nodefaults", "-no-user-config"],
      ["-machine", "q35,memory-backend=memory", "-accel", "tcg", "-cpu", "max", "-m", `${memoryMegabytes}`],
      [
        "-object",
        `memory-backend-memfd,id=memory,size=${memoryMegabytes}M,share=on,seal=${options.canShrink === true ? "off" : "on"}`,
      ],
      ["-kernel", join(guest.root, "boot", `vmlinuz-${guest.kernelRelease}`), "-initrd", join(place, "initrd.gz")],
      ["-append", `console=ttyS0 panic=-1 mitigations=off ${options.kernelWords ?? ""}`.trim()],
      ["-display", "none", "-serial", `file:${join(place, "console")}`, "-serial", "stdio"],
      ["-serial", `unix:${join(place, TERMINAL)}`],
      ["-device", JSON.stringify(device)],
    ].flat();
    const child = spawn(join(qemu, "usr/lib64/ld-linux-x86-64.so.2"), words, { stdio: ["pipe", "pipe", "pipe"] });
    this.#shell = new GuestShell((bytes) => void child.stdin.write(bytes));
    let complaint = "";
    child.stdout.on("data", (bytes: Buffer) => this.#shell.take(bytes));
    child.stderr.on("data", (bytes: Buffer) => {
      complaint += bytes.toString();
    });
    child.once("error", (error) => this.#shell.end(error));
    child.once("exit", (code) => this.#shell.end(new Error(`QEMU ended with ${code}: ${complaint}`)));
    this.#close = () => {
      child.kill("SIGKILL");
      lines.close();
    };
  }

  /** Boots; resolves when its shell answers. @throws GuestStuckError after five minutes. */
  static async boot(options: QemuGuestOptions): Promise<QemuGuest> {
    const { device, descriptors, say } = options;
    const place = mkdtempSync(join(tmpdir(), "softbar-qemu-"));
    const server = await VfioUserServer.listen(device, join(place, "device.sock"), {
      descriptors,
      onMemory: (text) => say(`  ${text}`),
      onDisconnect: (reason) => reason !== undefined && say(`  hung up: ${reason}`),
    });
    const lines = createServer().listen(join(place, TERMINAL));
    await once(lines, "listening");
    const qemu = new QemuGuest(server, lines, options, place);
    try {
      await qemu.#shell.untilUp(BOOT_LIMIT_MS);
      return qemu;
    } catch (error) {
      say(qemu.consoleEnd());
      await qemu.close();
      throw error;
    }
  }

  run(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<GuestResult> {
    return this.#shell.run(command, limitMs);
  }

  mustRun(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<string> {
    return this.#shell.mustRun(command, limitMs);
  }

  async loadModules(): Promise<void> {
    for (const path of this.modulePaths) await this.mustRun(`insmod ${path}`);
  }

  /** The kernel's last words. */
  consoleEnd(): string {
    try {
      return readFileSync(join(this.#place, "console"), "latin1").split("\n").slice(-CONSOLE_LINES).join("\n");
    } catch {
      return "(the console is empty)";
    }
  }

  async close(): Promise<void> {
    this.#close();
    await this.server.close();
    rmSync(this.#place, { recursive: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
