import type { DmaAllocOptions, DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { WatchedBuffer } from "../../emulator/sanitize/watched-buffer.ts";

const PAGE_BYTES = 4096;
const CANARY = 0xa5;

interface Guarded {
  readonly label: string;
  /** From the buffer's end to the end of its page, which nobody owns. */
  readonly tail: Uint8Array;
}

/**
 * Watches what lies behind each DMA buffer. Accessors check their bounds and the IOMMU is exact to the byte, so this is for what
 * goes through `bytes.buffer`.
 */
export class MemoryGuard {
  readonly #guarded = new Set<Guarded>();

  /** The function, with every buffer that it allocates guarded while it lives. */
  around(pci: PciFunction): PciFunction {
    const alloc = (byteLength: number, options: DmaAllocOptions = {}): DmaBuffer => {
      const buffer = pci.dma.alloc(byteLength, options);
      const guarded = this.#guard(buffer, options.label ?? "");
      const free = buffer.free.bind(buffer);
      buffer.free = () => {
        if (guarded !== undefined) this.#check(guarded);
        this.#guarded.delete(guarded as Guarded);
        free();
      };
      return buffer;
    };
    const { dma } = pci;
    return {
      name: pci.name,
      cpu: pci.cpu,
      config: pci.config,
      bar: (index) => pci.bar(index),
      interrupts: (kind, count) => pci.interrupts(kind, count),
      dma: {
        alloc,
        open: (iova) => dma.open(iova),
        map: (buffer, options) => dma.map(buffer, options),
        get mappingCount() {
          return dma.mappingCount;
        },
      },
    };
  }

  /** Throws {@link GuardError} for what was written behind a buffer that lives. */
  check(): void {
    for (const guarded of this.#guarded) this.#check(guarded);
  }

  #guard(buffer: DmaBuffer, label: string): Guarded | undefined {
    // Its raw memory without a word to the sanitizers: the driver has not asked for it.
    const { bytes } = buffer instanceof WatchedBuffer ? buffer.inner : buffer;
    const end = bytes.byteOffset + bytes.length;
    const pageEnd = Math.min(Math.ceil(end / PAGE_BYTES) * PAGE_BYTES, bytes.buffer.byteLength);
    if (pageEnd === end) return undefined;
    const guarded = { label, tail: new Uint8Array(bytes.buffer, end, pageEnd - end).fill(CANARY) };
    this.#guarded.add(guarded);
    return guarded;
  }

  #check({ label, tail }: Guarded): void {
    const at = tail.findIndex((byte) => byte !== CANARY);
    if (at >= 0) throw new GuardError(`${label}: byte ${at} behind its end was written`);
  }
}

/** Memory that is nobody's was written. */
export class GuardError extends Error {
  override readonly name = "GuardError";
}
