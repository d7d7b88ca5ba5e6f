import { describe, expect, test } from "vitest";
import { linesOf, traceContents } from "../../../harness/page/report/trace-contents.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

const trace = new SyntheticTrace(300, 1);
const lines = trace.lines();

test("header, events and end are there, in their order", () => {
  const { header, entries, end, leftOutCount } = traceContents(linesOf(`${lines.join("\r\n")}\n\n`), 1000);
  expect(header).toEqual(trace.header);
  expect(entries).toEqual(trace.events);
  expect([end, leftOutCount]).toEqual([trace.end, 0]);
});

test("of a long one the last events are kept, and what is left out is counted", () => {
  for (const limit of [1, 7, 100, 299, 300, 301]) {
    const { entries, leftOutCount } = traceContents(lines, limit);
    expect(entries).toEqual(trace.events.slice(-limit));
    expect(leftOutCount).toBe(Math.max(0, 300 - limit));
  }
});

test("one that was cut, between lines or within one, ends where it ends", () => {
  const between = traceContents(lines.slice(0, 100), 1000);
  expect(between.entries).toEqual(trace.events.slice(0, 99));
  expect(between.end).toBeUndefined();
  const within = traceContents(linesOf(lines.slice(0, 100).join("\n").slice(0, -9)), 1000);
  expect(within.entries).toEqual(trace.events.slice(0, 98));
});

test("actors that turn up later, and events that were lost, are there", () => {
  const actor = { id: "cpu1", kind: "cpu", name: "CPU 1", cpu: 1 } as const;
  const late = [
    ...lines.slice(0, 3),
    JSON.stringify({ kind: "actor", actor }),
    JSON.stringify({ kind: "lost", count: 5, timeNs: 9 }),
  ];
  const { actors, entries } = traceContents(late, 1000);
  expect(actors).toContainEqual(actor);
  expect(entries.at(-1)).toEqual({ kind: "lost", count: 5, timeNs: 9 });
});

describe("what is no trace is told by its line:", () => {
  const cases: readonly [what: string, lines: readonly string[], message: RegExp][] = [
    ["nothing", [], /^it is empty$/],
    ["another JSON", ['{"a":1}', "{}"], /^line 1 is no JSON object with a kind$/],
    ["no header", [lines[1] ?? ""], /^line 1 is no header/],
    ["another version", ['{"kind":"header","softbarTrace":99}'], /version 99, and this softbar reads version 1/],
    ["damage within", [...lines.slice(0, 5), "{", ...lines.slice(5)], /^line 6 is no JSON/],
  ];
  test.each(cases)("%s", (_what, given, message) => {
    expect(() => traceContents(given, 1000)).toThrow(message);
  });
});
