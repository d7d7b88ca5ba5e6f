import { DMA_READ, type DmaPermissions, type Iommu, type Mapping } from "./iommu.ts";
import { iovaName } from "./iova-name.ts";

/** `DMA read of 64 bytes at IOVA 0x…`: the first half of every fault's sentence. */
export function accessName(direction: DmaPermissions, byteLength: number, high: number, low: number): string {
  return `DMA ${direction === DMA_READ ? "read" : "write"} of ${byteLength} bytes at IOVA ${iovaName(addressOf(high, low))}`;
}

/** Two int32 words as one number: for people, as it is rounded above 2^53. */
function addressOf(high: number, low: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

/** Why an access faults and what lies nearest, as the second half of a sentence: "hits no mapping (nearest: …)". */
export function explainFault(iommu: Iommu, high: number, low: number, byteLength: number): string {
  const iova = addressOf(high, low);
  const gone = iommu.unmappedAt(iova);
  const mappings = iommu.mappings();
  for (const mapping of mappings) {
    const end = mapping.iova + mapping.byteLength;
    if (iova < mapping.iova || iova >= end) continue;
    if (iova + byteLength > end) return `runs ${iova + byteLength - end} bytes past the end of ${mappingName(mapping)}`;
    const may = mapping.permissions === DMA_READ ? "read" : "write";
    return `hits ${mappingName(mapping)}, which the device may only ${may}`;
  }
  if (gone !== undefined) return `hits ${mappingName(gone)}, which was unmapped`;
  const nearest = nearestTo(mappings, iova);
  const forgotten = high === 0 ? withLowHalf(mappings, low) : undefined;
  if (forgotten !== undefined)
    return `hits no mapping; ${mappingName(forgotten)} has the same low 32 bits: was the high half of the address written?`;
  return `hits no mapping (${nearest === undefined ? "nothing is mapped" : `nearest: ${mappingName(nearest)}`})`;
}

function nearestTo(mappings: readonly Mapping[], iova: number): Mapping | undefined {
  let best: Mapping | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const mapping of mappings) {
    const distance = iova < mapping.iova ? mapping.iova - iova : iova - (mapping.iova + mapping.byteLength);
    if (distance < bestDistance) [best, bestDistance] = [mapping, distance];
  }
  return best;
}

function withLowHalf(mappings: readonly Mapping[], low: number): Mapping | undefined {
  return mappings.find((mapping) => {
    const start = mapping.iova % 2 ** 32;
    return low >>> 0 >= start && low >>> 0 < start + mapping.byteLength;
  });
}

/** `rx ring 0x1_0000_f000–0x1_0000_ffff`. */
function mappingName(mapping: Mapping): string {
  const label = mapping.label === "" ? "buffer" : mapping.label;
  return `${label} ${iovaName(mapping.iova)}–${iovaName(mapping.iova + mapping.byteLength - 1)}`;
}
