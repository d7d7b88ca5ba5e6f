import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { declaration } from "../../../devices/edu/edu.ts";
import {
  DMA_COMMAND,
  DMA_COUNT,
  DMA_DESTINATION,
  DMA_SOURCE,
  EDU_REGISTERS,
  LIVENESS,
  STATUS,
} from "../../../devices/edu/registers.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { TestPort } from "./test-port.ts";

const ALL_ONES = 0xffff_ffff;
const isWriteOnly = (register: Register): boolean => register.access.includes("wo");
const word = fc.integer({ min: 0, max: ALL_ONES });

test("the data sheet's table is the register table", () => {
  const sheet = readFileSync(new URL("../../../devices/edu/DATASHEET.md", import.meta.url), "utf8");
  const rows = [...sheet.matchAll(/^\| (0x[0-9a-f]{4}) +\| (\w+) +\| ([^|\n]*)\| ([^|\n]*)\|/gm)].map((row) => {
    const [access = "", width = "32"] = (row[3] as string).trim().split(", ");
    return {
      offset: Number(row[1]),
      name: row[2],
      access,
      width: Number(width),
      reset: Number((row[4] as string).trim()),
    };
  });
  expect(rows).toEqual(
    EDU_REGISTERS.registers.map((register) => ({
      offset: register.at(),
      name: register.name,
      // The sheet gives STATUS and DMA_COMMAND bit by bit; the access of the whole is left out for the mixed one.
      access: register === STATUS ? "" : register.access.join(),
      width: register.width,
      reset: register.reset(0),
    })),
  );
});

test("the card is declared with the numbers of the data sheet", () => {
  const { identity, bars, dmaAddressBits } = declaration({});
  expect([identity.vendorId, identity.deviceId, identity.revisionId, identity.classCode]).toEqual([
    0x1234, 0x11e8, 0x10, 0xff0000,
  ]);
  expect(bars).toMatchObject([{ index: 0, byteLength: 0x10_0000, kind: "memory32" }]);
  expect([dmaAddressBits, declaration({ dmaAddressBits: 40 }).dmaAddressBits]).toEqual([28, 40]);
  for (const bits of [15, 49, 28.5, Number.NaN])
    expect(() => declaration({ dmaAddressBits: bits })).toThrow(RangeError);
});

describe.each(EDU_REGISTERS.registers.map((register) => ({ name: register.name, register })))(
  "$name",
  ({ register }) => {
    test("reads as its reset value; all ones where it cannot be read", () => {
      const expected = isWriteOnly(register) ? ALL_ONES : register.reset(0) >>> 0;
      expect(new TestPort().read32(register.at())).toBe(expected);
    });

    test("takes the bits that its declaration lets a driver write, and no others", () => {
      const { stored } = EDU_REGISTERS.masks[EDU_REGISTERS.family(register)] as { stored: number };
      fc.assert(
        fc.property(word, (value) => {
          const port = new TestPort();
          port.write32(register.at(), value);
          let expected = (register.reset(0) & ~stored) | (value & stored);
          if (isWriteOnly(register)) expected = ALL_ONES;
          if (register === LIVENESS) expected = ~value;
          if (register === DMA_COMMAND && (value & 1) === 0) expected = 0;
          expect(port.read32(register.at())).toBe(expected >>> 0);
        }),
      );
    });
  },
);

test("liveness gives the complement, and of the complement the word again", () => {
  fc.assert(
    fc.property(word, (value) => {
      const port = new TestPort();
      port.write32(0x0004, value);
      expect(port.read32(0x0004)).toBe(~value >>> 0);
      port.write32(0x0004, port.read32(0x0004));
      expect(port.read32(0x0004)).toBe(value);
    }),
  );
});

test("the DMA address and count registers take 8 bytes, or 4 for either half", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(DMA_SOURCE.at(), DMA_DESTINATION.at(), DMA_COUNT.at()),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      word,
      (offset, value, high) => {
        const port = new TestPort();
        port.write64(offset, value);
        expect(port.read64(offset)).toBe(value);
        port.write32(offset + 4, high);
        expect(port.read64(offset)).toBe((BigInt(high) << 32n) | (value & 0xffff_ffffn));
        expect(port.read32(offset)).toBe(Number(value & 0xffff_ffffn));
        expect(port.rules).toEqual([]);
      },
    ),
  );
});

describe("what is not decoded", () => {
  test("a wrong width changes nothing, reads as all ones and is reported", () => {
    const access = fc
      .record({ offset: fc.nat({ max: 0x00ff }), byteLength: fc.constantFrom(1, 2, 4, 8) })
      .filter(({ offset, byteLength }) => offset % byteLength === 0)
      .filter(({ offset, byteLength }) => byteLength < 4 || (byteLength === 8 && offset < 0x0080));
    fc.assert(
      fc.property(access, word, word, ({ offset, byteLength }, low, high) => {
        const port = new TestPort();
        const before = port.snapshot();
        port.device.onWrite(0, offset, byteLength, low | 0, high | 0);
        expect(port.snapshot()).toEqual(before);
        expect(port.device.onRead(0, offset, byteLength)).toBe(-1);
        expect(port.device.readHigh).toBe(-1);
        expect(port.log.findings).toMatchObject([{ kind: "violation", rule: "wrong-width", count: 2 }]);
      }),
    );
  });

  test("where there is no register nothing changes, reads give all ones, and it is reported", () => {
    const hole = fc.nat({ max: (0x10_0000 >> 2) - 2 }).map((index) => 4 * index);
    fc.assert(
      fc.property(
        hole.filter((offset) => EDU_REGISTERS.ordinalAt(offset) === -1),
        word,
        (offset, value) => {
          const port = new TestPort();
          const before = port.snapshot();
          port.write32(offset, value);
          expect(port.snapshot()).toEqual(before);
          expect(port.read32(offset)).toBe(ALL_ONES);
          expect(port.rules).toEqual(["no-register"]);
          expect(port.log.findings[0]?.message).toContain("The write was ignored");
          const reading = new TestPort();
          reading.read32(offset);
          expect(reading.log.findings[0]?.message).toContain("The read gave 0xffffffff");
        },
      ),
    );
  });

  test("a read of what can only be written gives all ones, and is reported", () => {
    for (const offset of [0x60, 0x64]) {
      const port = new TestPort();
      expect(port.read32(offset)).toBe(ALL_ONES);
      expect(port.log.findings).toMatchObject([{ kind: "note", rule: "read-of-write-only", count: 1 }]);
      expect(port.log.findings[0]?.message).toMatch(
        /^Read of INTERRUPT_(RAISE|ACKNOWLEDGE) 0x0006\d, which is write-only/,
      );
    }
  });

  test("the DMA buffer is not behind its own address in the BAR", () => {
    const port = new TestPort();
    expect(port.read64(0x4_0000)).toBe(0xffff_ffff_ffff_ffffn);
    expect(port.rules).toContain("no-register");
  });
});

test("writes to read-only registers are ignored and reported", () => {
  const port = new TestPort();
  port.write32(0x0000, 0);
  port.write32(0x0024, ALL_ONES);
  expect([port.read32(0x0000), port.read32(0x0024)]).toEqual([0x0100_00ed, 0]);
  expect(port.rules).toEqual(["write-to-read-only", "write-to-read-only"]);
});
