import { expect, test } from "vitest";
import { TraceCollector } from "../../../harness/page/report/trace-contents.ts";
import type { TraceRecord } from "../../../harness/trace/trace-event.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

const trace = new SyntheticTrace(300, 1);

function collected(records: readonly TraceRecord[], limit: number): ReturnType<TraceCollector["contents"]> {
  const collector = new TraceCollector(limit);
  for (const record of records) collector.take(record);
  return collector.contents();
}

test("header, events and end are there, in their order", () => {
  const { header, actors } = { header: trace.header, actors: trace.header.actors };
  const entries = trace.events;
  expect(collected(trace.records(), 1000)).toEqual({
    header,
    actors,
    entries,
    findings: [],
    lostCount: 0,
    end: trace.end,
    leftOutCount: 0,
  });
  expect(collected(trace.records().slice(0, -1), 1000)?.end).toBeUndefined();
  expect(collected([], 1000)).toBeUndefined();
});

test("of a long one the last events are kept, and what is left out is counted", () => {
  for (const limit of [1, 7, 100, 149, 150, 151, 299, 300, 301]) {
    const contents = collected(trace.records(), limit);
    expect(contents?.entries).toEqual(trace.events.slice(-limit));
    expect(contents?.leftOutCount).toBe(Math.max(0, 300 - limit));
  }
});

test("actors that turn up later, and places where events were lost, are there", () => {
  const actor = { id: "cpu1", kind: "cpu", name: "CPU 1", cpu: 1 } as const;
  const lost = { kind: "lost", count: 5, timeNs: 9 } as const;
  const contents = collected([...trace.records().slice(0, 3), { kind: "actor", actor }, lost], 1000);
  expect(contents?.actors).toContainEqual(actor);
  expect(contents?.entries.at(-1)).toEqual(lost);
});
