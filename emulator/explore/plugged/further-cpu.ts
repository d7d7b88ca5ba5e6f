import type { DmaBuffer, PciFunction } from "../../pcie/driver-view.ts";
import type { MachineTables } from "../../run/machine.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { WatchedBuffer } from "../../sanitize/watched-buffer.ts";
import type { Cpu } from "../cpu.ts";
import type { CpuName, Machine } from "../machine.ts";
import type { Actor } from "../state.ts";
import { CpuWorker } from "../tokens/cpu-worker.ts";
import type { AddressSpace } from "./address-space.ts";
import { ExploredBuffer } from "./explored-buffer.ts";
import type { WorkerDriverData } from "./worker-driver.ts";

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const WORKER_DRIVER = new URL(`./worker-driver${EXTENSION}`, import.meta.url).href;

/** A driver module on a CPU of its own: a thread with which the engine passes a token. */
export interface ModuleOnCpu {
  /** Module whose default export is `(functions, argument) => void`, synchronous: what `bed.cpu(1).run` takes. */
  readonly module: URL | string;
  /** How pictures call the CPU; "CPU 1" and so on when absent. */
  readonly name?: string;
}

/** A generator function on a CPU of its own, folded into this thread: it yields each access, and costs no more than one. */
export interface GeneratorOnCpu {
  readonly program?: (cpu: Cpu, places: Places) => Actor;
  /** What it does when it takes an interrupt that is directed at it: see {@link Places} and `bed.direct`. */
  readonly handler?: (cpu: Cpu, places: Places) => Actor;
  readonly name?: string;
}

export type CpuProgram = ModuleOnCpu | GeneratorOnCpu;

/** Addresses for the operations of a {@link Cpu}, of what a driver holds in its hands. */
export class Places {
  readonly #addresses: AddressSpace;
  readonly #functionNames: readonly string[];

  constructor(addresses: AddressSpace, functionNames: readonly string[]) {
    this.#addresses = addresses;
    this.#functionNames = functionNames;
  }

  /** A byte of a DMA buffer. Throws RangeError outside of it. */
  memory(buffer: DmaBuffer, offset: number): number {
    const explored = buffer instanceof WatchedBuffer ? buffer.inner : buffer;
    if (!(explored instanceof ExploredBuffer)) throw new TestbedError("a DMA buffer of another testbed");
    return explored.addressOf(offset);
  }

  /** A register. Throws RangeError for a function or BAR that is not there. */
  register(pci: Pick<PciFunction, "name" | "bar">, bar: number, offset: number): number {
    const { byteLength } = pci.bar(bar);
    if (!(offset >= 0 && offset < byteLength))
      throw new RangeError(
        `offset 0x${offset.toString(16)} of BAR${bar} of ${pci.name}, which has ${byteLength} bytes`,
      );
    return this.#addresses.ofBar(this.#functionNames.indexOf(pci.name), bar, offset);
  }
}

/** Lays further CPUs out in the program of an explorer, before its first run. */
export class FurtherCpus {
  /** Those that are threads, by place in the list of programs. */
  readonly workers: readonly (CpuWorker | undefined)[];
  /** By CPU: the explorer's vector on which it is interrupted. */
  readonly vectors: (number | undefined)[] = [];
  readonly #explorer: Machine;
  readonly #tables: MachineTables;
  readonly #places: Places;

  constructor(explorer: Machine, tables: MachineTables, addresses: AddressSpace, programs: readonly CpuProgram[]) {
    this.#explorer = explorer;
    this.#tables = tables;
    const names = tables.functions.map(({ declaration }) => declaration.name);
    this.#places = new Places(addresses, names);
    this.workers = programs.map((program, index) => {
      const name = program.name ?? `CPU ${index + 1}`;
      return "module" in program ? this.#addModule(program.module, name) : this.#addGenerators(program, name);
    });
  }

  #addModule(module: URL | string, name: string): CpuWorker {
    const explorer = this.#explorer;
    const vector = explorer.vector();
    const data: WorkerDriverData = { tables: this.#tables, ...explorer.nextCpu(), vector };
    const worker = CpuWorker.prepare(module, { wrapper: { moduleUrl: WORKER_DRIVER, data } });
    const cpu = worker.join(explorer, name);
    worker.joinHandler(explorer, cpu, vector, `${name}, handler`);
    this.vectors[cpu] = vector;
    return worker;
  }

  #addGenerators({ program, handler }: GeneratorOnCpu, name: string): undefined {
    const explorer = this.#explorer;
    const places = this.#places;
    const cpu: CpuName =
      program === undefined ? explorer.idleCpu(name) : explorer.cpu(name, (access) => program(access, places));
    const vector = explorer.vector();
    this.vectors[cpu] = vector;
    if (handler !== undefined) explorer.handle(vector, cpu, `${name}, handler`, (access) => handler(access, places));
  }
}
