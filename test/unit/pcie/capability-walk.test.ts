import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findCapability, findExtendedCapability } from "../../../emulator/pcie/capability-walk.ts";
import { ConfigSpace, type FunctionDeclaration } from "../../../emulator/pcie/config-space.ts";
import { NETWORK_CARD } from "./config-space-model.ts";

const SILENT = { onFunctionLevelReset: () => {}, onCommandChanged: () => {}, onMsixControlChanged: () => {} };

function readerOf(declaration: FunctionDeclaration): (offset: number, byteLength: 1 | 2 | 4) => number {
  const config = new ConfigSpace(declaration, SILENT);
  return (offset, byteLength) => config.read(offset, byteLength);
}

/** Reads from bytes that anybody may have written, counting: a walk has to end. */
function readerOfBytes(bytes: Uint8Array): {
  read: (offset: number, byteLength: 1 | 2 | 4) => number;
  count: () => number;
} {
  const view = new DataView(bytes.buffer);
  let count = 0;
  const read = (offset: number, byteLength: 1 | 2 | 4): number => {
    count++;
    if (byteLength === 1) return view.getUint8(offset);
    return byteLength === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
  };
  return { read, count: () => count };
}

describe("the lists of a declared function", () => {
  const { identity, bars } = NETWORK_CARD;
  // MSI-X lies between two others, so leaving it out moves a link.
  test.each<[string, FunctionDeclaration, number[]]>([
    ["all", NETWORK_CARD, [0x01, 0x05, 0x10, 0x11]],
    ["no MSI-X", { identity, bars }, [0x01, 0x05, 0x10]],
    ["no MSI", { ...NETWORK_CARD, msi: false }, [0x01, 0x10, 0x11]],
    ["neither", { identity, bars, msi: false }, [0x01, 0x10]],
  ])("%s: exactly the declared capabilities are found", (_, declaration, ids) => {
    const read = readerOf(declaration);
    const found: number[] = [];
    for (let id = 0; id < 256; id++) {
      const offset = findCapability(read, id);
      if (offset === 0) continue;
      expect(read(offset, 1)).toBe(id);
      expect(findCapability(read, id, offset)).toBe(0);
      found.push(id);
    }
    expect(found).toEqual(ids);
    expect(findExtendedCapability(read, 0x0001)).toBe(0x0100);
    expect(findExtendedCapability(read, 0x0003)).toBe(0x0140);
    expect(findExtendedCapability(read, 0x0003, 0x0100)).toBe(0x0140);
    expect(findExtendedCapability(read, 0x0001, 0x0100)).toBe(0);
    expect(findExtendedCapability(read, 0x0002)).toBe(0);
  });

  test("the capabilities say what was declared", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2048 }),
        fc.nat(0xffffffff),
        fc.nat(0xffffffff),
        (vectorCount, high, low) => {
          const read = readerOf({
            ...NETWORK_CARD,
            bars: [{ index: 3, byteLength: 0x40000, kind: "memory32", about: "MSI-X" }],
            msix: { vectorCount, bar: 3, tableOffset: 0x8000, pendingBitsOffset: 0x20008 },
            link: { gigatransfersPerSecond: 8, laneCount: 16 },
            serialNumber: { high, low },
          });
          const msix = findCapability(read, 0x11);
          expect((read(msix + 2, 2) & 0x7ff) + 1).toBe(vectorCount);
          expect(read(msix + 4, 4)).toBe(0x8003);
          expect(read(msix + 8, 4)).toBe(0x2000b);
          const serialNumber = findExtendedCapability(read, 0x0003);
          expect([read(serialNumber + 8, 4), read(serialNumber + 4, 4)]).toEqual([high, low]);
          const linkStatus = read(findCapability(read, 0x10) + 0x12, 2);
          expect([linkStatus & 0xf, (linkStatus >> 4) & 0x3f]).toEqual([3, 16]);
        },
      ),
    );
  });
});

describe("lists that a broken or hostile device shows", () => {
  test("every walk over random bytes ends, and what it finds is there", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), fc.nat(255), (bytes, id) => {
        bytes[0x06] = 0x10;
        const { read, count } = readerOfBytes(bytes);
        const offset = findCapability(read, id);
        if (offset !== 0) expect([bytes[offset], offset % 4, offset >= 0x40]).toEqual([id, 0, true]);
        findExtendedCapability(read, id);
        expect(count()).toBeLessThan(1100);
      }),
    );
  });

  test("loops end as not found", () => {
    const bytes = new Uint8Array(4096);
    bytes.set([0x10], 0x06);
    bytes.set([0x40], 0x34);
    bytes.set([0x09, 0x50], 0x40);
    bytes.set([0x09, 0x40], 0x50);
    bytes.set([0x0b, 0x00, 0x01, 0x10], 0x100);
    const { read, count } = readerOfBytes(bytes);
    expect(findCapability(read, 0x11)).toBe(0);
    expect(findExtendedCapability(read, 0x0001)).toBe(0);
    expect(count()).toBeGreaterThan(10);
    expect(count()).toBeLessThan(1100);
    expect(findCapability(read, 0x09)).toBe(0x40);
    expect(findCapability(read, 0x09, 0x40)).toBe(0x50);
  });

  test("a list of the largest possible length is walked to its end", () => {
    const bytes = new Uint8Array(4096);
    bytes.set([0x10], 0x06);
    bytes.set([0x40], 0x34);
    for (let offset = 0x40; offset < 0xfc; offset += 4) bytes.set([0x09, offset + 4], offset);
    bytes.set([0x11, 0], 0xfc);
    const view = new DataView(bytes.buffer);
    for (let offset = 0x100; offset < 0xffc; offset += 4) view.setUint32(offset, ((offset + 4) << 20) | 0x1000b, true);
    view.setUint32(0xffc, 0x10003, true);
    const { read } = readerOfBytes(bytes);
    expect(findCapability(read, 0x11)).toBe(0xfc);
    expect(findExtendedCapability(read, 0x0003)).toBe(0xffc);
  });

  test.each([
    ["gone (all ones)", 0xff],
    ["without capabilities (zeros)", 0x00],
  ])("a function that is %s has none", (_, byte) => {
    const { read } = readerOfBytes(new Uint8Array(4096).fill(byte));
    for (const id of [0x00, 0x01, 0x11, 0xff]) {
      expect(findCapability(read, id)).toBe(0);
      expect(findExtendedCapability(read, id)).toBe(0);
    }
  });

  test("without the Capabilities List bit the pointer means nothing", () => {
    const bytes = new Uint8Array(4096);
    bytes.set([0x40], 0x34);
    bytes.set([0x11], 0x40);
    expect(findCapability(readerOfBytes(bytes).read, 0x11)).toBe(0);
  });
});
