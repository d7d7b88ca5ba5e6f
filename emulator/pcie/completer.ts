import type { Iommu } from "../memory/iommu.ts";
import type { DeviceModel } from "./device-model.ts";
import type { Endpoint } from "./endpoint.ts";
import { DMA_READS, recordFailedRead } from "./endpoint-findings.ts";
import type { Iotlb } from "./iotlb.ts";
import { ReadBurst } from "./read-burst.ts";
import { ReadQueue } from "./read-queue.ts";
import type { TransferParts } from "./transfer-parts.ts";
import type { WriteBacks } from "./write-backs.ts";

/** Answers a function's DMA reads: one by one, or several together to a device that takes them so. */
export class Completer {
  /** What has been asked for and not been answered. */
  readonly reads: ReadQueue = new ReadQueue();
  readonly #mappings: Iotlb;
  /** The device behind the function; set before anything is answered. */
  declare device: DeviceModel;
  readonly #burst: ReadBurst;
  readonly #writeBacks: WriteBacks;
  readonly #endpoint: Endpoint;
  readonly #iommu: Iommu;
  readonly #counters: Float64Array;

  /** Counts in `counters`; what goes wrong is said to be of `endpoint`. */
  constructor(endpoint: Endpoint, iommu: Iommu, parts: TransferParts, counters: Float64Array) {
    this.#endpoint = endpoint;
    this.#iommu = iommu;
    this.#counters = counters;
    this.#mappings = parts.reads;
    this.#writeBacks = parts.writeBacks;
    this.#burst = new ReadBurst(this.reads, parts.ahead, parts.reads);
  }

  /** Answers the oldest read, and those behind it that the device takes together with it. Returns how many. */
  step(): number {
    const { reads, device } = this;
    if (reads.count > 1 && device.burstTag !== undefined) {
      const count = this.#burst.take(device.burstTag);
      if (count > 0) {
        this.#answerBurst(count);
        return count;
      }
    }
    if (!reads.take()) return 0;
    this.#answer();
    return 1;
  }

  /** Answers the oldest read with this tag and context: reads have no order among each other. False when there is none. */
  answerNamed(tag: number, context: number): boolean {
    if (!this.reads.takeNamed(tag, context)) return false;
    this.#answer();
    return true;
  }

  #answer(): void {
    const { reads, device } = this;
    const mappings = this.#mappings;
    const { byteLength } = reads;
    if (byteLength >= 0 && mappings.translate(reads.high, reads.low, byteLength)) {
      const { memory, offset } = mappings;
      // A read pushes the function's own earlier writes (PCIe 2.4.1); only write-backs are kept back.
      if (this.#writeBacks.touches(memory.words, offset >> 2, (byteLength + 7) >> 2)) this.#writeBacks.land();
      this.#counters[DMA_READS] = (this.#counters[DMA_READS] as number) + 1;
      device.onDmaRead(reads.tag, reads.context, memory, offset, byteLength);
      return;
    }
    recordFailedRead(this.#endpoint, this.#iommu, reads);
    device.onDmaReadError(reads.tag, reads.context);
  }

  #answerBurst(count: number): void {
    const { offsets, byteLengths, memory } = this.#burst;
    const writeBacks = this.#writeBacks;
    // As above. What is written back from now on comes behind these reads, which have all been asked for.
    if (writeBacks.count !== 0) {
      for (let nth = 0; nth < count; nth++) {
        const first = (offsets[nth] as number) >> 2;
        if (writeBacks.touches(memory.words, first, ((byteLengths[nth] as number) + 7) >> 2)) writeBacks.land();
      }
    }
    this.#counters[DMA_READS] = (this.#counters[DMA_READS] as number) + count;
    this.device.onDmaReads?.(this.#burst);
  }
}
