import type { Interrupt, InterruptKind, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { formatted } from "./format.ts";
import type { LinearMemory } from "./linear-memory.ts";
import type { TraceWindow } from "./trace-window.ts";
import type { WasmAccesses } from "./wasm-accesses.ts";
import { WasmDriverError } from "./wasm-errors.ts";

/** What a driver imports from the module "softbar": the functions that softbar.h declares. */
export type WasmImports = Readonly<Record<string, (...words: number[]) => unknown>>;

/** Calls a function of the driver by its place in its table. */
export type CallTable = (index: number, argument: number) => void;

/** Interrupts that a driver holds. */
export interface HeldInterrupts {
  interrupts: readonly Interrupt[];
}

export interface ImportParts {
  readonly pci: PciFunction;
  readonly memory: LinearMemory;
  readonly accesses: WasmAccesses;
  readonly window: TraceWindow;
  readonly held: HeldInterrupts;
  readonly callTable: CallTable;
  readonly log: (line: string) => void;
  readonly options: Readonly<Record<string, number>>;
  /** A covered driver's BARs are accesses already: nothing has to look at their memory. */
  readonly isCovered: boolean;
}

const KINDS: readonly InterruptKind[] = ["intx", "msi", "msix"];
const NS_PER_US = 1000;
const US_PER_MS = 1000;

/** The functions of one driver. */
export function wasmImports(parts: ImportParts): WasmImports {
  const { pci, memory, accesses, window } = parts;
  const { cpu, config } = pci;
  return {
    ...registerImports(parts),
    ...interruptImports(parts),

    alloc: (byteLength) => memory.alloc(byteLength as number),
    free: (address) => memory.free(address as number),
    dma_alloc: (byteLength, align, label) =>
      memory.dmaAlloc(byteLength as number, align as number, memory.text(label as number)),
    dma_free: (address) => memory.dmaFree(address as number),

    load8: (at) => accesses.load8(at as number),
    load16: (at) => accesses.load16(at as number),
    load32: (at) => accesses.load32(at as number),
    store8: (at, value) => accesses.store8(at as number, value as number),
    store16: (at, value) => accesses.store16(at as number, value as number),
    store32: (at, value) => accesses.store32(at as number, value as number),
    load_acquire32: (at) => accesses.loadAcquire32(at as number),
    store_release32: (at, value) => accesses.storeRelease32(at as number, value as number),
    compare_exchange32: (at, expected, value) =>
      accesses.compareExchange32(at as number, expected as number, value as number),
    copy_to_dma: (to, from, byteLength) => accesses.copy(to as number, from as number, byteLength as number),
    copy_from_dma: (to, from, byteLength) => accesses.copy(to as number, from as number, byteLength as number),

    trace_load: (at, byteLength) => window.load(at as number, byteLength as number),
    trace_store: (at, byteLength) => window.store(at as number, byteLength as number),
    trace_copy: (to, from, byteLength) => accesses.copy(to as number, from as number, byteLength as number),
    trace_fill: (at, value, byteLength) => accesses.fill(at as number, value as number, byteLength as number),

    mb: () => cpu.mb(),
    rmb: () => cpu.rmb(),
    wmb: () => cpu.wmb(),
    dma_rmb: () => cpu.dmaRmb(),
    dma_wmb: () => cpu.dmaWmb(),
    relax: () => cpu.relax(),
    delay_us: (durationUs) => cpu.delay(((durationUs as number) >>> 0) * NS_PER_US),
    now_ns: () => cpu.nowNs(),
    irq_save: () => Number(cpu.irqSave()),
    irq_restore: (wereHeld) => cpu.irqRestore(wereHeld !== 0),

    config_read8: (offset) => config.read8(offset as number),
    config_read16: (offset) => config.read16(offset as number),
    config_read32: (offset) => config.read32(offset as number),
    config_write8: (offset, value) => config.write8(offset as number, value as number),
    config_write16: (offset, value) => config.write16(offset as number, value as number),
    config_write32: (offset, value) => config.write32(offset as number, value as number),
    find_capability: (id) => config.findCapability(id as number),
    set_bus_master: (enabled) => config.setBusMaster(enabled !== 0),
    function_reset: () => config.functionLevelReset(),

    log: (format, parameters) => parts.log(formatted(memory, format as number, parameters as number)),
    panic: (format, parameters) => {
      throw new WasmDriverError(formatted(memory, format as number, parameters as number));
    },
    option: (name, otherwise) => parts.options[memory.text(name as number)] ?? (otherwise as number),
  };
}

function registerImports({ pci, memory, accesses, isCovered }: ImportParts): WasmImports {
  const barAt = (index: number): number => {
    const start = memory.barStarts[index >>> 0] ?? -1;
    if (start < 0) throw new WasmDriverError(`sb_bar(${index}): ${pci.name} has no BAR${index}`);
    return start;
  };
  return {
    bar: (index) => barAt(index as number),
    map_bar(index) {
      const start = barAt(index as number);
      if (!isCovered) pci.bar(index as number).map();
      return start;
    },
    bar_bytes: (index) => {
      barAt(index as number);
      return pci.bar(index as number).byteLength;
    },
    read8: (at) => accesses.read8(at as number),
    read16: (at) => accesses.read16(at as number),
    read32: (at) => accesses.read32(at as number),
    write8: (at, value) => accesses.write8(at as number, value as number),
    write16: (at, value) => accesses.write16(at as number, value as number),
    write32: (at, value) => accesses.write32(at as number, value as number),
    write_relaxed32: (at, value) => accesses.writeRelaxed32(at as number, value as number),
    write_combining32: (at, value) => accesses.writeCombining32(at as number, value as number),
  };
}

function interruptImports({ pci, held, callTable, window }: ImportParts): WasmImports {
  const at = (vector: number): Interrupt => {
    const interrupt = held.interrupts[vector >>> 0];
    if (interrupt === undefined)
      throw new WasmDriverError(`interrupt ${vector}: sb_interrupts has set up ${held.interrupts.length}`);
    return interrupt;
  };
  return {
    interrupts(kind, count) {
      const name = KINDS[kind as number];
      if (name === undefined) throw new WasmDriverError(`sb_interrupts: there is no kind ${kind}`);
      held.interrupts = pci.interrupts(name, count as number);
    },
    wait_interrupt: (vector, limitUs) => Number(at(vector as number).wait(((limitUs as number) >>> 0) / US_PER_MS)),
    poll_interrupt: (vector) => Number(at(vector as number).poll()),
    mask_interrupt: (vector) => at(vector as number).mask(),
    unmask_interrupt: (vector) => at(vector as number).unmask(),
    handle_interrupt(vector, handler, context) {
      const interrupt = at(vector as number);
      if (handler === 0) interrupt.handle(undefined);
      else
        interrupt.handle(() => {
          callTable(handler as number, context as number);
          window.settle();
        });
    },
  };
}
