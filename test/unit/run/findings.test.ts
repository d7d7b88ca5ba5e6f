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
  expect(log.findings).toHaveLength(1001);
  expect(log.overflowCount).toBe(4000);
  expect(log.findings.at(-1)).toMatchObject({ kind: "note", rule: "findings-left-out", count: 4000 });
});

test("one rule at one place is a finding for each line of the driver, as far as lines are asked for", () => {
  const log = new FindingLog("card", new Float64Array(1));
  let line = "";
  log.lineOf = () => line;
  log.callersOf = () => ["test.ts:1"];
  for (line of ["driver.ts:1", "driver.ts:2", "driver.ts:1"])
    log.record("violation", "rule", "ring", () => line, "here");
  for (line of ["driver.ts:3", "driver.ts:4"]) log.record("violation", "rule", "card's own", () => line);
  const found = log.findings.map(({ place, count, line: at, calledFrom }) => [place, count, at, calledFrom]);
  expect(found).toEqual([
    ["ring", 2, "driver.ts:1", ["test.ts:1"]],
    ["ring", 1, "driver.ts:2", ["test.ts:1"]],
    ["card's own", 2, "driver.ts:3", ["test.ts:1"]],
  ]);
  // However many lines there are, the memory does not fill, and nothing is lost of the counts.
  for (let at = 10; at < 2000; at++) {
    line = `driver.ts:${at}`;
    log.record("violation", "rule", "ring", () => line, "here");
  }
  const ofRing = log.findings.filter(({ place }) => place === "ring");
  expect(ofRing).toHaveLength(8);
  expect(ofRing.reduce((sum, { count }) => sum + count, 0)).toBe(3 + 1990);
});

test("a stack that is kept for later is read when a finding is told of it, once, and not before", () => {
  const log = new FindingLog("card", new Float64Array(1));
  const read: string[] = [];
  let stack = "";
  log.keepStack = () => ({ stack: { stack }, announced: "" });
  log.lineOf = (_kind, _rule, _place, kept) => {
    read.push(kept?.stack.stack ?? "now");
    return kept?.stack.stack ?? "now";
  };
  log.callersOf = (kept) => (kept === undefined ? [] : [`caller of ${kept.stack.stack}`]);
  const places = ["driver.ts:1", "driver.ts:2", ""].map((line) => {
    stack = line;
    return log.here("note", "rule", "ring");
  });
  stack = "driver.ts:9";
  expect(read).toEqual([]);
  log.record("note", "rule", "ring", () => "text", places[1]);
  log.record("note", "rule", "ring", () => "text", places[1]);
  expect(read).toEqual(["driver.ts:2"]);
  expect(log.findings).toMatchObject([{ line: "driver.ts:2", calledFrom: ["caller of driver.ts:2"], count: 2 }]);
  // One that nobody knows is a repeat of what was found there.
  log.record("note", "rule", "ring", () => "text", places[2]);
  log.record("note", "rule", "ring", () => "text", places[0]);
  expect(log.findings.map(({ line, count }) => [line, count])).toEqual([
    ["driver.ts:2", 3],
    ["driver.ts:1", 1],
  ]);
});
