import { Iommu } from "../../emulator/memory/iommu.ts";
import type { MachineTables } from "../../emulator/run/machine.ts";

/** A mapping begins on a page of its own, and pages are not used again. */
const PAGE_BYTES = 4096;

export interface NamedBuffer {
  readonly iova: number;
  readonly byteLength: number;
  readonly label: string;
}

/** The buffers of each device by address: what the trace itself has told of, or what the IOMMU remembers. */
export class BufferNames {
  readonly #byPage: Map<number, NamedBuffer>[] = [];
  readonly #iommus: readonly Iommu[];

  constructor(tables: MachineTables | undefined) {
    this.#iommus = (tables?.functions ?? []).map(({ iommu }) => new Iommu(iommu));
  }

  add(device: number, buffer: NamedBuffer): void {
    const pages = this.#pagesOf(device);
    const last = Math.floor((buffer.iova + buffer.byteLength - 1) / PAGE_BYTES);
    for (let page = Math.floor(buffer.iova / PAGE_BYTES); page <= last; page++) pages.set(page, buffer);
  }

  at(device: number, iova: number): NamedBuffer | undefined {
    const known = this.#known(device, iova);
    if (known !== undefined) return known;
    for (const { iova: start, byteLength, label } of this.#iommus[device]?.mappings() ?? [])
      this.add(device, { iova: start, byteLength, label: label === "" ? "DMA buffer" : label });
    return this.#known(device, iova);
  }

  #known(device: number, iova: number): NamedBuffer | undefined {
    const buffer = this.#byPage[device]?.get(Math.floor(iova / PAGE_BYTES));
    return buffer !== undefined && iova < buffer.iova + buffer.byteLength ? buffer : undefined;
  }

  #pagesOf(device: number): Map<number, NamedBuffer> {
    this.#byPage[device] ??= new Map();
    return this.#byPage[device] as Map<number, NamedBuffer>;
  }
}
