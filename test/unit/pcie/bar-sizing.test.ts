import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sizeBar } from "../../../emulator/pcie/bar-sizing.ts";
import { type BarDeclaration, ConfigSpace } from "../../../emulator/pcie/config-space.ts";
import { NETWORK_CARD } from "./config-space-model.ts";

const SILENT = { onFunctionLevelReset: () => {}, onCommandChanged: () => {}, onMsixControlChanged: () => {} };

/** Up to six BARs that fit the slots, of any size and kind. */
const someBars: fc.Arbitrary<BarDeclaration[]> = fc
  .array(
    fc.record({
      wide: fc.boolean(),
      sizeBits: fc.integer({ min: 4, max: 48 }),
      prefetchable: fc.boolean(),
      skip: fc.nat(1),
    }),
    {
      maxLength: 6,
    },
  )
  .map((wishes) => {
    const bars: BarDeclaration[] = [];
    let slot = 0;
    for (const { wide, sizeBits, prefetchable, skip } of wishes) {
      const index = slot + skip;
      if (index + (wide ? 2 : 1) > 6) break;
      const byteLength = 2 ** (wide ? sizeBits : Math.min(sizeBits, 31));
      const kind = wide ? "memory64" : "memory32";
      bars.push({ index: index as BarDeclaration["index"], byteLength, kind, prefetchable, about: "window" });
      slot = index + (wide ? 2 : 1);
    }
    return bars;
  });

function functionWith(bars: readonly BarDeclaration[]): ConfigSpace {
  return new ConfigSpace({ identity: NETWORK_CARD.identity, bars }, SILENT);
}

describe("sizing", () => {
  test("finds every declared BAR with its size and kind, and leaves the registers as they were", () => {
    fc.assert(
      fc.property(someBars, fc.array(fc.nat(0xffffffff), { minLength: 6, maxLength: 6 }), (bars, addresses) => {
        const config = functionWith(bars);
        for (const [slot, address] of addresses.entries()) config.write(0x10 + 4 * slot, 4, address);
        config.write(0x04, 2, 0x0406);
        const before = config.snapshot();
        const found: unknown[] = [];
        for (let index = 0; index < 6; ) {
          const bar = sizeBar(
            (offset, byteLength) => config.read(offset, byteLength),
            (offset, byteLength, value) => config.write(offset, byteLength, value),
            index,
          );
          if (bar.kind !== "none") found.push({ index, ...bar });
          index += bar.slotCount;
        }
        expect(found).toEqual(
          bars.map(({ index, kind, byteLength, prefetchable }) => {
            return { index, kind, byteLength, prefetchable, slotCount: kind === "memory64" ? 2 : 1 };
          }),
        );
        expect(config.snapshot()).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  test("decoding is off while a BAR holds ones", () => {
    const config = functionWith(NETWORK_CARD.bars);
    config.write(0x04, 2, 0x0006);
    const decodedAt: number[] = [];
    const write = (offset: number, byteLength: 1 | 2 | 4, value: number): void => {
      config.write(offset, byteLength, value);
      if (config.memoryEnabled) decodedAt.push(config.barAddress(0));
    };
    config.write(0x10, 4, 0xe0000000);
    sizeBar((offset, byteLength) => config.read(offset, byteLength), write, 0);
    expect(decodedAt).toEqual([0xe0000000]);
    expect(config.memoryEnabled).toBe(true);
  });

  test.each([
    ["an I/O BAR of 32 bytes", 0xffffffe1, { kind: "io", byteLength: 32, prefetchable: false, slotCount: 1 }],
    ["a device that is gone", 0xffffffff, { kind: "none", byteLength: 0, prefetchable: false, slotCount: 1 }],
    ["an empty slot", 0, { kind: "none", byteLength: 0, prefetchable: false, slotCount: 1 }],
  ])("%s", (_, answer, expected) => {
    expect(
      sizeBar(
        () => answer,
        () => {},
        0,
      ),
    ).toEqual(expected);
  });

  test("there is no BAR6", () => {
    expect(() =>
      sizeBar(
        () => 0,
        () => {},
        6,
      ),
    ).toThrow(/BAR6/);
  });
});

describe("BAR addresses", () => {
  test("a BAR holds an address rounded down to its size, in 64 bits where it has them", () => {
    fc.assert(
      fc.property(someBars, fc.nat(0xffff), fc.nat(0xffffffff), (bars, high, low) => {
        const config = functionWith(bars);
        for (const { index, kind, byteLength } of bars) {
          config.write(0x10 + 4 * index, 4, low);
          if (kind === "memory64") config.write(0x14 + 4 * index, 4, high);
          const address = BigInt(kind === "memory64" ? high : 0) * 2n ** 32n + BigInt(low);
          expect(config.barAddress(index)).toBe(Number(address - (address % BigInt(byteLength))));
        }
      }),
    );
  });
});
