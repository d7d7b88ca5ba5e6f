import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { DeviceStatistics } from "../../emulator/run/device-thread.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { createTables, declarationOf, type LoadedDevice, loadDevice, Machine } from "../../emulator/run/machine.ts";
import { Replayer } from "../replay/replayer.ts";
import type { ReplayerOptions, ReplayerReport } from "../replay/replayer-options.ts";
import { BLOCK_BYTES, GuestFunction } from "./guest-function.ts";
import type { Emulator } from "./v86-internals.ts";
import { GuestError } from "./vm-error.ts";
import { WirePeer, type WirePeerReport } from "./wire-peer.ts";

/** What a guest's thread is started with. Structured-cloneable, but for the port, which is transferred. */
export interface GuestThreadData {
  readonly device: DeviceSpec;
  readonly kernelPath: string;
  readonly biosPath: string;
  readonly vgaBiosPath: string;
  readonly archive: Uint8Array;
  readonly commandLine: string;
  readonly memoryBytes: number;
  /** IPv4 address of the host at the far end of the wire. */
  readonly peerAddress: readonly number[];
  /** Carries {@link GuestOutput} out and bytes for the shell in. */
  readonly port: MessagePort;
}

/** Bytes that the guest wrote to its console or its shell. */
export interface GuestOutput {
  readonly stream: "console" | "shell";
  readonly bytes: Uint8Array;
}

/** What {@link GuestThread.statistics} gives. */
export interface GuestStatistics {
  readonly device: DeviceStatistics;
  readonly peer: WirePeerReport | undefined;
  readonly findings: readonly Finding[];
}

const CONSOLE_PORT = 0;
const SHELL_PORT = 1;
/** Bytes are handed over when a line is whole, or this many are waiting. */
const OUTPUT_BYTES = 4096;

/** Control plane of a guest. */
export class GuestThread {
  readonly #machine: Machine;
  readonly #peer: WirePeer | undefined;
  #replayer: Replayer | undefined;

  private constructor(machine: Machine, peer: WirePeer | undefined) {
    this.#machine = machine;
    this.#peer = peer;
  }

  /** Loads device and emulator and starts the guest. Rejects with GuestError when the emulator is not installed. */
  static async start(data: GuestThreadData): Promise<GuestThread> {
    const device = withWholeBlocks(await loadDevice(data.device));
    const declaration = declarationOf(device);
    const tables = createTables([device], {
      clock: "wall",
      hostMemoryBytes: 4096,
      iommu: { baseIova: 0, windowBytes: data.memoryBytes, mappingCount: 64 },
    });
    const machine = new Machine([device], tables);
    const [endpoint] = machine.endpoints;
    if (endpoint === undefined) throw new GuestError("the guest's device was not plugged in");
    const outbound = tables.functions[0]?.ports[0]?.outbound;
    const peer = outbound === undefined ? undefined : new WirePeer(endpoint, 0, outbound, data.peerAddress);
    if (peer !== undefined) machine.host.sources.push(peer);
    const emulator = await emulatorOf(data, declaration.name);
    const guest = new GuestFunction(emulator.v86.cpu, machine);
    const { cpu } = emulator.v86;
    const timers = cpu.run_hardware_timers;
    cpu.run_hardware_timers = (isAcpiEnabled, nowMs) =>
      Math.min(timers.call(cpu, isAcpiEnabled, nowMs), guest.advance());
    await emulator.run();
    return new GuestThread(machine, peer);
  }

  /** Lets a capture arrive at the guest's wire, from the queue that the reader fills. */
  replay(options: ReplayerOptions): void {
    this.#replayer = new Replayer(this.#machine, options);
    this.#machine.host.sources.push(...this.#replayer.sources);
  }

  replayReport(): ReplayerReport {
    if (this.#replayer === undefined) throw new GuestError("nothing has been replayed");
    return this.#replayer.report();
  }

  statistics(): GuestStatistics {
    const [endpoint] = this.#machine.endpoints;
    if (endpoint === undefined) throw new GuestError("the guest has no device");
    return {
      device: {
        device: endpoint.declaration.name,
        counters: endpoint.device.statistics(),
        bus: endpoint.busStatistics(),
        sentFrameCount: this.#machine.sentFrameCount(0),
      },
      peer: this.#peer?.report(),
      findings: endpoint.findings.findings.map((finding) => ({ ...finding })),
    };
  }
}

/** The emulator dispatches memory-mapped I/O by blocks, so a BAR of the guest's has at least that size; what is behind the registers answers as nothing does. */
function withWholeBlocks(device: LoadedDevice): LoadedDevice {
  const declaration = declarationOf(device);
  const bars = declaration.bars.map((bar) => ({ ...bar, byteLength: Math.max(bar.byteLength, BLOCK_BYTES) }));
  return { ...device, module: { ...device.module, declaration: { ...declaration, bars } } };
}

async function emulatorOf(data: GuestThreadData, deviceName: string): Promise<Emulator> {
  const { port } = data;
  const { V86, wasmPath } = await loadEmulator(deviceName);
  const emulator = new V86({
    wasm_path: wasmPath,
    memory_size: data.memoryBytes,
    vga_memory_size: 2 << 20,
    bios: { buffer: fileOf(data.biosPath) },
    vga_bios: { buffer: fileOf(data.vgaBiosPath) },
    bzimage: { buffer: fileOf(data.kernelPath) },
    initrd: { buffer: Uint8Array.from(data.archive).buffer },
    cmdline: data.commandLine,
    autostart: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    uart1: true,
    acpi: true,
    log_level: 0,
  });
  for (const [serial, stream] of [
    [CONSOLE_PORT, "console"],
    [SHELL_PORT, "shell"],
  ] as const) {
    const output = new OutputLines(port, stream);
    emulator.add_listener(`serial${serial}-output-byte`, (byte) => output.put(byte));
  }
  port.on("message", (bytes: Uint8Array) => emulator.serial_send_bytes(SHELL_PORT, bytes));
  await new Promise<void>((resolve) => emulator.add_listener("emulator-loaded", () => resolve()));
  return emulator;
}

type EmulatorClass = new (options: Readonly<Record<string, unknown>>) => Emulator;

async function loadEmulator(deviceName: string): Promise<{ readonly V86: EmulatorClass; readonly wasmPath: string }> {
  try {
    const main = createRequire(import.meta.url).resolve("v86");
    const { V86 } = (await import("v86")) as unknown as { readonly V86: EmulatorClass };
    return { V86, wasmPath: join(dirname(main), "v86.wasm") };
  } catch (error) {
    throw new GuestError(
      `The PC that the ${deviceName} would be plugged into is the package v86, which is not installed: npm install -D v86@0.5.462`,
      { cause: error },
    );
  }
}

function fileOf(path: string): ArrayBuffer {
  return Uint8Array.from(readFileSync(path)).buffer;
}

/** Hands serial output over by the line: a message for each byte would be most of what the thread does. */
class OutputLines {
  readonly #port: MessagePort;
  readonly #stream: GuestOutput["stream"];
  readonly #bytes = new Uint8Array(OUTPUT_BYTES);
  #count = 0;
  #isPlanned = false;

  constructor(port: MessagePort, stream: GuestOutput["stream"]) {
    this.#port = port;
    this.#stream = stream;
  }

  put(byte: number): void {
    this.#bytes[this.#count++] = byte;
    if (this.#count === OUTPUT_BYTES) this.#flush();
    else if (!this.#isPlanned) {
      // A prompt ends in no line feed and is to be seen too.
      this.#isPlanned = true;
      setImmediate(() => this.#flush());
    }
  }

  #flush(): void {
    this.#isPlanned = false;
    if (this.#count === 0) return;
    this.#port.postMessage({ stream: this.#stream, bytes: this.#bytes.slice(0, this.#count) } satisfies GuestOutput);
    this.#count = 0;
  }
}
