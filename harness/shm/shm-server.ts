import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { DeviceDeclaration, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { DeviceStatistics } from "../../emulator/run/device-thread.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { createTables, declarationOf, firstIova, loadDevice } from "../../emulator/run/machine.ts";
import { mappedAccessLimits } from "../../emulator/run/mirror.ts";
import { Libc } from "../native/libc.ts";
import { callerLine } from "../open-testbeds.ts";
import { ThreadedTestbed } from "../threaded-testbed.ts";
import type { ShmOptions, ShmReport } from "./shm-attachment.ts";
import { MAGIC } from "./shm-layout.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const ATTACHMENT = new URL(`./shm-attachment${EXTENSION}`, import.meta.url).href;
const PAGE_BYTES = 4096;
const DEFAULT_DMA_BYTES = 64 << 20;
/** One mapping of the IOMMU. */
const DMA_BYTES_MAX: number = 2 ** 31 - PAGE_BYTES;
/** Files that a server makes: nothing else is taken away when it ends, and a folder with something else is not touched. */
const OWN_FILES = /^(control(\.\d+)?|dma|bar[0-5])$/;

export interface ShmServerOptions {
  /** Bytes of memory that the device reaches, rounded up to whole pages. Default 64 MiB. */
  readonly dmaBytes?: number;
  /** Joins the first wire port to itself: what is sent comes back. */
  readonly loopback?: boolean;
}

/** A device that other processes reach by files which they map. Close it. */
export class ShmServer {
  readonly folder: string;
  /** What mapped access to this device cannot do, in lines for a person. */
  readonly limits: readonly string[];
  readonly #bed: ThreadedTestbed;
  readonly #isOwnFolder: boolean;
  #isClosed = false;

  private constructor(folder: string, limits: readonly string[], bed: ThreadedTestbed, isOwnFolder: boolean) {
    this.folder = folder;
    this.limits = limits;
    this.#bed = bed;
    this.#isOwnFolder = isOwnFolder;
  }

  /**
   * Makes the folder, which is empty or not there, and serves the device in it. A folder of memory (/dev/shm) never goes to disk.
   * @throws Error when it holds anything else, or files cannot be mapped here; RangeError for more memory than the device reaches.
   */
  static async start(spec: DeviceSpec, folder: string, options: ShmServerOptions = {}): Promise<ShmServer> {
    const { loopback = false } = options;
    if ((await Libc.load()) === undefined) {
      throw new Error(
        "shared memory of other processes takes a 64-bit Linux and the package koffi: npm install -D koffi",
      );
    }
    const strange = existsSync(folder) ? readdirSync(folder).filter((name) => !OWN_FILES.test(name)) : [];
    if (strange.length > 0)
      throw new Error(`${folder} holds ${strange[0]}, which is not a device's; it is not touched`);
    const device = await loadDevice(spec);
    const declaration = declarationOf(device);
    const baseIova = firstIova(declaration);
    const dmaBytes = Math.ceil((options.dmaBytes ?? DEFAULT_DMA_BYTES) / PAGE_BYTES) * PAGE_BYTES;
    if (!(dmaBytes > 0 && dmaBytes <= DMA_BYTES_MAX))
      throw new RangeError(`${options.dmaBytes} bytes of memory: a folder holds 1 to ${DMA_BYTES_MAX}`);
    const reachedBytes = 2 ** (declaration.dmaAddressBits ?? 48) - baseIova;
    if (dmaBytes > reachedBytes)
      throw new RangeError(
        `${declaration.name} drives ${declaration.dmaAddressBits} address bits: it reaches ${reachedBytes} bytes of memory, not ${dmaBytes}`,
      );
    const tables = createTables([device], {
      clock: "wall",
      busMaster: true,
      hostMemoryBytes: PAGE_BYTES,
      sentFrames: "count",
      // The arena's page and the shared memory.
      iommu: { baseIova, windowBytes: dmaBytes, mappingCount: 16 },
      ...(loopback ? { cables: [[[0, 0] as const, [0, 0] as const] as const] } : {}),
    });
    const isOwnFolder = mkdirSync(folder, { recursive: true }) !== undefined;
    const attachment: ShmOptions = { folder, dmaBytes, baseIova };
    try {
      const bed = await ThreadedTestbed.start(
        [spec],
        tables,
        {},
        {
          attachments: [{ moduleUrl: ATTACHMENT, options: attachment }],
          openedAt: callerLine(),
          notice: () => {},
        },
      );
      return new ShmServer(folder, limitsOf(declaration), bed, isOwnFolder);
    } catch (error) {
      if (isOwnFolder) removeIfEmpty(folder);
      throw error;
    }
  }

  get violations(): readonly Finding[] {
    return this.#bed.violations;
  }

  get notes(): readonly Finding[] {
    return this.#bed.notes;
  }

  statistics(): Promise<DeviceStatistics[]> {
    return this.#bed.statistics();
  }

  /** How many clients came, and how many of them died. */
  async clients(): Promise<ShmReport> {
    const [report] = await this.#bed.reports();
    return report as ShmReport;
  }

  /** Ends the device and takes its files away, and the folder if it made it; a client that still maps them keeps dead memory. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    sayGoodbye(join(this.folder, "control"));
    await this.#bed.close();
    for (const name of existsSync(this.folder) ? readdirSync(this.folder) : []) {
      if (OWN_FILES.test(name)) rmSync(join(this.folder, name));
    }
    if (this.#isOwnFolder) removeIfEmpty(this.folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What a driver on shared memory has to know: what mapped access cannot do, and what is not there at all. */
function limitsOf(declaration: DeviceDeclaration): string[] {
  const { name, bars, registerMaps } = declaration;
  const unmapped = bars.filter(({ index }) => registerMaps[index] === undefined).map(({ index }) => `BAR${index}`);
  return [
    ...Object.entries(registerMaps).flatMap(([bar, map]) => mappedAccessLimits(name, Number(bar), map)),
    `- In shared memory ${name} raises no interrupts and has no configuration space: drivers poll.`,
    ...(unmapped.length === 0
      ? []
      : [`- ${unmapped.join(" and ")} of ${name} is not among the files, which are those of BARs with registers.`]),
  ];
}

/** A client looks at this word while it waits. */
function sayGoodbye(control: string): void {
  try {
    const descriptor = openSync(control, "r+");
    writeSync(descriptor, new Uint8Array(4), 0, 4, 4 * MAGIC);
    closeSync(descriptor);
  } catch {
    // Somebody has taken the folder away: there is nobody to tell.
  }
}

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
