import { MappedBuffer } from "../../driver/dma-buffer.ts";
import type { DriverPciFunction } from "../../driver/pci-function.ts";
import type { Dma, DmaAllocOptions, DmaBuffer, PciFunction } from "../../pcie/driver-view.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { ExploredBuffer } from "./explored-buffer.ts";
import type { ExploredCpu } from "./explored-cpu.ts";

/** Told of each buffer that is allocated; what it returns is called when the buffer is given back. */
export type OnAlloc = (start: number, label: string, byteLength: number) => () => void;

/**
 * A function in the hands of a driver that is explored: every access of its memory is a scheduling point too. `onRaw` is told
 * where a buffer begins whose raw memory is asked for.
 */
export function exploredFunction(
  inner: DriverPciFunction,
  cpu: ExploredCpu,
  onAlloc: OnAlloc = () => () => {},
  onRaw: (iova: number) => void = () => {},
): PciFunction {
  const alloc = (byteLength: number, options: DmaAllocOptions = {}): DmaBuffer => {
    // One arena: a buffer of its own has no place in the address space of the run.
    const buffer = mapped(inner.dma.alloc(byteLength, { ...options, separate: false }));
    const onFree = onAlloc(buffer.bytes.byteOffset, options.label ?? "", byteLength);
    return new ExploredBuffer(buffer, cpu, onFree, onRaw);
  };
  const dma: Dma = {
    alloc,
    open: (iova) => new ExploredBuffer(mapped(inner.dma.open(iova)), cpu, () => {}, onRaw),
    map: () => {
      throw new TestbedError("dma.map: memory that a driver brings along cannot be explored. Use dma.alloc.");
    },
    get mappingCount() {
      return inner.dma.mappingCount;
    },
  };
  return {
    name: inner.name,
    cpu,
    config: inner.config,
    dma,
    bar: (index) => inner.bar(index),
    interrupts: (kind, count) => inner.interrupts(kind, count),
  };
}

function mapped(buffer: DmaBuffer): MappedBuffer {
  if (!(buffer instanceof MappedBuffer)) throw new TestbedError("a DMA buffer of an unknown kind");
  return buffer;
}
