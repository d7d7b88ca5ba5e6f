import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { suggestion } from "../../../harness/cli/suggest.ts";
import { counted, durationText } from "../../../harness/cli/terminal.ts";
import { parseSpeed } from "../../../harness/replay/replay-speed.ts";

describe("suggestions", () => {
  const known = ["replay", "devices", "regs"];

  test.each([
    ["repaly", "replay"],
    ["rplay", "replay"],
    ["device", "devices"],
    ["REGS", "regs"],
  ])("%s is meant to be %s", (typed, meant) => {
    expect(suggestion(typed, known)).toBe(`, did you mean "${meant}"?`);
  });

  test("a single slip in a long word is always understood", () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.constantFrom("", "x", "zz"), (at, put) => {
        const typed = `replay`.slice(0, at) + put + `replay`.slice(at + 1);
        expect(suggestion(typed, known)).toContain('"replay"');
      }),
    );
  });

  test("nonsense suggests nothing", () => {
    expect(suggestion("xyzzy", known)).toBe("");
  });
});

describe("speeds", () => {
  test("are factors, with or without an x", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e6, noNaN: true }), (factor) => {
        const text = factor.toFixed(6);
        expect(parseSpeed(text)).toBe(Number(text));
        expect(parseSpeed(`${text}x`)).toBe(Number(text));
      }),
    );
  });

  test.each(["", "x", "0", "0x", "-1", "1e3", "NaN", "Infinity", "10xx", "1.2.3", "fast", "99999999999"])(
    "%j is none",
    (text) => {
      expect(() => parseSpeed(text)).toThrow(RangeError);
    },
  );

  test("have names", () => {
    expect([parseSpeed("max"), parseSpeed("recorded")]).toEqual(["max", 1]);
  });
});

test("durations keep three digits", () => {
  const texts = [1, 999, 1000, 12_345, 123_456, 1_234_567, 61e9, 150e9, 57_266e9].map(durationText);
  const expected = ["1 ns", "999 ns", "1.00 µs", "12.3 µs", "123 µs", "1.23 ms", "61.0 s", "2 min 30 s", "15 h 54 min"];
  expect(texts).toEqual(expected);
});

test("one is not many", () => {
  expect([counted(1, "frame"), counted(0, "frame"), counted(1234, "frame")]).toEqual([
    "1 frame",
    "0 frames",
    "1,234 frames",
  ]);
});
