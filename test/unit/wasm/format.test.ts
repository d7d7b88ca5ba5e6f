import { expect, test } from "vitest";
import { formatted } from "../../../harness/wasm/format.ts";
import type { LinearMemory } from "../../../harness/wasm/linear-memory.ts";

type Parameter = number | bigint | string;

/** Lays out parameters as clang does: words, 64-bit integers on multiples of 8, texts elsewhere. */
function printed(format: string, ...parameters: readonly Parameter[]): string {
  const bytes = new Uint8Array(new SharedArrayBuffer(4096));
  const view = new DataView(bytes.buffer);
  let texts = 2048;
  const put = (text: string): number => {
    const at = texts;
    bytes.set(new TextEncoder().encode(`${text}\0`), at);
    texts += text.length + 1;
    return at;
  };
  let at = 1024;
  for (const parameter of parameters) {
    if (typeof parameter === "bigint") {
      at = (at + 7) & ~7;
      view.setBigInt64(at, parameter, true);
      at += 8;
      continue;
    }
    view.setInt32(at, typeof parameter === "string" ? put(parameter) : parameter, true);
    at += 4;
  }
  const memory = {
    bytes,
    text: (from: number, byteLimit = Number.POSITIVE_INFINITY) =>
      Buffer.from(bytes.slice(from, Math.min(bytes.indexOf(0, from), from + byteLimit))).toString(),
  } as unknown as LinearMemory;
  return formatted(memory, put(format), 1024);
}

// What C11 7.21.6.1 says, on a machine whose int, long and pointers have 32 bits.
test.each<[string, readonly Parameter[], string]>([
  ["%d %i %u", [-1, 42, -1], "-1 42 4294967295"],
  ["%x %X %#x %o", [255, 255, 255, 8], "ff FF 0xff 10"],
  ["%08x|%5d|%-5d|%05d", [0xbeef, 42, 42, -42], "0000beef|   42|42   |-0042"],
  ["%+d % d %.3d", [5, 5, 7], "+5  5 007"],
  ["%llu %lld %llx", [18446744073709551615n, -2n, 0x123456789an], "18446744073709551615 -2 123456789a"],
  ["%d %llu %d", [1, 2n, 3], "1 2 3"],
  ["%hhu %hd", [0x1ff, 0x18000], "255 -32768"],
  ["%zu %ld", [7, -7], "7 -7"],
  ["[%s] [%8s] [%-4s] [%.2s]", ["ring", "rx", "a", "abc"], "[ring] [      rx] [a   ] [ab]"],
  ["%c%c %p %%", [79, 75, 0x1000], "OK 0x1000 %"],
  ["%*d", [4, 7], "   7"],
  ["[%*d] [%.*s] [%.*s]", [-6, 7, -1, "abc", 2, "abc"], "[7     ] [abc] [ab]"],
  ["[%.0d] [%.d] [%.0x] [%.0d]", [0, 0, 0, 5], "[] [] [] [5]"],
  ["%#o %#o %#x", [0, 8, 0], "0 010 0"],
])("%s", (format, parameters, text) => {
  expect(printed(format, ...parameters)).toBe(text);
});

test("a field that would fill memory is refused", () => {
  expect(() => printed("%500000000d", 1)).toThrow("a text with a field of 500000000 characters: 4096 at most");
});
