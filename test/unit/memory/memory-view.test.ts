import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyMemory, copyWordsExcept, MemoryView } from "../../../emulator/memory/memory-view.ts";

/** Distinct enough that a byte from the wrong place is seen. */
function patterned(byteLength: number, seed: number): MemoryView {
  const view = MemoryView.shared(byteLength);
  for (let index = 0; index < byteLength; index++) view.bytes[index] = (index * 167 + seed * 31 + (index >> 8)) & 0xff;
  return view;
}

describe("copyMemory", () => {
  test("equals set() of a sub-array at every alignment of both sides and every length up to 80", () => {
    const from = patterned(128, 1);
    for (let toOffset = 0; toOffset < 8; toOffset++) {
      for (let fromOffset = 0; fromOffset < 8; fromOffset++) {
        for (let byteLength = 0; byteLength <= 80; byteLength++) {
          const [to, expected] = [patterned(128, 2), patterned(128, 2)];
          copyMemory(to, toOffset, from, fromOffset, byteLength);
          expected.bytes.set(from.bytes.subarray(fromOffset, fromOffset + byteLength), toOffset);
          if (Buffer.compare(to.bytes, expected.bytes) !== 0) {
            expect.fail(`${byteLength} bytes from ${fromOffset} to ${toOffset} differ from set()`);
          }
        }
      }
    }
  });

  test("and at any place and length, below and above the length at which it changes its way", () => {
    const size = 12_288;
    const length = fc.oneof(fc.nat(size), fc.integer({ min: 4090, max: 4102 }));
    fc.assert(
      fc.property(length, fc.nat(size), fc.nat(size), (wanted, toOffset, fromOffset) => {
        const byteLength = Math.min(wanted, size - toOffset, size - fromOffset);
        const from = patterned(size, 3);
        const [to, expected] = [patterned(size, 4), patterned(size, 4)];
        copyMemory(to, toOffset, from, fromOffset, byteLength);
        expected.bytes.set(from.bytes.subarray(fromOffset, fromOffset + byteLength), toOffset);
        expect(Buffer.compare(to.bytes, expected.bytes)).toBe(0);
      }),
    );
  });
});

describe("copyWordsExcept", () => {
  test("copies as copyMemory does, but for one word, which stays as it was", () => {
    const words = fc.nat(12);
    fc.assert(
      fc.property(words, words, fc.integer({ min: 1, max: 16 }), fc.nat(15), (toWord, fromWord, count, which) => {
        const from = patterned(128, 5);
        const [to, expected] = [patterned(128, 6), patterned(128, 6)];
        const except = which % count;
        const kept = expected.words[toWord + except] as number;
        copyWordsExcept(to, 4 * toWord, from, 4 * fromWord, 4 * count, 4 * except);
        copyMemory(expected, 4 * toWord, from, 4 * fromWord, 4 * count);
        expected.words[toWord + except] = kept;
        expect(Buffer.compare(to.bytes, expected.bytes)).toBe(0);
      }),
    );
  });
});

describe("MemoryView", () => {
  test("bytes and words are one memory, little-endian", () => {
    const view = MemoryView.ofSize(8);
    view.words[1] = 0x01020304;
    expect([...view.bytes]).toEqual([0, 0, 0, 0, 4, 3, 2, 1]);
  });

  test("sizes are rounded up to words; a buffer that is not made of words is refused", () => {
    expect(MemoryView.ofSize(5).byteLength).toBe(8);
    expect(MemoryView.shared(5).byteLength).toBe(8);
    expect(MemoryView.shared(5).bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(() => new MemoryView(new ArrayBuffer(6))).toThrow(/6 bytes: want a multiple of 4/);
  });
});
