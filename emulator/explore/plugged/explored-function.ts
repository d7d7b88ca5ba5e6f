import { MappedBuffer } from "../../driver/dma-buffer.ts";
import type { DriverPciFunction } from "../../driver/pci-function.ts";
import type { Dma, DmaAllocOptions, DmaBuffer, PciFunction } from "../../pcie/driver-view.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { ExploredBuffer } from "./explored-buffer.ts";
import type { ExploredCpu } from "./explored-cpu.ts";

/** Told of each buffer that is allocated; what it returns is called when the buffer is given back. */
export type OnAlloc = (start: number, label: string, byteLength: number) => () => void;

/** A function in the hands of a driver that is explored: every access of its memory is a scheduling point too. */
export function exploredFunction(
  inner: DriverPciFunction,
  cpu: ExploredCpu,
  onAlloc: OnAlloc = () => () => {},
): PciFunction {
  const alloc = (byteLength: number, options: DmaAllocOptions = {}): DmaBuffer => {
    // One arena: a buffer of its own has no place in the address space of the run.
    const buffer = mapped(inner.dma.alloc(byteLength, { ...options, separate: false }));
    return new ExploredBuffer(buffer, cpu, onAlloc(buffer.bytes.byteOffset, options.label ?? "", byteLength));
  };
  const dma: Dma = {
    alloc,
    open: (iova) => new ExploredBuffer(mapped(inner.dma.open(iova)), cpu, () => {}),
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
