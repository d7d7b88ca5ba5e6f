import type { Arena } from "../memory/arena.ts";
import { ARENA_SEGMENT, type HostMemory } from "../memory/host-memory.ts";
import type { DmaPermissions, Iommu } from "../memory/iommu.ts";
import type { Dma, DmaAllocOptions, DmaBuffer, DmaDirection } from "../pcie/driver-view.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { CpuLink } from "./cpu-link.ts";
import { MappedBuffer } from "./dma-buffer.ts";

const PERMISSIONS: Readonly<Record<DmaDirection, DmaPermissions>> = {
  "to-device": 1,
  "from-device": 2,
  bidirectional: 3,
};

/** Allocates and maps DMA memory of one function. */
export class DriverDma implements Dma {
  readonly #arena: Arena;
  readonly #memory: HostMemory;
  readonly #iommu: Iommu;
  readonly #link: CpuLink;
  readonly #isIdentity: boolean;
  readonly #findings: FindingRecorder | undefined;
  /** Allocated, and not given back. */
  readonly #buffers = new Set<MappedBuffer>();

  /** `isIdentity`: the address for the device is the offset in the arena, which a driver reaches by instructions of its own. */
  constructor(
    arena: Arena,
    memory: HostMemory,
    iommu: Iommu,
    link: CpuLink,
    isIdentity: boolean = false,
    findings?: FindingRecorder,
  ) {
    this.#arena = arena;
    this.#memory = memory;
    this.#iommu = iommu;
    this.#link = link;
    this.#findings = findings;
    this.#isIdentity = isIdentity;
  }

  get mappingCount(): number {
    return this.#iommu.mappingCount;
  }

  /** The buffers that are there; {@link restore} brings back those of them that were freed since. */
  save(): readonly MappedBuffer[] {
    return [...this.#buffers];
  }

  /** For whoever has set back memory and mappings. */
  restore(buffers: readonly MappedBuffer[]): void {
    this.#buffers.clear();
    for (const buffer of buffers) {
      buffer.revive();
      this.#buffers.add(buffer);
    }
  }

  alloc(byteLength: number, options: DmaAllocOptions = {}): DmaBuffer {
    checkLength(byteLength);
    const align = checkedAlign(options.align);
    if (options.separate === true)
      return this.#separate(new SharedArrayBuffer((byteLength + 3) & ~3), byteLength, options);
    const offset = this.#arena.alloc(byteLength, align);
    this.#arena.clear(offset, byteLength);
    const place = this.#isIdentity ? { ...options, iova: offset } : options;
    return this.#mapped(ARENA_SEGMENT, this.#arena.tables.memory, offset, byteLength, place, () => {
      this.#arena.free(offset);
    });
  }

  open(iova: number): DmaBuffer {
    const found = this.#iommu.mappingAt(iova);
    if (found === undefined) throw new RangeError(`dma.open: no mapping begins at IOVA 0x${iova.toString(16)}`);
    const { segment, segmentOffset, byteLength, label } = found;
    const memory = this.#memory.segment(segment);
    if (memory === undefined)
      throw new RangeError(`dma.open: ${label} at IOVA 0x${iova.toString(16)} is memory of another thread's own`);
    return new MappedBuffer(memory.bytes.buffer as SharedArrayBuffer, segmentOffset, byteLength, iova, label, () => {
      throw new Error(`${label} belongs to the CPU that has allocated it, which is to free it`);
    });
  }

  map(buffer: SharedArrayBuffer, options: DmaAllocOptions = {}): DmaBuffer {
    checkLength(buffer.byteLength);
    return this.#separate(buffer, buffer.byteLength, options);
  }

  /** Maps the first `byteLength` bytes of a buffer that is a segment of its own. */
  #separate(buffer: SharedArrayBuffer, byteLength: number, options: DmaAllocOptions): DmaBuffer {
    if (this.#isIdentity)
      throw new RangeError("DMA addresses are offsets in the driver's own memory here: other memory has none");
    const segment = this.#memory.add(buffer);
    // Announced before it is mapped: a device that finds the mapping finds the memory.
    this.#link.announce(segment, buffer);
    return this.#mapped(segment, buffer, 0, byteLength, options, () => {
      this.#memory.remove(segment);
      this.#link.announce(segment, undefined);
    });
  }

  #mapped(
    segment: number,
    buffer: SharedArrayBuffer,
    offset: number,
    byteLength: number,
    options: DmaAllocOptions,
    giveBack: () => void,
  ): DmaBuffer {
    let iova: number;
    try {
      iova = this.#iommu.map(segment, offset, byteLength, {
        permissions: PERMISSIONS[options.direction ?? "bidirectional"],
        alignBytes: checkedAlign(options.align),
        label: options.label ?? "",
        ...(options.iova === undefined ? {} : { iova: options.iova }),
      });
    } catch (error) {
      giveBack();
      throw error;
    }
    const release = (): void => {
      this.#iommu.unmap(iova);
      giveBack();
      this.#buffers.delete(mapped);
    };
    const label = options.label ?? "DMA buffer";
    const mapped = new MappedBuffer(buffer, offset, byteLength, iova, label, release, this.#findings);
    this.#buffers.add(mapped);
    return mapped;
  }
}

function checkLength(byteLength: number): void {
  if (!Number.isInteger(byteLength) || byteLength <= 0 || byteLength > 2 ** 31 - 1) {
    throw new RangeError(`a DMA buffer of ${byteLength} bytes: want 1 to 2^31 - 1`);
  }
}

function checkedAlign(align = 4096): number {
  if (!Number.isInteger(Math.log2(align))) throw new RangeError(`DMA alignment ${align}: want a power of two`);
  return Math.max(4096, align);
}
