import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DMA_READ, DMA_WRITE, type DmaPermissions, Iommu } from "../../../emulator/memory/iommu.ts";
import { explainFault } from "../../../emulator/memory/iommu-fault.ts";
import { answerOf, IommuModel, wordsOf } from "./iommu-model.ts";

const FOUR_GIB = 2 ** 32;
const PAGE = 4096;

type Step =
  | {
      readonly kind: "map";
      readonly byteLength: number;
      readonly permissions: DmaPermissions;
      readonly alignPages: number;
    }
  | { readonly kind: "unmap"; readonly which: number }
  | {
      readonly kind: "access";
      readonly which: number;
      readonly from: number;
      readonly byteLength: number;
      readonly direction: 1 | 2;
    };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("map" as const),
      byteLength: fc.oneof(fc.integer({ min: 1, max: 3 * PAGE }), fc.constantFrom(PAGE - 1, PAGE, PAGE + 1)),
      permissions: fc.constantFrom<DmaPermissions>(1, 2, 3),
      alignPages: fc.constantFrom(1, 1, 1, 2, 8),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unmap" as const), which: fc.nat(63) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("access" as const),
      which: fc.nat(63),
      from: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -PAGE, max: 4 * PAGE })),
      byteLength: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 4 * PAGE })),
      direction: fc.constantFrom<1 | 2>(1, 2),
    }),
  },
);

/** Windows below 4 GiB, above it, and across it. */
const aBase = fc.constantFrom(0x0100_0000, FOUR_GIB, FOUR_GIB - 16 * PAGE, 5 * FOUR_GIB - 3 * PAGE, 2 ** 47);

describe("against a list of mappings", () => {
  test("any sequence of maps, unmaps and accesses translates as byte arithmetic says, in two views of the tables", () => {
    fc.assert(
      fc.property(aBase, fc.array(aStep, { minLength: 1, maxLength: 120, size: "max" }), (baseIova, steps) => {
        const driver = Iommu.create({ baseIova, windowBytes: 64 * PAGE, mappingCount: 24 });
        // The device thread has an Iommu of its own, made before anything was mapped.
        const device = new Iommu(driver.tables);
        const model = new IommuModel();
        const known: number[] = [];
        for (const [index, step] of steps.entries()) {
          if (step.kind === "map") {
            const mapping = { segment: index, segmentOffset: 16 * index, ...step };
            const iova = mapOrFull(driver, mapping);
            if (iova === undefined) {
              if (model.mappings.length < 24) expect(hasRoom(model, baseIova, step)).toBe(false);
              continue;
            }
            expect(iova % (step.alignPages * PAGE)).toBe(0);
            model.add({ iova, ...mapping });
            known.push(iova);
          } else if (step.kind === "unmap") {
            const iova = model.mappings[step.which % Math.max(1, model.mappings.length)]?.iova;
            if (iova === undefined) continue;
            driver.unmap(iova);
            model.remove(iova);
          } else {
            const iova = (known[step.which % Math.max(1, known.length)] ?? baseIova) + step.from;
            const expected = model.translate(iova, step.byteLength, step.direction);
            expect(answerOf(device, iova, step.byteLength, step.direction)).toEqual(expected);
          }
          expect(device.mappingCount).toBe(model.mappings.length);
        }
        const byIova = [...model.mappings].sort((a, b) => a.iova - b.iova);
        expect(device.mappings().map(({ iova, byteLength, segment }) => ({ iova, byteLength, segment }))).toEqual(
          byIova.map(({ iova, byteLength, segment }) => ({ iova, byteLength, segment })),
        );
      }),
    );
  });

  test("mappings never share a page, and one page is left free between any two", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 5 * PAGE }), { minLength: 2, maxLength: 40, size: "max" });
    const frees = fc.array(fc.nat(39), { maxLength: 30 });
    fc.assert(
      fc.property(lengths, frees, lengths, (first, freed, second) => {
        const iommu = Iommu.create({ windowBytes: 96 * PAGE, mappingCount: 100 });
        const iovas = first.map((byteLength) => mapOrFull(iommu, { byteLength }));
        for (const which of new Set(freed)) {
          const iova = iovas[which];
          if (iova !== undefined) iommu.unmap(iova);
        }
        for (const byteLength of second) mapOrFull(iommu, { byteLength });
        const live = iommu.mappings();
        for (const [index, mapping] of live.entries()) {
          const next = live[index + 1];
          if (next === undefined) break;
          const freeFrom = Math.ceil((mapping.iova + mapping.byteLength) / PAGE) * PAGE;
          expect(next.iova - freeFrom).toBeGreaterThanOrEqual(PAGE);
        }
      }),
    );
  });
});

test("tables that are set back are as they were, word for word, whatever was mapped and unmapped since", () => {
  const steps = fc.array(aStep, { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(steps, steps, steps, (before, since, later) => {
      const iommu = Iommu.create({ windowBytes: 64 * PAGE, mappingCount: 24 });
      const { head, pages, entries } = iommu.tables;
      const words = (): number[][] => [head, pages, entries].map((table) => [...new Int32Array(table)]);
      mapAndUnmap(iommu, before);
      const there = words();
      const saved = iommu.save();
      // Twice: what one run has touched is no longer known when the next one is set back.
      for (const run of [since, later]) {
        mapAndUnmap(iommu, run);
        iommu.restore(saved);
        expect(words()).toEqual(there);
      }
    }),
  );
});

/** Does what it can of some steps. */
function mapAndUnmap(iommu: Iommu, steps: readonly Step[]): void {
  for (const step of steps) {
    if (step.kind === "map") mapOrFull(iommu, { ...step, segmentOffset: 16 });
    else if (step.kind === "unmap") {
      const live = iommu.mappings();
      const mapping = live[step.which % Math.max(1, live.length)];
      if (mapping !== undefined) iommu.unmap(mapping.iova);
    }
  }
}

/** Whether 64 pages hold an aligned run for it, with a free page on either side, that no live mapping touches. */
function hasRoom(model: IommuModel, baseIova: number, wanted: { byteLength: number; alignPages: number }): boolean {
  const taken = new Uint8Array(66);
  for (const { iova, byteLength } of model.mappings) {
    const first = (iova - baseIova) / PAGE;
    taken.fill(1, first + 1, first + 1 + Math.ceil(byteLength / PAGE));
  }
  const pages = Math.ceil(wanted.byteLength / PAGE);
  for (let first = 0; first + pages <= 64; first++) {
    if ((baseIova / PAGE + first) % wanted.alignPages !== 0) continue;
    if (taken.subarray(first, first + pages + 2).every((page) => page === 0)) return true;
  }
  return false;
}

/** Maps, or undefined when the window or the table is full. */
function mapOrFull(
  iommu: Iommu,
  mapping: {
    readonly byteLength: number;
    readonly segment?: number;
    readonly segmentOffset?: number;
    readonly permissions?: DmaPermissions;
    readonly alignPages?: number;
  },
): number | undefined {
  const { byteLength, segment = 0, segmentOffset = 0, permissions = 3, alignPages = 1 } = mapping;
  try {
    return iommu.map(segment, segmentOffset, byteLength, { permissions, alignBytes: alignPages * PAGE });
  } catch (error) {
    expect((error as Error).message).toMatch(/no \d+ free pages in the IOVA window|all are live/);
    return undefined;
  }
}

describe("bounds are exact to the byte", () => {
  test.each([
    ["first byte", 0, 1, true],
    ["last byte", 999, 1, true],
    ["everything", 0, 1000, true],
    ["one byte before", -1, 1, false],
    ["one byte behind, in the same page", 1000, 1, false],
    ["across the end", 999, 2, false],
    ["across the beginning", -1, 2, false],
    ["one byte more than everything", 0, 1001, false],
  ])("%s", (_, from, byteLength, reaches) => {
    const iommu = Iommu.create();
    const iova = iommu.map(3, 500, 1000);
    const expected = reaches ? { segment: 3, offset: 500 + from } : undefined;
    expect(answerOf(iommu, iova + from, byteLength, DMA_READ)).toEqual(expected);
  });
});

describe("addresses", () => {
  test("begin at 4 GiB, so that a forgotten high half faults at once", () => {
    const iommu = Iommu.create();
    const iova = iommu.map(0, 0, 64);
    expect(iova).toBeGreaterThanOrEqual(FOUR_GIB);
    expect(iommu.translate(0, (iova % FOUR_GIB) | 0, 64, DMA_READ)).toBe(false);
  });

  test("that differ from a mapped one in any bit of the high word reach nothing", () => {
    const iommu = Iommu.create();
    const iova = iommu.map(0, 0, PAGE);
    const [high, low] = wordsOf(iova);
    for (let bit = 0; bit < 32; bit++) expect(iommu.translate(high ^ (1 << bit), low, 8, DMA_READ)).toBe(false);
    expect(iommu.translate(high, low, 8, DMA_READ)).toBe(true);
  });

  test("of a buffer that crosses 4 GiB translate on both sides and across", () => {
    const iommu = Iommu.create({ baseIova: FOUR_GIB - 4 * PAGE, windowBytes: 16 * PAGE });
    const iova = iommu.map(1, 0, 8 * PAGE);
    expect(iova).toBeLessThan(FOUR_GIB);
    const crossing = FOUR_GIB - iova;
    expect(answerOf(iommu, FOUR_GIB - 8, 8, DMA_READ)).toEqual({ segment: 1, offset: crossing - 8 });
    expect(answerOf(iommu, FOUR_GIB - 8, 16, DMA_WRITE)).toEqual({ segment: 1, offset: crossing - 8 });
    expect(answerOf(iommu, FOUR_GIB, 8, DMA_READ)).toEqual({ segment: 1, offset: crossing });
    // The same low words with the wrong high word.
    expect(iommu.translate(1, -8, 8, DMA_READ)).toBe(false);
    expect(iommu.translate(0, 0, 8, DMA_READ)).toBe(false);
  });

  test("that were freed are not handed out again before the window has been gone through", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), (pages) => {
        const windowPages = 256;
        const iommu = Iommu.create({ windowBytes: windowPages * PAGE, mappingCount: 300 });
        const seen = new Set<number>();
        const rounds = Math.floor(windowPages / (pages + 1));
        for (let round = 0; round < rounds; round++) {
          const iova = iommu.map(0, 0, pages * PAGE);
          expect(seen.has(iova)).toBe(false);
          seen.add(iova);
          iommu.unmap(iova);
        }
        // Then it wraps, and goes on as long as there is room.
        for (let round = 0; round < 3 * rounds; round++) iommu.unmap(iommu.map(0, 0, pages * PAGE));
        expect(iommu.mappingCount).toBe(0);
      }),
    );
  });
});

describe("what cannot be", () => {
  test.each([
    ["a base within a page", () => Iommu.create({ baseIova: 4097 }), /multiples of 4096/],
    ["a window within a page", () => Iommu.create({ windowBytes: 4097 }), /multiples of 4096/],
    ["no window", () => Iommu.create({ windowBytes: 0 }), /multiples of 4096/],
    ["a window beyond 48 bits", () => Iommu.create({ baseIova: 2 ** 48 - PAGE, windowBytes: 2 * PAGE }), /below 2\^48/],
    ["an empty mapping", () => Iommu.create().map(0, 0, 0), /mapping of 0 bytes/],
    ["a mapping of 2 GiB", () => Iommu.create().map(0, 0, 2 ** 31), /mapping of 2147483648 bytes/],
    ["an unmap of nothing", () => Iommu.create().unmap(FOUR_GIB), /0x1_0000_0000: no mapping starts there/],
    ["a fixed IOVA outside", () => Iommu.create().map(0, 0, 1, { iova: 0 }), /is not a page of the window/],
  ])("%s is refused", (_, attempt, message) => {
    expect(attempt).toThrow(RangeError);
    expect(attempt).toThrow(message);
  });

  test("unmap wants the start of a mapping, and wants it once", () => {
    const iommu = Iommu.create();
    const iova = iommu.map(0, 0, 2 * PAGE);
    expect(() => iommu.unmap(iova + PAGE)).toThrow(/no mapping starts there/);
    iommu.unmap(iova);
    expect(() => iommu.unmap(iova)).toThrow(/no mapping starts there/);
    expect(iommu.mappingCount).toBe(0);
  });

  test("a full table says what to do, and takes the next mapping after an unmap", () => {
    const iommu = Iommu.create({ mappingCount: 3 });
    const iovas = [iommu.map(0, 0, 1), iommu.map(0, 0, 1), iommu.map(0, 0, 1)];
    expect(() => iommu.map(0, 0, 1)).toThrow(/holds 3 mappings and all are live.*iommu\.mappingCount/);
    iommu.unmap(iovas[1] as number);
    expect(answerOf(iommu, iommu.map(7, 0, 1), 1, DMA_READ)).toEqual({ segment: 7, offset: 0 });
  });

  test("a fixed IOVA is given, and not twice", () => {
    const iommu = Iommu.create();
    const iova = FOUR_GIB + 5 * PAGE;
    expect(iommu.map(0, 0, PAGE, { iova })).toBe(iova);
    expect(() => iommu.map(0, 0, PAGE, { iova })).toThrow(/is mapped already/);
    expect(() => iommu.map(0, 0, 2 * PAGE, { iova: iova - PAGE })).toThrow(/is mapped already/);
  });
});

describe("explain", () => {
  const explain = (iommu: Iommu, iova: number, byteLength: number): string =>
    explainFault(iommu, ...wordsOf(iova), byteLength);

  test("nothing mapped, the nearest, an overrun, a permission, an unmapped buffer", () => {
    const iommu = Iommu.create();
    expect(explain(iommu, FOUR_GIB, 4)).toBe("hits no mapping (nothing is mapped)");
    const ring = iommu.map(0, 0, 4096, { label: "tx ring", permissions: 1 });
    expect(ring).toBe(0x1_0000_0000);
    expect(explain(iommu, ring + 0x1800, 4)).toBe("hits no mapping (nearest: tx ring 0x1_0000_0000–0x1_0000_0fff)");
    expect(explain(iommu, ring + 4090, 16)).toBe("runs 10 bytes past the end of tx ring 0x1_0000_0000–0x1_0000_0fff");
    expect(explain(iommu, ring, 16)).toBe("hits tx ring 0x1_0000_0000–0x1_0000_0fff, which the device may only read");
    iommu.unmap(ring);
    expect(explain(iommu, ring, 16)).toBe("hits tx ring 0x1_0000_0000–0x1_0000_0fff, which was unmapped");
  });

  test("a forgotten high half is named", () => {
    const iommu = Iommu.create();
    iommu.map(0, 0, 64, { label: "spacer" });
    const rx = iommu.map(0, 0, 64, { label: "rx ring 0" });
    expect(explain(iommu, rx % FOUR_GIB, 16)).toMatch(
      /^hits no mapping; rx ring 0 0x1_0000_2000–0x1_0000_203f has the same low 32 bits: was the high half/,
    );
  });

  test("an address with its top bit set is printed as an address", () => {
    const iommu = Iommu.create();
    iommu.map(0, 0, 64, { label: "ring" });
    expect(explainFault(iommu, -1, -16, 16)).toMatch(/nearest: ring 0x1_0000_0000/);
  });

  test("labels are cut, not spilled: a label of any length leaves the mapping right", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80, unit: "grapheme" }), (label) => {
        const iommu = Iommu.create();
        iommu.map(1, 0, 64, { label });
        iommu.map(2, 32, 64, { label: "second" });
        const [first, second] = iommu.mappings();
        expect(first).toMatchObject({ segment: 1, segmentOffset: 0, byteLength: 64 });
        expect(second).toMatchObject({ segment: 2, segmentOffset: 32, label: "second" });
        const printable = /^[\x20-\x7e]*$/.test(label);
        if (printable) expect(first?.label).toBe(label.slice(0, 32));
      }),
    );
  });
});
