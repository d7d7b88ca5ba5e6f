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

    alloc: (byteLength) => memory.alloc(byteLength),
    free: (address) => memory.free(address),
    dma_alloc: (byteLength, align, label) => memory.dmaAlloc(byteLength, align, memory.text(label)),
    dma_free: (address) => memory.dmaFree(address),

    load8: (at) => accesses.load8(at),
    load16: (at) => accesses.load16(at),
    load32: (at) => accesses.load32(at),
    store8: (at, value) => accesses.store8(at, value),
    store16: (at, value) => accesses.store16(at, value),
    store32: (at, value) => accesses.store32(at, value),
    load_acquire32: (at) => accesses.loadAcquire32(at),
    store_release32: (at, value) => accesses.storeRelease32(at, value),
    compare_exchange32: (at, expected, value) => accesses.compareExchange32(at, expected, value),
    copy_to_dma: (to, from, byteLength) => accesses.copy(to, from, byteLength),
    copy_from_dma: (to, from, byteLength) => accesses.copy(to, from, byteLength),

    trace_load: (at, byteLength) => window.load(at, byteLength),
    trace_store: (at, byteLength) => window.store(at, byteLength),
    trace_copy: (to, from, byteLength) => accesses.copy(to, from, byteLength),
    trace_fill: (at, value, byteLength) => accesses.fill(at, value, byteLength),

    mb: () => cpu.mb(),
    rmb: () => cpu.rmb(),
    wmb: () => cpu.wmb(),
    dma_rmb: () => cpu.dmaRmb(),
    dma_wmb: () => cpu.dmaWmb(),
    relax: () => cpu.relax(),
    delay_us: (durationUs) => cpu.delay((durationUs >>> 0) * NS_PER_US),
    now_ns: () => cpu.nowNs(),
    irq_save: () => Number(cpu.irqSave()),
    irq_restore: (wereHeld) => cpu.irqRestore(wereHeld !== 0),

    config_read8: (offset) => config.read8(offset),
    config_read16: (offset) => config.read16(offset),
    config_read32: (offset) => config.read32(offset),
    config_write8: (offset, value) => config.write8(offset, value),
    config_write16: (offset, value) => config.write16(offset, value),
    config_write32: (offset, value) => config.write32(offset, value),
    find_capability: (id) => config.findCapability(id),
    set_bus_master: (enabled) => config.setBusMaster(enabled !== 0),
    function_reset: () => config.functionLevelReset(),

    log: (format, parameters) => parts.log(formatted(memory, format, parameters)),
    panic: (format, parameters) => {
      throw new WasmDriverError(formatted(memory, format, parameters));
    },
    option: (name, otherwise) => parts.options[memory.text(name)] ?? otherwise,
  };
}

function registerImports({ pci, memory, accesses, isCovered }: ImportParts): WasmImports {
  const barAt = (index: number): number => {
    const start = memory.barStarts[index >>> 0] ?? -1;
    if (start < 0) throw new WasmDriverError(`sb_bar(${index}): ${pci.name} has no BAR${index}`);
    return start;
  };
  return {
    bar: (index) => barAt(index),
    map_bar(index) {
      const start = barAt(index);
      if (!isCovered) pci.bar(index).map();
      return start;
    },
    bar_bytes: (index) => {
      barAt(index);
      return pci.bar(index).byteLength;
    },
    read8: (at) => accesses.read8(at),
    read16: (at) => accesses.read16(at),
    read32: (at) => accesses.read32(at),
    write8: (at, value) => accesses.write8(at, value),
    write16: (at, value) => accesses.write16(at, value),
    write32: (at, value) => accesses.write32(at, value),
    write_relaxed32: (at, value) => accesses.writeRelaxed32(at, value),
    write_combining32: (at, value) => accesses.writeCombining32(at, value),
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
      const name = KINDS[kind];
      if (name === undefined) throw new WasmDriverError(`sb_interrupts: there is no kind ${kind}`);
      held.interrupts = pci.interrupts(name, count);
    },
    wait_interrupt: (vector, limitUs) => Number(at(vector).wait((limitUs >>> 0) / US_PER_MS)),
    poll_interrupt: (vector) => Number(at(vector).poll()),
    mask_interrupt: (vector) => at(vector).mask(),
    unmask_interrupt: (vector) => at(vector).unmask(),
    handle_interrupt(vector, handler, context) {
      const interrupt = at(vector);
      if (handler === 0) interrupt.handle(undefined);
      else
        interrupt.handle(() => {
          callTable(handler, context);
          window.settle();
        });
    },
  };
}
