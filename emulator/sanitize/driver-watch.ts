import type { HostMemory } from "../memory/host-memory.ts";
import { Iommu } from "../memory/iommu.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { EndpointWatch } from "../pcie/endpoint-slot.ts";
import { type FindingRecorder, registerPlace } from "../registers/finding-text.ts";
import type { RegisterMap } from "../registers/register-map.ts";
import type { Machine } from "../run/machine.ts";
import { InterruptLint } from "./interrupt-lint.ts";
import * as memoryFindings from "./memory-findings.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { type LintFindings, RegisterLint } from "./register-lint.ts";
import { BY_DEVICE, BY_FAULT, REPEATED_BY_FAULT } from "./written-by.ts";

/** How a machine is used. */
interface MachineUse {
  /** Several CPUs have it. */
  readonly isShared?: boolean;
  /** No access of a driver goes past the testbed, whatever its memory is: it would not be run otherwise. */
  readonly isExplored?: boolean;
}

/** One for each function of a machine, in order. */
export function watchesOf(
  { endpoints, tables, memory }: Machine,
  { isShared = false, isExplored = false }: MachineUse = {},
): readonly DriverWatch[] {
  return endpoints.map((endpoint, index) => {
    const functionTables = tables.functions[index];
    if (functionTables === undefined) throw new RangeError(`there is no function ${index}`);
    // Where memory is the driver's own, its instructions reach it, and nobody hears of them.
    const isRaw = tables.options.ownMemory !== undefined && !isExplored;
    return new DriverWatch(endpoint, new Iommu(functionTables.iommu), memory, { isRaw, isShared });
  });
}

const DEAF: FindingRecorder = { record: () => {} };

/**
 * The sanitizers of one function: what its driver does, access by access, against what the device has of it. In folded and
 * explored runs, where the driver's accesses pass through {@link watchedFunction}.
 */
export class DriverWatch implements EndpointWatch {
  readonly memory: MemoryWatch;
  readonly interrupts: InterruptLint;
  readonly #endpoint: Endpoint;
  readonly #maps: readonly (RegisterMap | undefined)[];
  readonly #lints: readonly (RegisterLint | undefined)[];
  /** Handlers that were never taken away, by name. */
  readonly #handlers = new Set<string>();
  #wasMaster = false;

  /**
   * `iommu` is this watch's own view of the function's. `isRaw`: the driver reaches all of its memory past the accessors.
   * `isShared`: several CPUs use the function, and the rules about the order in which one does things say nothing.
   */
  constructor(
    endpoint: Endpoint,
    iommu: Iommu,
    host: HostMemory,
    { isRaw = false, isShared = false }: { readonly isRaw?: boolean; readonly isShared?: boolean } = {},
  ) {
    this.#endpoint = endpoint;
    const driverSide = atDriversLine(endpoint);
    this.memory = new MemoryWatch(driverSide, iommu, host, isRaw, endpoint.findings);
    this.interrupts = new InterruptLint(isShared ? DEAF : endpoint);
    const maps: (RegisterMap | undefined)[] = [];
    for (const [bar, map] of Object.entries(endpoint.declaration.registerMaps)) maps[Number(bar)] = map;
    this.#maps = maps;
    this.#lints = isShared
      ? []
      : maps.map((map) => (map === undefined ? undefined : new RegisterLint(driverSide, map)));
    this.memory.ownership = endpoint.device.ownership?.(this.memory);
    endpoint.watch = this;
  }

  // ---- the device's side --------------------------------------------------------------------------------------------

  arrived(bar: number, offset: number): void {
    this.#wasMaster ||= this.#endpoint.busMasterEnabled;
    this.memory.ownership?.onWrite(bar, offset);
  }

  raised(vector: number): void {
    this.interrupts.raised(vector);
  }

  message(data: number): void {
    this.interrupts.arrived(data);
  }

  written(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    const iova = (high >>> 0) * 2 ** 32 + (low >>> 0);
    const { isQuiet, isRepeating } = this.#endpoint.slot;
    this.memory.written(
      iova,
      memory,
      offset,
      byteLength,
      isRepeating ? REPEATED_BY_FAULT : isQuiet ? BY_FAULT : BY_DEVICE,
    );
  }

  // ---- the driver's -------------------------------------------------------------------------------------------------

  barWritten(bar: number, offset: number, value: number): void {
    this.interrupts.active();
    const role = this.#lints[bar]?.written(offset, value);
    if (role === undefined || value === 0) return;
    const place = registerPlace(this.#maps[bar] as RegisterMap, offset);
    if (role === "enable") this.interrupts.unmasked(place);
    else if (role === "acknowledge") this.interrupts.acknowledged(place);
  }

  /** The same store, when it is on its way. */
  barStored(bar: number, offset: number, byteLength: number): void {
    this.memory.barStored(bar, offset, byteLength);
  }

  barRead(bar: number, offset: number, value: number): void {
    this.interrupts.active();
    const role = this.#lints[bar]?.read(offset, value);
    if (role === "cause" || role === "acknowledge") this.interrupts.causeRead();
    const { ownership } = this.memory;
    ownership?.onRead(bar, offset, value);
    if (role === "acknowledge" && ownership?.takesCauses?.(bar, offset, value) === true)
      this.interrupts.queuesCaused(registerPlace(this.#maps[bar] as RegisterMap, offset));
  }

  /** Memory was loaded. */
  looked(): void {
    this.interrupts.active();
    this.interrupts.looked();
    for (const lint of this.#lints) lint?.looked();
  }

  /** Memory was stored to. */
  stored(): void {
    this.interrupts.active();
    for (const lint of this.#lints) lint?.interrupted();
  }

  /** The CPU has relaxed, or let time pass. */
  paused(): void {
    this.interrupts.active();
    this.memory.paused();
    for (const lint of this.#lints) lint?.paused();
  }

  interruptTaken(irq: number, vector: number): void {
    this.interrupts.taken(irq);
    this.interruptSeen(vector);
  }

  /** An interrupt has come, and the driver knows. `vector` of MSI-X; -1 where there is one for everything. */
  interruptSeen(vector: number): void {
    const { ownership } = this.memory;
    if (vector < 0 || ownership?.onInterrupt === undefined) this.memory.allSeen();
    else ownership.onInterrupt(vector);
  }

  handlerSet(name: string, isSet: boolean): void {
    if (isSet) this.#handlers.add(name);
    else this.#handlers.delete(name);
  }

  /**
   * The run is over. What a driver has left behind is said if it has turned the card off: if not, it was never closed, which
   * is its test's business.
   */
  end(): void {
    if (!this.#wasMaster || this.#endpoint.busMasterEnabled) return;
    for (const allocation of this.memory.allocations) memoryFindings.recordLeak(this.#endpoint, allocation);
    for (const name of this.#handlers) {
      this.#endpoint.record("note", "interrupt-not-released", name, () => {
        return `${name} still has its handler after the driver has turned the card off. An interrupt that is on its way, or shared with another card, calls a driver that is gone. Take the handler away (handle(undefined)) before the memory is freed.`;
      });
    }
  }

  // ---- state --------------------------------------------------------------------------------------------------------

  clear(): void {
    this.memory.clear();
    this.interrupts.clear();
    for (const lint of this.#lints) lint?.clear();
    if (this.#handlers.size > 0) this.#handlers.clear();
    this.#wasMaster = false;
  }

  save(): unknown {
    return { memory: this.memory.save(), handlers: [...this.#handlers], wasMaster: this.#wasMaster };
  }

  /** Back to {@link save}. The lints of single accesses begin anew. */
  restore(state: unknown): void {
    const { memory, handlers, wasMaster } = state as { memory: unknown; handlers: string[]; wasMaster: boolean };
    this.memory.restore(memory);
    for (const lint of this.#lints) lint?.clear();
    this.#handlers.clear();
    for (const name of handlers) this.#handlers.add(name);
    this.#wasMaster = wasMaster;
  }
}

/** Findings of what the driver does at the moment: at another line it is another mistake. */
function atDriversLine(endpoint: Endpoint): LintFindings {
  return {
    record: (kind, rule, place, text, at = "here") => endpoint.record(kind, rule, place, text, at),
    here: (kind, rule, place) => endpoint.findings.here(kind, rule, place),
  };
}
