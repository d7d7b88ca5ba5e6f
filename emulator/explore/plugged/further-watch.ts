import { Iommu, type Mapping } from "../../memory/iommu.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import type { FunctionTables } from "../../run/machine.ts";
import type { Allocation } from "../../sanitize/allocation.ts";
import type { DriverWatch } from "../../sanitize/driver-watch.ts";
import type { OperationWatch } from "../execution.ts";
import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { type AddressSpace, DEVICE_SHIFT } from "./address-space.ts";

/** A function as its sanitizers know it, with what is mapped for its device. */
interface Watched {
  readonly watch: DriverWatch;
  readonly endpoint: Endpoint;
  readonly iommu: Iommu;
  mappings: readonly Mapping[];
  /** Of the mappings as they were looked at last; both never come again within a run. */
  generation: number;
  mappingCount: number;
}

/**
 * What the CPUs beside the first do with memory and registers, for the sanitizers of their functions: their operations pass the
 * engine and not the hands of {@link WatchedBuffer}. What such a CPU maps, unmaps or takes as raw memory is in the
 * IOMMU's tables when it next stands still.
 */
export class FurtherWatch implements OperationWatch {
  readonly state: ExplorerState;
  readonly #addresses: AddressSpace;
  readonly #cpuNames: readonly string[];
  readonly #functions: readonly Watched[];

  constructor(
    state: ExplorerState,
    addresses: AddressSpace,
    cpuNames: readonly string[],
    watches: readonly DriverWatch[],
    endpoints: readonly Endpoint[],
    tables: readonly FunctionTables[],
  ) {
    this.state = state;
    this.#addresses = addresses;
    this.#cpuNames = cpuNames;
    this.#functions = watches.map((watch, index) => ({
      watch,
      endpoint: endpoints[index] as Endpoint,
      iommu: new Iommu((tables[index] as FunctionTables).iommu),
      mappings: [],
      generation: -1,
      mappingCount: -1,
    }));
  }

  /** Another run begins: its mappings are others, though they may be as many. */
  forget(): void {
    for (const each of this.#functions) each.generation = -1;
  }

  ended(thread: number, answer: number): void {
    const { state } = this;
    const cpu = state.cpuOf[thread] as number;
    if (cpu < 1) return;
    const address = state.address[thread] as number;
    this.#by(cpu, () => {
      if (address >= this.#addresses.barBase) this.#registerAccess(thread, address, answer);
      else this.#memoryAccess(thread, address, answer);
    });
  }

  wentOn(thread: number): void {
    const cpu = this.state.cpuOf[thread] as number;
    if (cpu >= 1) this.#by(cpu, () => this.#lookAtMappings());
  }

  interrupted(cpu: number): void {
    if (cpu >= 1) for (const { watch } of this.#functions) watch.memory.allSeen();
  }

  /** What is found meanwhile is this CPU's doing; no line of its program is on the stack of this thread. */
  #by(cpu: number, does: () => void): void {
    const place = `an access of ${this.#cpuNames[cpu] ?? `CPU ${cpu}`}`;
    const before = this.#functions.map(({ endpoint }) => endpoint.findings.lineOf);
    for (const { endpoint } of this.#functions) endpoint.findings.lineOf = () => place;
    does();
    for (const [index, { endpoint }] of this.#functions.entries()) endpoint.findings.lineOf = before[index];
  }

  #registerAccess(thread: number, address: number, answer: number): void {
    const { state } = this;
    const within = address - this.#addresses.barBase;
    const { bar, offset } = this.#addresses.placeAt(within >> DEVICE_SHIFT, within & ((1 << DEVICE_SHIFT) - 1));
    const watch = this.#functions[within >> DEVICE_SHIFT]?.watch;
    if (bar < 0 || watch === undefined) return;
    switch (state.kind[thread]) {
      case k.MMIO_READ:
      case k.MMIO_READ_RELAXED:
      case k.MMIO_POLL:
        watch.barRead(bar, offset, answer);
        return;
      case k.MMIO_WRITE:
      case k.MMIO_WRITE_RELAXED:
      case k.WC_WRITE:
        watch.barStored(bar, offset, state.byteLength[thread] as number);
    }
  }

  #memoryAccess(thread: number, address: number, answer: number): void {
    const { state } = this;
    const kind = state.kind[thread] as number;
    if (kind === k.WAIT_INTERRUPT) {
      if (answer === 1) this.interrupted(state.cpuOf[thread] as number);
      return;
    }
    const isStore = STORES.has(kind) || (kind === k.COMPARE_EXCHANGE && answer === state.operand[thread]);
    const isLoad = LOADS.has(kind);
    if (!isStore && !isLoad) return;
    const byteLength = state.byteLength[thread] as number;
    this.#lookAtMappings();
    for (const { watch, mappings } of this.#functions) {
      for (const { iova, segmentOffset, byteLength: length } of mappings) {
        if (address < segmentOffset || address >= segmentOffset + length) continue;
        const allocation = watch.memory.allocationAt(iova, length);
        if (allocation === undefined) continue;
        const offset = address - segmentOffset;
        if (isLoad) {
          watch.memory.checkLoad(allocation, offset, byteLength);
          watch.memory.loaded(allocation, offset, byteLength, answer, state.answerHigh[thread] as number);
        }
        if (isStore) watch.memory.stored(allocation, offset, byteLength);
      }
    }
  }

  #lookAtMappings(): void {
    for (const each of this.#functions) {
      const { iommu, watch } = each;
      if (each.generation === iommu.generation && each.mappingCount === iommu.mappingCount) continue;
      each.generation = iommu.generation;
      each.mappingCount = iommu.mappingCount;
      each.mappings = iommu.mappings();
      const known = new Map<number, Allocation>();
      for (const allocation of watch.memory.allocations) known.set(allocation.iova, allocation);
      for (const { iova, byteLength, label, isRaw } of each.mappings) {
        const allocation = known.get(iova);
        known.delete(iova);
        if (allocation === undefined) watch.memory.allocated(iova, byteLength, label, isRaw);
        else if (isRaw) watch.memory.becameRaw(allocation);
      }
      // What the first CPU frees it has said before.
      for (const allocation of known.values()) watch.memory.beforeFree(allocation);
    }
  }
}

const LOADS: ReadonlySet<number> = new Set([k.LOAD, k.LOAD_ACQUIRE, k.POLL, k.LOAD_ATOMIC, k.COMPARE_EXCHANGE]);
const STORES: ReadonlySet<number> = new Set([k.STORE, k.STORE_RELEASE, k.STORE_ATOMIC, k.ADD, k.EXCHANGE]);
