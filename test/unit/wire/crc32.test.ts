import * as zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { appendFcs, crc32, crc32OfMemory, FCS_BYTE_LENGTH, hasValidFcs } from "../../../emulator/wire/crc32.ts";

/** One bit at a time, as the shift register of IEEE 802.3 3.2.9 does it. */
function crc32BitByBit(bytes: Uint8Array): number {
  let register = 0xffff_ffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = (register ^ (byte >>> bit)) & 1;
      register = (register >>> 1) ^ (feedback === 1 ? 0xedb8_8320 : 0);
    }
  }
  return ~register >>> 0;
}

const blocks = fc.uint8Array({ maxLength: 300 });

describe("crc32", () => {
  test("has the check value of the catalogue: 123456789 gives cbf43926", () => {
    const digits = new TextEncoder().encode("123456789");
    expect(crc32(digits, 0, 9) >>> 0).toBe(0xcbf4_3926);
  });

  test("equals the bitwise register over any part of an array, at any alignment", () => {
    fc.assert(
      fc.property(blocks, fc.nat(20), fc.nat(20), (bytes, before, behind) => {
        const padded = new Uint8Array(before + bytes.length + behind).fill(0xa5);
        padded.set(bytes, before);
        expect(crc32(padded, before, bytes.length) >>> 0).toBe(crc32BitByBit(bytes));
      }),
    );
  });

  test("over memory it is the same at any alignment, and looks at nothing beside its part", () => {
    fc.assert(
      fc.property(blocks, fc.nat(20), fc.nat(20), fc.nat(255), (bytes, before, behind, around) => {
        const memory = MemoryView.ofSize(before + bytes.length + behind);
        memory.bytes.fill(around);
        memory.bytes.set(bytes, before);
        expect(crc32OfMemory(memory, before, bytes.length) >>> 0).toBe(crc32BitByBit(bytes));
      }),
    );
  });

  test.skipIf(!("crc32" in zlib))("equals node:zlib", () => {
    fc.assert(fc.property(blocks, (bytes) => crc32(bytes, 0, bytes.length) >>> 0 === zlib.crc32(bytes)));
  });

  test("in two pieces gives the same as in one", () => {
    fc.assert(
      fc.property(blocks, fc.nat(300), (bytes, cut) => {
        const first = Math.min(cut, bytes.length);
        const pieces = crc32(bytes, first, bytes.length - first, crc32(bytes, 0, first));
        expect(pieces).toBe(crc32(bytes, 0, bytes.length));
      }),
    );
  });
});

describe("the frame check sequence", () => {
  test("goes out least significant byte first", () => {
    const frame = new Uint8Array(64);
    appendFcs(frame, 0, 60);
    const fcs = crc32BitByBit(new Uint8Array(60));
    expect([...frame.subarray(60)]).toEqual([fcs & 0xff, (fcs >>> 8) & 0xff, (fcs >>> 16) & 0xff, fcs >>> 24]);
  });

  test("an appended FCS is valid, and no single flipped bit keeps it so", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(5), fc.nat(), (bytes, offset, flip) => {
        const frame = new Uint8Array(offset + bytes.length + FCS_BYTE_LENGTH);
        frame.set(bytes, offset);
        appendFcs(frame, offset, bytes.length);
        const byteLength = bytes.length + FCS_BYTE_LENGTH;
        expect(hasValidFcs(frame, offset, byteLength)).toBe(true);
        const bit = flip % (byteLength * 8);
        const at = offset + (bit >>> 3);
        frame[at] = (frame[at] as number) ^ (1 << (bit & 7));
        expect(hasValidFcs(frame, offset, byteLength)).toBe(false);
      }),
    );
  });

  test("four bytes alone are no frame", () => {
    const frame = new Uint8Array(4);
    appendFcs(frame, 0, 0);
    expect(hasValidFcs(frame, 0, 4)).toBe(false);
  });
});
