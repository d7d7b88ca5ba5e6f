import fc from "fast-check";
import { expect, test } from "vitest";
import { FindingLog } from "../../../emulator/run/findings.ts";

test("one entry for each rule and place, with the first text, its time and the number of repeats", () => {
  const aFinding = fc.record({ rule: fc.constantFrom("a", "b"), place: fc.constantFrom("X", "Y", "Z") });
  fc.assert(
    fc.property(fc.array(aFinding, { maxLength: 60 }), (found) => {
      const now = new Float64Array(1);
      const log = new FindingLog("card", now);
      const told: string[] = [];
      log.onFinding = ({ rule, place }) => told.push(`${rule} ${place}`);
      let texts = 0;
      for (const [index, { rule, place }] of found.entries()) {
        now[0] = index;
        log.record("violation", rule, place, () => `text ${texts++}`);
      }
      const keys = [...new Set(found.map(({ rule, place }) => `${rule} ${place}`))];
      expect(told).toEqual(keys);
      expect(log.findings.map(({ rule, place }) => `${rule} ${place}`)).toEqual(keys);
      expect(texts).toBe(keys.length);
      for (const { rule, place, count, atNs, device } of log.findings) {
        const same = found.flatMap((each, index) => (each.rule === rule && each.place === place ? [index] : []));
        expect({ count, atNs, device }).toEqual({ count: same.length, atNs: same[0], device: "card" });
      }
    }),
  );
});

test("a driver that breaks a rule at ever new places fills no memory", () => {
  const log = new FindingLog("card", new Float64Array(1));
  for (let place = 0; place < 5000; place++) log.record("violation", "rule", `place ${place}`, () => "text");
  expect(log.findings).toHaveLength(1000);
  expect(log.overflowCount).toBe(4000);
});
