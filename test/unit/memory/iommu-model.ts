import type { DmaPermissions, Iommu } from "../../../emulator/memory/iommu.ts";

/** A mapping as a list of facts, and byte arithmetic on it: no pages, no tables. */
interface ModelMapping {
  readonly iova: number;
  readonly byteLength: number;
  readonly segment: number;
  readonly segmentOffset: number;
  readonly permissions: DmaPermissions;
}

/** What an IOMMU lets through: an access that lies within one live mapping and has its permission. */
export class IommuModel {
  readonly mappings: ModelMapping[] = [];

  add(mapping: ModelMapping): void {
    this.mappings.push(mapping);
  }

  remove(iova: number): void {
    this.mappings.splice(
      this.mappings.findIndex((mapping) => mapping.iova === iova),
      1,
    );
  }

  /** Segment and offset that an access reaches, or undefined. */
  translate(iova: number, byteLength: number, direction: 1 | 2): { segment: number; offset: number } | undefined {
    for (const mapping of this.mappings) {
      if (iova < mapping.iova || iova + byteLength > mapping.iova + mapping.byteLength) continue;
      if ((mapping.permissions & direction) === 0) return undefined;
      return { segment: mapping.segment, offset: mapping.segmentOffset + iova - mapping.iova };
    }
    return undefined;
  }
}

/** An address as the two int32 words of a TLP header. */
export function wordsOf(iova: number): readonly [high: number, low: number] {
  return [Math.floor(iova / 2 ** 32) | 0, (iova % 2 ** 32) | 0];
}

/** What `iommu` answers, in the model's form. */
export function answerOf(
  iommu: Iommu,
  iova: number,
  byteLength: number,
  direction: 1 | 2,
): { segment: number; offset: number } | undefined {
  const [high, low] = wordsOf(iova);
  if (!iommu.translate(high, low, byteLength, direction)) return undefined;
  return { segment: iommu.segment, offset: iommu.offset };
}
