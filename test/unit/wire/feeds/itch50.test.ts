import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ITCH50_BYTE_LENGTHS, ItchCounters } from "../../../../emulator/wire/feeds/itch50.ts";
import { ITCH50_MESSAGES } from "../../../../emulator/wire/feeds/itch50-messages.ts";

describe("ITCH 5.0", () => {
  test("has the 23 messages of the specification with the lengths of its tables", () => {
    const lengths = Object.fromEntries(ITCH50_MESSAGES.map(({ letter, byteLength }) => [letter, byteLength]));
    // biome-ignore format: as the specification lists them
    expect(lengths).toEqual({
      S: 12, R: 39, H: 25, Y: 20, L: 26, V: 35, W: 12, K: 28, J: 35, h: 21, A: 36, F: 40, E: 31, C: 36, X: 23, D: 19,
      U: 35, P: 44, Q: 40, B: 19, I: 50, N: 20, O: 48,
    });
    expect(ITCH50_MESSAGES).toHaveLength(23);
    expect(ITCH50_BYTE_LENGTHS.filter((byteLength) => byteLength > 0)).toHaveLength(23);
  });

  test("a message counts for its type when its length is right, else as malformed or unknown", () => {
    const messages = fc.array(fc.tuple(fc.nat(255), fc.nat(60)), { maxLength: 40 });
    fc.assert(
      fc.property(messages, fc.nat(5), (sent, offset) => {
        const counters = new ItchCounters();
        const truth = { right: 0, malformed: 0, unknown: 0 };
        for (const [type, byteLength] of sent) {
          const bytes = new Uint8Array(80).fill(0x41);
          bytes[offset] = type;
          const known = ITCH50_MESSAGES.find(({ letter }) => letter.charCodeAt(0) === type);
          const isRight = known?.byteLength === byteLength;
          if (isRight) truth.right++;
          else if (byteLength === 0 || known !== undefined) truth.malformed++;
          else truth.unknown++;
          expect(counters.count(bytes, offset, byteLength)).toBe(isRight ? type : -1);
        }
        expect(counters).toMatchObject({ malformed: truth.malformed, unknown: truth.unknown, total: truth.right });
      }),
    );
  });

  test("counts are listed by letter", () => {
    const counters = new ItchCounters();
    for (const letter of ["A", "A", "S", "h"]) {
      const bytes = new Uint8Array(60).fill(letter.charCodeAt(0));
      counters.count(bytes, 0, ITCH50_MESSAGES.find((message) => message.letter === letter)?.byteLength ?? 0);
    }
    expect(counters.toObject()).toEqual({ S: 1, h: 1, A: 2 });
    expect(counters.of("A")).toBe(2);
    expect(counters.of("H")).toBe(0);
  });
});
