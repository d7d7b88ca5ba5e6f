import fc from "fast-check";
import { expect, test } from "vitest";
import { SequenceSet } from "../../../../emulator/wire/damage/sequence-set.ts";

const ranges = fc.array(
  fc.tuple(fc.nat(60), fc.nat(12)).map(([first, count]): [number, number] => [first, first + count]),
  { maxLength: 40 },
);

const members = (list: readonly (readonly [number, number])[]): number[] =>
  list.flatMap(([first, end]) => Array.from({ length: end - first }, (_, index) => first + index));

test("holds what a set of numbers holds, in as few ranges as there can be", () => {
  fc.assert(
    fc.property(ranges, fc.tuple(fc.nat(70), fc.nat(20)), (added, [from, length]) => {
      const set = new SequenceSet();
      const model = new Set<number>();
      for (const range of added) {
        const before = model.size;
        for (const member of members([range])) model.add(member);
        set.range.set(range);
        expect(set.add()).toBe(model.size - before);
      }
      const sorted = [...model].sort((left, right) => left - right);
      expect(members(set.ranges())).toEqual(sorted);
      expect(set.size).toBe(model.size);
      const list = set.ranges();
      for (const [index, [first]] of list.slice(1).entries())
        expect(first).toBeGreaterThan((list[index] as [number, number])[1]);
      const asked = members([[from, from + length]]);
      expect(members(set.within(from, from + length))).toEqual(asked.filter((each) => model.has(each)));
      expect(members(set.missingWithin(from, from + length))).toEqual(asked.filter((each) => !model.has(each)));
    }),
  );
});
