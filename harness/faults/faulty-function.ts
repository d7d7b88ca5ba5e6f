import type {
  Dma,
  DmaAllocOptions,
  DmaBuffer,
  Interrupt,
  InterruptKind,
  PciFunction,
} from "../../emulator/pcie/driver-view.ts";
import type { FaultInjector, FaultPlace } from "./fault-injector.ts";
import { faultNumber } from "./fault-kinds.ts";

const ALLOC_FAILED = faultNumber("dma-alloc-failed");
const FEWER = faultNumber("interrupts-fewer");

/** A kernel refuses what a driver asks for, as an armed fault wants it. */
export class RefusedError extends RangeError {}

/** The function with a kernel behind it that may be short of DMA memory and of interrupt vectors. For the thread it is in. */
export function faultyFunction(pci: PciFunction, faults: FaultInjector): PciFunction {
  const allocation: FaultPlace = { describe: () => label };
  const setUp: FaultPlace = { describe: (_kind, count) => `${count} of ${kindOfSetUp}` };
  let label = "";
  let kindOfSetUp: InterruptKind = "intx";
  const check = (byteLength: number, options: DmaAllocOptions): void => {
    label = options.label ?? `${byteLength} bytes`;
    if (!faults.meets(ALLOC_FAILED, allocation, byteLength, 0)) return;
    throw new RefusedError(`${pci.name}: no DMA memory for ${label} (${byteLength} bytes): fault dma-alloc-failed`);
  };
  const dma: Dma = {
    alloc(byteLength: number, options: DmaAllocOptions = {}): DmaBuffer {
      check(byteLength, options);
      return pci.dma.alloc(byteLength, options);
    },
    map(buffer: SharedArrayBuffer, options: DmaAllocOptions = {}): DmaBuffer {
      check(buffer.byteLength, options);
      return pci.dma.map(buffer, options);
    },
    open: (iova) => pci.dma.open(iova),
    get mappingCount() {
      return pci.dma.mappingCount;
    },
  };
  return {
    name: pci.name,
    cpu: pci.cpu,
    config: pci.config,
    dma,
    bar: (index) => pci.bar(index),
    interrupts(kind: InterruptKind, count: number): Interrupt[] {
      kindOfSetUp = kind;
      const isShort = faults.meets(FEWER, setUp, count, 0);
      if (!isShort || count > 1) return granted(pci, kind, isShort ? count - 1 : count);
      throw new RefusedError(`${pci.name}: no ${kind} vector is left: fault interrupts-fewer`);
    },
  };
}

/** What a kernel cannot set up it refuses: a function that does not show its capability, because it is gone. */
function granted(pci: PciFunction, kind: InterruptKind, count: number): Interrupt[] {
  try {
    return pci.interrupts(kind, count);
  } catch (error) {
    throw error instanceof RangeError ? new RefusedError(error.message) : error;
  }
}
