import type { HostMemory } from "../memory/host-memory.ts";
import type { DmaPermissions, Iommu } from "../memory/iommu.ts";
import { MemoryView } from "../memory/memory-view.ts";

const NOTHING: MemoryView = MemoryView.ofSize(0);

/**
 * The last mapping that one kind of access went through: rings and buffers are hit again and again, and a hit costs a
 * quarter of a walk through the tables. It holds until somebody unmaps anything ({@link Iommu.generation}), so it never
 * lets an access through that {@link Iommu.translate} would refuse.
 */
export class Iotlb {
  /** Filled by a successful {@link translate}: the memory that is reached, and the byte offset in it. */
  memory: MemoryView;
  offset = 0;
  #high = 0;
  #low = 0;
  /** Below any access while nothing is remembered. */
  #byteLength = -1;
  #baseOffset = 0;
  #generation = 0;
  readonly #iommu: Iommu;
  readonly #hostMemory: HostMemory;
  readonly #direction: DmaPermissions;

  constructor(iommu: Iommu, hostMemory: HostMemory, direction: DmaPermissions) {
    this.#iommu = iommu;
    this.#hostMemory = hostMemory;
    this.#direction = direction;
    this.memory = NOTHING;
  }

  /** As {@link Iommu.translate}. False too when the thread does not know the memory behind the mapping. */
  translate(high: number, low: number, byteLength: number): boolean {
    const within = (low - this.#low) | 0;
    const isInside = high === this.#high && within >= 0 && within <= ((this.#byteLength - byteLength) | 0);
    if (!isInside || this.#generation !== this.#iommu.generation) return this.#walk(high, low, byteLength);
    this.offset = (this.#baseOffset + within) | 0;
    return true;
  }

  /** Nothing is remembered any more: the tables were written from outside. */
  forget(): void {
    this.#byteLength = -1;
  }

  #walk(high: number, low: number, byteLength: number): boolean {
    const iommu = this.#iommu;
    // Read before the tables: who unmaps meanwhile counts up after, and what was read then is not trusted a second time.
    const { generation } = iommu;
    this.#byteLength = -1;
    if (!iommu.translate(high, low, byteLength, this.#direction)) return false;
    const memory = this.#hostMemory.segment(iommu.segment);
    if (memory === undefined) return false;
    this.memory = memory;
    this.offset = iommu.offset;
    const { baseLow, mappedBytes } = iommu;
    // A mapping across a multiple of 4 GiB has two high words: not worth remembering.
    if ((baseLow >>> 0) + mappedBytes > 2 ** 32) return true;
    this.#generation = generation;
    this.#high = high;
    this.#low = baseLow;
    this.#baseOffset = (iommu.offset - ((low - baseLow) | 0)) | 0;
    this.#byteLength = mappedBytes;
    return true;
  }
}
