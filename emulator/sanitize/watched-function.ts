import { DriverInterrupt } from "../driver/interrupt.ts";
import type { Bar, Cpu, Dma, DmaAllocOptions, DmaBuffer, Interrupt, PciFunction } from "../pcie/driver-view.ts";
import type { DriverWatch } from "./driver-watch.ts";
import { WatchedBar } from "./watched-bar.ts";
import { WatchedBuffer } from "./watched-buffer.ts";
import { WatchedCpu } from "./watched-cpu.ts";
import { WatchedInterrupt } from "./watched-interrupt.ts";

/** The functions of a CPU as sanitizers want them held: every access passes by. In the order of `watches`. */
export function watchedFunctions(functions: readonly PciFunction[], watches: readonly DriverWatch[]): PciFunction[] {
  const first = functions[0];
  if (first === undefined) return [];
  // One CPU has all of them.
  const cpu = new WatchedCpu(first.cpu, watches);
  return functions.map((inner, index) => {
    const watch = watches[index];
    return watch === undefined ? inner : watchedFunction(inner, cpu, watch);
  });
}

function watchedFunction(inner: PciFunction, cpu: Cpu, watch: DriverWatch): PciFunction {
  const bars: (Bar | undefined)[] = [];
  const watched = (buffer: DmaBuffer, label: string, isRaw: boolean): DmaBuffer => {
    return new WatchedBuffer(buffer, watch, watch.memory.allocated(buffer.iova, buffer.byteLength, label, isRaw));
  };
  const dma: Dma = {
    alloc: (byteLength: number, options: DmaAllocOptions = {}) => {
      return watched(inner.dma.alloc(byteLength, options), options.label ?? "", false);
    },
    open: (iova) => {
      const buffer = inner.dma.open(iova);
      const allocation = watch.memory.allocationAt(iova, buffer.byteLength);
      return allocation === undefined ? buffer : new WatchedBuffer(buffer, watch, allocation, true);
    },
    // Memory that the driver has already is raw.
    map: (buffer, options = {}) => watched(inner.dma.map(buffer, options), options.label ?? "", true),
    get mappingCount() {
      return inner.dma.mappingCount;
    },
  };
  return {
    name: inner.name,
    cpu,
    config: inner.config,
    dma,
    bar: (index) => {
      bars[index] ??= new WatchedBar(inner.bar(index), watch);
      return bars[index];
    },
    interrupts: (kind, count) => {
      const interrupts = inner.interrupts(kind, count);
      watch.interrupts.vectorsSetUp(kind === "msix" ? count : 0);
      return interrupts.map((interrupt) => watchedInterrupt(interrupt, watch));
    },
  };
}

function watchedInterrupt(interrupt: Interrupt, watch: DriverWatch): Interrupt {
  return interrupt instanceof DriverInterrupt ? new WatchedInterrupt(interrupt, watch) : interrupt;
}
