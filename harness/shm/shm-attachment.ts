import { closeSync, existsSync, fstatSync, ftruncateSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Iommu } from "../../emulator/memory/iommu.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { Mirror } from "../../emulator/run/mirror.ts";
import { Libc, type MappedFile } from "../native/libc.ts";
import * as word from "./shm-layout.ts";

/** Structured-cloneable. */
export interface ShmOptions {
  /** An existing folder; its files are made anew. */
  readonly folder: string;
  /** Bytes of memory that the device reaches; a multiple of the page. */
  readonly dmaBytes: number;
  /** Its address as the device has it. */
  readonly baseIova: number;
}

/** What the device tells of its clients. */
export interface ShmReport {
  /** Those that came, and those of them that went without a word: killed, or fallen over. */
  readonly clientCount: number;
  readonly lostCount: number;
}

/** The segment of host memory that is `dma`. */
const DMA_SEGMENT = 1;
/** Turns without work before the thread sleeps: about as long as any device thread waits. */
const IDLE_POLLS = 20_000;
/** A sleep ends by itself after this: the control plane and frames from elsewhere are waiting. */
const SLEEP_LIMIT_MS = 10;
/** How often it is looked whether the client is still there. */
const LIFE_INTERVAL_NS = 100e6;

const libc = await Libc.load();

/** Called in the device's thread. @throws Error where files cannot be mapped. */
export function attach(machine: Machine, options: unknown): AttachedPart {
  if (libc === undefined)
    throw new Error("shared memory of other processes takes a 64-bit Linux and the package koffi");
  const device = new ShmDevice(libc, machine, options as ShmOptions);
  machine.host.sources.push(device);
  return { report: () => device.report() };
}

/**
 * A device behind files that another process maps: its BARs as raw memory, compared as those of any mapped driver, and the
 * memory that it reaches. One client at a time; each begins with a function-level reset, and one that dies ends in one.
 */
class ShmDevice implements EventSource {
  readonly #libc: Libc;
  readonly #machine: Machine;
  readonly #endpoint: Endpoint;
  readonly #control: Int32Array;
  /** The opening of `control` that has the server's lock. */
  readonly #descriptor: number;
  readonly #asleepAddress: bigint;
  readonly #mirrors: readonly Mirror[];
  readonly #lookedAtNs = new Float64Array(1);
  #idlePolls = 0;
  #hasClient = false;

  constructor(libc: Libc, machine: Machine, { folder, dmaBytes, baseIova }: ShmOptions) {
    const [endpoint] = machine.endpoints;
    const [tables] = machine.tables.functions;
    if (endpoint === undefined || tables === undefined) throw new RangeError("there is no device to serve");
    this.#libc = libc;
    this.#machine = machine;
    this.#endpoint = endpoint;
    this.#descriptor = takeFolder(libc, folder);
    const control = libc.mapFile(this.#descriptor, 0, word.CONTROL_BYTES, true);
    this.#control = new Int32Array(control.buffer);
    this.#asleepAddress = control.address + BigInt(4 * word.ASLEEP);
    machine.memory.install(DMA_SEGMENT, mapNew(libc, join(folder, "dma"), dmaBytes).buffer);
    new Iommu(tables.iommu).map(DMA_SEGMENT, 0, dmaBytes, { iova: baseIova, label: "shared memory" });
    this.#mirrors = endpoint.declaration.bars.flatMap(({ index, byteLength }) => {
      const file = endpoint.device.registerFile?.(index);
      if (file === undefined) return [];
      this.#control[word.BAR_BYTES + index] = byteLength;
      return new Mirror(index, endpoint, file, mapNew(libc, join(folder, `bar${index}`), byteLength).buffer);
    });
    this.#control[word.VERSION] = word.SHM_VERSION;
    this.#control[word.DMA_BYTES] = dmaBytes;
    this.#control[word.DMA_BASE_LOW] = baseIova % 2 ** 32;
    this.#control[word.DMA_BASE_HIGH] = Math.floor(baseIova / 2 ** 32);
    // Last: a client that finds it may go on.
    Atomics.store(this.#control, word.MAGIC, word.SHM_MAGIC);
  }

  poll(): boolean {
    let busy = this.#serveRequest();
    const mirrors = this.#mirrors;
    for (let index = 0; index < mirrors.length; index++) if ((mirrors[index] as Mirror).poll()) busy = true;
    // Plain: the client needs it some time, and an atomic store costs as much as the look.
    this.#control[word.LOOKS] = ((this.#control[word.LOOKS] as number) + 1) | 0;
    if (busy) this.#idlePolls = 0;
    else if (++this.#idlePolls > IDLE_POLLS) this.#sleep();
    // Never idle to the thread's loop, which would sleep where no client can wake it: sleeping is done here.
    return true;
  }

  isIdle(): boolean {
    return this.#mirrors.every((mirror) => mirror.isIdle());
  }

  report(): ShmReport {
    const control = this.#control;
    return {
      clientCount: Atomics.load(control, word.CLIENT_COUNT),
      lostCount: Atomics.load(control, word.LOST_COUNT),
    };
  }

  /** True when a client came or went. */
  #serveRequest(): boolean {
    const control = this.#control;
    if (control[word.REQUEST] === 1) {
      this.#hasClient = true;
      this.#reset();
      Atomics.store(control, word.REQUEST, 0);
      return true;
    }
    const now = this.#machine.host.clock.now[0] as number;
    if (now - (this.#lookedAtNs[0] as number) < LIFE_INTERVAL_NS) return false;
    this.#lookedAtNs[0] = now;
    if (!this.#hasClient || this.#libc.isLocked(this.#descriptor, word.CLIENT_LOCK)) return false;
    this.#hasClient = false;
    // A client that ends in good order takes its number out before it goes; a new one takes out that of one that did not.
    if (Atomics.exchange(control, word.CLIENT, 0) !== 0) Atomics.add(control, word.LOST_COUNT, 1);
    this.#reset();
    return true;
  }

  /** As by Initiate FLR, but that the function stays enabled: nobody else would do it. */
  #reset(): void {
    this.#endpoint.onFunctionLevelReset();
    for (const mirror of this.#mirrors) mirror.restart();
    Atomics.add(this.#control, word.GENERATION, 1);
  }

  /** Sleeps until a client stores into a BAR, or the limit. Says so first, and looks once more. */
  #sleep(): void {
    const { host } = this.#machine;
    const aheadMs = (host.nextEventNs() - (host.clock.now[0] as number)) / 1e6;
    const limitMs = Math.min(SLEEP_LIMIT_MS, Math.floor(aheadMs));
    if (limitMs < 1) return;
    Atomics.store(this.#control, word.ASLEEP, 1);
    if (this.isIdle() && Atomics.load(this.#control, word.REQUEST) === 0) {
      this.#libc.waitForWord(this.#asleepAddress, 1, limitMs);
    }
    Atomics.store(this.#control, word.ASLEEP, 0);
    host.wake();
    // After a sleep in which nothing came the next one follows soon.
    this.#idlePolls = IDLE_POLLS - 64;
  }
}

/**
 * Makes `control` anew and locks it for as long as this process lives; returns its descriptor. It comes into its place
 * locked, and what a server that died has left is taken away under that one's lock, so that of several servers that begin
 * together one gets the folder.
 * @throws Error when another server has it.
 */
function takeFolder(libc: Libc, folder: string): number {
  const place = join(folder, "control");
  const coming = `${place}.${process.pid}`;
  const left = existsSync(place) ? openSync(place, "r+") : undefined;
  let descriptor: number | undefined;
  try {
    if (left !== undefined) {
      if (!libc.lock(left, word.SERVER_LOCK) || fstatSync(left).ino !== statSync(place).ino)
        throw servedAlready(folder);
      rmSync(place);
    }
    descriptor = openSync(coming, "wx+");
    ftruncateSync(descriptor, word.CONTROL_BYTES);
    libc.lock(descriptor, word.SERVER_LOCK);
    linkSync(coming, place);
    return descriptor;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? servedAlready(folder) : error;
  } finally {
    rmSync(coming, { force: true });
    if (left !== undefined) closeSync(left);
  }
}

function servedAlready(folder: string): Error {
  return new Error(`${folder} is served already, by another process or another server of this one`);
}

/** A file of its own: what an older server has left here may still be mapped by a client of it. */
function mapNew(libc: Libc, path: string, byteLength: number): MappedFile {
  rmSync(path, { force: true });
  const descriptor = openSync(path, "wx+");
  try {
    ftruncateSync(descriptor, byteLength);
    return libc.mapFile(descriptor, 0, byteLength, true);
  } finally {
    closeSync(descriptor);
  }
}
