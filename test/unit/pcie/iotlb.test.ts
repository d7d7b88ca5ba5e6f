import fc from "fast-check";
import { expect, test } from "vitest";
import { HostMemory } from "../../../emulator/memory/host-memory.ts";
import { DMA_WRITE, type DmaPermissions, Iommu } from "../../../emulator/memory/iommu.ts";
import { Iotlb } from "../../../emulator/pcie/iotlb.ts";

const PAGE = 4096;
const FOUR_GIB = 2 ** 32;

const steps = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("map" as const),
        segment: fc.nat(2),
        byteLength: fc.integer({ min: 1, max: 3 * PAGE }),
        permissions: fc.constantFrom<DmaPermissions>(1, 2, 3),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("unmap" as const), which: fc.nat(20) }) },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant("access" as const),
        which: fc.nat(20),
        from: fc.oneof(fc.integer({ min: -2, max: 200 }), fc.integer({ min: -PAGE, max: 4 * PAGE })),
        byteLength: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 3 * PAGE })),
        // Now and then in another 4 GiB: the low word alone must not do.
        highOffset: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1),
      }),
    },
  ),
  { minLength: 10, maxLength: 200, size: "max" },
);

test("a remembered mapping lets through what the tables let through, whatever is mapped and unmapped in between", () => {
  const base = fc.constantFrom(0x7fff_c000, FOUR_GIB, FOUR_GIB - 6 * PAGE, 5 * FOUR_GIB + 0x8000_0000 - 6 * PAGE);
  let hits = 0;
  fc.assert(
    fc.property(base, steps, (baseIova, script) => {
      const driver = Iommu.create({ baseIova, windowBytes: 32 * PAGE, mappingCount: 12 });
      const device = new Iommu(driver.tables);
      const memory = new HostMemory(HostMemory.tablesFor(new SharedArrayBuffer(16 * PAGE)));
      // Segment 2 is one that this thread never hears of.
      memory.add(new SharedArrayBuffer(16 * PAGE));
      const iotlb = new Iotlb(device, memory, DMA_WRITE);
      const live: number[] = [];
      const known: number[] = [];
      for (const step of script) {
        if (step.kind === "map") {
          if (live.length === 4) continue;
          const { permissions, byteLength, segment } = step;
          const iova = driver.map(segment, PAGE, byteLength, { permissions });
          live.push(iova);
          known.push(iova);
        } else if (step.kind === "unmap") {
          const [iova] = live.splice(step.which % Math.max(live.length, 1), 1);
          if (iova !== undefined) driver.unmap(iova);
        } else {
          const iova = (known[step.which % Math.max(known.length, 1)] ?? baseIova) + step.from;
          const high = (Math.floor(iova / FOUR_GIB) + step.highOffset) | 0;
          const low = (iova % FOUR_GIB) | 0;
          const isMapped = device.translate(high, low, step.byteLength, DMA_WRITE);
          const expected = isMapped ? memory.segment(device.segment) : undefined;
          const { offset } = device;
          expect(iotlb.translate(high, low, step.byteLength)).toBe(expected !== undefined);
          if (expected === undefined) continue;
          hits++;
          expect(iotlb.memory).toBe(expected);
          expect(iotlb.offset).toBe(offset);
        }
      }
    }),
  );
  expect(hits).toBeGreaterThan(100);
});

test("what was remembered is forgotten when it is said that the tables were written from outside", () => {
  const iommu = Iommu.create({ windowBytes: 16 * PAGE });
  const iotlb = new Iotlb(iommu, new HostMemory(HostMemory.tablesFor(new SharedArrayBuffer(PAGE))), DMA_WRITE);
  iommu.map(0, 0, PAGE);
  const head = new Int32Array(iommu.tables.head);
  const before = head.slice();
  expect(iotlb.translate(1, PAGE, 4)).toBe(iommu.translate(1, PAGE, 4, DMA_WRITE));
  const [mapping] = iommu.mappings();
  const low = (mapping?.iova ?? 0) % FOUR_GIB;
  expect(iotlb.translate(1, low, 4)).toBe(true);
  iommu.unmap(mapping?.iova ?? 0);
  head.set(before);
  iotlb.forget();
  expect(iotlb.translate(1, low, 4)).toBe(false);
});
