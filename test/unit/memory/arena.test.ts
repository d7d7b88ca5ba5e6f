import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena, ARENA_PAGE_BYTES as PAGE } from "../../../emulator/memory/arena.ts";

interface Buffer {
  readonly offset: number;
  readonly byteLength: number;
}

type Step =
  | { readonly kind: "alloc"; readonly byteLength: number; readonly alignPages: number }
  | { readonly kind: "free"; readonly which: number };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("alloc" as const),
      byteLength: fc.oneof(fc.integer({ min: 1, max: 5 * PAGE }), fc.constantFrom(PAGE - 1, PAGE, PAGE + 1)),
      alignPages: fc.constantFrom(1, 1, 1, 2, 4, 16),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("free" as const), which: fc.nat(63) }) },
);

/** The longest run of pages, aligned, that no buffer touches. */
function hasRoom(buffers: readonly Buffer[], pageCount: number, wantedPages: number, alignPages: number): boolean {
  const taken = new Uint8Array(pageCount);
  for (const { offset, byteLength } of buffers) {
    taken.fill(1, offset / PAGE, Math.ceil((offset + byteLength) / PAGE));
  }
  for (let first = 0; first + wantedPages <= pageCount; first += alignPages) {
    if (taken.subarray(first, first + wantedPages).every((page) => page === 0)) return true;
  }
  return false;
}

describe("against a list of buffers", () => {
  test("buffers are aligned, inside, never overlap, and are refused only when no run is free", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.array(aStep, { minLength: 1, maxLength: 150, size: "max" }),
        (pageCount, steps) => {
          const arena = Arena.create(pageCount * PAGE);
          // Another driver thread allocates from the same tables.
          const other = new Arena(arena.tables);
          const buffers: Buffer[] = [];
          for (const [index, step] of steps.entries()) {
            const mine = index % 2 === 0 ? arena : other;
            if (step.kind === "free") {
              const [buffer] = buffers.splice(step.which % Math.max(1, buffers.length), 1);
              if (buffer !== undefined) mine.free(buffer.offset);
              continue;
            }
            const { byteLength, alignPages } = step;
            const room = hasRoom(buffers, pageCount, Math.ceil(byteLength / PAGE), alignPages);
            if (!room) {
              expect(() => mine.alloc(byteLength, alignPages * PAGE)).toThrow(/no run of \d+ free pages/);
              continue;
            }
            const offset = mine.alloc(byteLength, alignPages * PAGE);
            expect(offset % (alignPages * PAGE)).toBe(0);
            expect(offset + byteLength).toBeLessThanOrEqual(pageCount * PAGE);
            for (const buffer of buffers) {
              expect(offset >= buffer.offset + buffer.byteLength || buffer.offset >= offset + byteLength).toBe(true);
            }
            buffers.push({ offset, byteLength });
          }
        },
      ),
    );
  });

  test("everything that was freed is there again", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 * PAGE }), { maxLength: 16 }), (lengths) => {
        const arena = Arena.create(64 * PAGE);
        const offsets = lengths.map((byteLength) => arena.alloc(byteLength));
        for (const offset of offsets) arena.free(offset);
        expect(arena.alloc(64 * PAGE)).toBe(0);
      }),
    );
  });
});

test("a table that is set back is as it was, word for word, whatever was allocated and freed since", () => {
  const steps = fc.array(aStep, { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(steps, steps, steps, (before, since, later) => {
      const arena = Arena.create(32 * PAGE);
      const taken = take(arena, before, []);
      const words = [...new Int32Array(arena.tables.pages)];
      const saved = arena.save();
      // Twice: what one run has touched is no longer known when the next one is set back.
      for (const run of [since, later]) {
        take(arena, run, [...taken]);
        arena.restore(saved);
        expect([...new Int32Array(arena.tables.pages)]).toEqual(words);
      }
    }),
  );
});

/** Does what it can of some steps; returns what is taken then. */
function take(arena: Arena, steps: readonly Step[], taken: number[]): number[] {
  for (const step of steps) {
    if (step.kind === "alloc") {
      const { byteLength, alignPages } = step;
      try {
        taken.push(arena.alloc(byteLength, alignPages * PAGE));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    } else {
      const [offset] = taken.splice(step.which % Math.max(1, taken.length), 1);
      if (offset !== undefined) arena.free(offset);
    }
  }
  return taken;
}

test("clearing takes all pages of a buffer and no other", () => {
  const arena = Arena.create(8 * PAGE);
  const bytes = new Uint8Array(arena.tables.memory).fill(0xff);
  arena.clear(2 * PAGE, 2 * PAGE + 1);
  const cleared = [...bytes].flatMap((byte, at) => (byte === 0 ? [at] : []));
  expect([cleared[0], cleared.at(-1), cleared.length]).toEqual([2 * PAGE, 5 * PAGE - 1, 3 * PAGE]);
});

describe("single cases", () => {
  test("freed pages rest: the next buffer lies elsewhere while there is an elsewhere", () => {
    const arena = Arena.create(8 * PAGE);
    const offsets: number[] = [];
    for (let round = 0; round < 8; round++) {
      const offset = arena.alloc(PAGE);
      arena.free(offset);
      offsets.push(offset);
    }
    expect(new Set(offsets).size).toBe(8);
  });

  test("a size is rounded up to whole pages, and at least one", () => {
    expect(Arena.create(1).tables.memory.byteLength).toBe(PAGE);
    expect(Arena.create(PAGE + 1).tables.memory.byteLength).toBe(2 * PAGE);
  });

  test("exhaustion says what to do", () => {
    const arena = Arena.create(2 * PAGE);
    expect(() => arena.alloc(3 * PAGE)).toThrow(/no run of 3 free pages in 2.*hostMemoryBytes/);
    arena.alloc(PAGE);
    expect(() => arena.alloc(PAGE, 4 * PAGE)).toThrow(RangeError);
  });

  test.each([
    ["twice", (offset: number) => offset],
    ["in the middle of a buffer", (offset: number) => offset + 3 * PAGE],
    ["within a page", (offset: number) => offset + 8],
    ["beyond the arena", () => 1024 * PAGE],
    ["before the arena, where the bookkeeping is", () => -16 * PAGE],
    ["at no number", () => Number.NaN],
  ])("free %s throws and leaves the arena as it was", (_, where) => {
    const arena = Arena.create(16 * PAGE);
    const offset = arena.alloc(PAGE);
    arena.free(offset);
    const long = arena.alloc(4 * PAGE);
    expect(() => arena.free(where(long - PAGE))).toThrow(/no buffer starts there/);
    arena.free(long);
    expect(arena.alloc(16 * PAGE)).toBe(0);
  });
});

test("over memory that is there already, what is reserved is never handed out, and all else is", () => {
  const arena = Arena.over(new SharedArrayBuffer(8 * PAGE), 2 * PAGE + 1);
  const offsets = Array.from({ length: 5 }, () => arena.alloc(PAGE));
  expect(offsets.sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7].map((page) => page * PAGE));
  expect(() => arena.alloc(1)).toThrow(RangeError);
  for (const page of [0, 1, 2]) expect(() => arena.free(page * PAGE)).toThrow("no buffer starts there");
  arena.free(5 * PAGE);
  expect(arena.alloc(PAGE)).toBe(5 * PAGE);
  expect(() => Arena.over(new SharedArrayBuffer(2 * PAGE), PAGE + 1)).toThrow("no page is left");
});
