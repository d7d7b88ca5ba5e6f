import type { DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";

/** Forwards everything but what `own` has. */
function over<Target extends object>(target: Target, own: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_target, name) => {
      const source = name in own ? own : target;
      const value: unknown = Reflect.get(source, name);
      return typeof value === "function" ? value.bind(source) : value;
    },
  });
}

/** The function as a careless driver uses it: every load of DMA memory is a plain one. */
export function withoutAcquire(pci: PciFunction): PciFunction {
  const alloc: PciFunction["dma"]["alloc"] = (byteLength, options) => {
    const buffer = pci.dma.alloc(byteLength, options);
    return over<DmaBuffer>(buffer, { readAcquire32: (offset) => buffer.read32(offset) });
  };
  return over<PciFunction>(pci, { dma: over(pci.dma, { alloc }) });
}
