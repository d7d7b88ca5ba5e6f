import { DMA_READ, DMA_WRITE } from "../memory/iommu.ts";
import type { EndpointSlot } from "./endpoint-slot.ts";
import { Iotlb } from "./iotlb.ts";
import { WriteBacks } from "./write-backs.ts";

/** Through what an endpoint reaches host memory. Whoever wants to hear of its transfers puts others in their place. */
export interface TransferParts {
  /** Asked once for each DMA read, right before its bytes are taken. */
  readonly reads: Iotlb;
  /** Asked whether the reads that wait can be answered together, before {@link reads} is. May refuse what that would not. */
  readonly ahead: Iotlb;
  /** Asked once for each DMA write without a flag, right before its bytes are stored. */
  readonly data: Iotlb;
  /** The same of those with one, which go through {@link writeBacks}. */
  readonly flags: Iotlb;
  readonly writeBacks: WriteBacks;
}

/**
 * Reads, writes without a flag (data) and writes with one (descriptors) go to different buffers, each to the same for long:
 * each has a mapping that it remembers.
 */
export function transferParts({ iommu, memory }: Pick<EndpointSlot, "iommu" | "memory">): TransferParts {
  const reads = new Iotlb(iommu, memory, DMA_READ);
  return {
    reads,
    ahead: reads,
    data: new Iotlb(iommu, memory, DMA_WRITE),
    flags: new Iotlb(iommu, memory, DMA_WRITE),
    writeBacks: new WriteBacks(),
  };
}
