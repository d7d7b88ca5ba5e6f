import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dma, DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import type { MachineOptions } from "../../../emulator/run/machine.ts";
import { driverBench } from "./driver-bench.ts";

function dmaOf(options: MachineOptions = {}): Dma {
  const [pci] = driverBench(1, options).functions;
  if (pci === undefined) return expect.fail("no card");
  return pci.dma;
}

describe("allocation", () => {
  test("is zeroed, exactly as long as asked, aligned, mapped, and given back", () => {
    const aSize = fc.record({
      byteLength: fc.integer({ min: 1, max: 20_000 }),
      align: fc.constantFrom(1, 128, 4096, 16384),
      separate: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(aSize, { maxLength: 12 }), (sizes) => {
        const dma = dmaOf();
        for (let round = 0; round < 2; round++) {
          const buffers = sizes.map(({ byteLength, ...options }) => {
            const buffer = dma.alloc(byteLength, options);
            expect(buffer.byteLength).toBe(byteLength);
            expect(buffer.bytes).toHaveLength(byteLength);
            expect(buffer.bytes.every((byte) => byte === 0)).toBe(true);
            expect(buffer.iova % Math.max(4096, options.align)).toBe(0);
            expect((buffer.iovaHigh >>> 0) * 2 ** 32 + (buffer.iovaLow >>> 0)).toBe(buffer.iova);
            buffer.bytes.fill(0xaa);
            return buffer;
          });
          expect(dma.mappingCount).toBe(sizes.length);
          for (const buffer of buffers) buffer.free();
          expect(dma.mappingCount).toBe(0);
        }
      }),
    );
  });

  test("a separate buffer is a SharedArrayBuffer of its own", () => {
    const dma = dmaOf();
    const buffer = dma.alloc(100, { separate: true });
    expect([buffer.bytes.byteOffset, buffer.bytes.buffer.byteLength]).toEqual([0, 100]);
    const mine = new SharedArrayBuffer(64);
    expect(dma.map(mine).bytes.buffer).toBe(mine);
  });

  test("a buffer is where it was asked to be: one for several functions, at the same address for each", () => {
    const [first, second] = driverBench(2).functions;
    if (first === undefined || second === undefined) return expect.fail("no cards");
    const buffer = first.dma.alloc(100, { separate: true });
    const same = second.dma.map(buffer.bytes.buffer, { iova: buffer.iova });
    expect(same.iova).toBe(buffer.iova);
    const next = buffer.iova + 16 * 4096;
    expect(first.dma.alloc(100, { iova: next }).iova).toBe(next);
    expect(() => first.dma.alloc(100, { iova: next })).toThrow(/is mapped already/);
    expect(() => first.dma.alloc(100, { iova: 4097 })).toThrow(/is not a page of the window/);
    expect(first.dma.mappingCount).toBe(2);
  });

  test("a window that is full costs no host memory", () => {
    const dma = dmaOf({ iommu: { windowBytes: 8 * 4096, mappingCount: 100 }, hostMemoryBytes: 64 * 4096 });
    const buffers: DmaBuffer[] = [];
    const fill = (): void => {
      for (;;) buffers.push(dma.alloc(4096));
    };
    expect(fill).toThrow(/free pages in the IOVA window/);
    for (let failed = 0; failed < 200; failed++) expect(() => dma.alloc(4096)).toThrow(/IOVA window/);
    for (const buffer of buffers) buffer.free();
    expect(dma.alloc(4096).byteLength).toBe(4096);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 31])("a length of %d is refused", (byteLength) => {
    expect(() => dmaOf().alloc(byteLength)).toThrow(/want 1 to 2\^31 - 1/);
  });

  test.each([3, 0, -4096, 5000])("an alignment of %d is refused", (align) => {
    expect(() => dmaOf().alloc(64, { align })).toThrow(/want a power of two/);
  });

  test("freeing twice is said by name", () => {
    const buffer = dmaOf().alloc(64, { label: "rx ring 0" });
    buffer.free();
    expect(() => buffer.free()).toThrow("rx ring 0 was freed twice");
  });
});

describe("accessors of a buffer", () => {
  const anAccess = fc.record({
    width: fc.constantFrom(8, 16, 32, "acquire" as const),
    offset: fc.integer({ min: -8, max: 80 }),
    value: fc.nat(0xffffffff),
  });

  test("agree with a DataView, little-endian, and refuse what is misaligned or outside", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.array(anAccess, { maxLength: 40 }), (byteLength, accesses) => {
        const buffer = dmaOf().alloc(byteLength, { label: "ring" });
        const view = new DataView(new ArrayBuffer(80));
        for (const { width, offset, value } of accesses) {
          const size = width === 8 ? 1 : width === 16 ? 2 : 4;
          const read = (): number => {
            if (width === 8) return buffer.read8(offset);
            if (width === 16) return buffer.read16(offset);
            return width === 32 ? buffer.read32(offset) : buffer.readAcquire32(offset);
          };
          const write = (): void => {
            if (width === 8) buffer.write8(offset, value);
            else if (width === 16) buffer.write16(offset, value);
            else if (width === 32) buffer.write32(offset, value);
            else buffer.writeRelease32(offset, value);
          };
          if (offset < 0 || offset + size > byteLength || offset % size !== 0) {
            for (const access of [read, write])
              expect(access).toThrow(/of ring is misaligned or outside its \d+ bytes/);
            continue;
          }
          write();
          if (size === 1) view.setUint8(offset, value);
          else if (size === 2) view.setUint16(offset, value, true);
          else view.setUint32(offset, value, true);
          expect(read()).toBe(size === 1 ? value & 0xff : size === 2 ? value & 0xffff : value);
        }
        expect([...buffer.bytes]).toEqual([...new Uint8Array(view.buffer, 0, byteLength)]);
      }),
    );
  });

  test("copies in and out equal set() and slice()", () => {
    const aCopy = fc.record({ offset: fc.nat(40), at: fc.nat(40), byteLength: fc.nat(40) });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 80, maxLength: 80 }), fc.array(aCopy), (source, copies) => {
        const buffer = dmaOf().alloc(80);
        const expected = new Uint8Array(80);
        for (const { offset, at, byteLength } of copies) {
          buffer.copyFrom(offset, source, at, byteLength);
          expected.set(source.subarray(at, at + byteLength), offset);
        }
        buffer.copyFrom(0, expected.slice(), 0, 80);
        expect([...buffer.bytes]).toEqual([...expected]);
        const out = new Uint8Array(80);
        for (const { offset, at, byteLength } of copies) {
          buffer.copyTo(offset, out, at, byteLength);
          expect([...out.subarray(at, at + byteLength)]).toEqual([...expected.subarray(offset, offset + byteLength)]);
        }
      }),
    );
    const buffer = dmaOf().alloc(64);
    expect(() => buffer.copyFrom(60, new Uint8Array(8), 0, 8)).toThrow(RangeError);
    expect(() => buffer.copyTo(-1, new Uint8Array(8), 0, 8)).toThrow(RangeError);
  });
});
