import fc from "fast-check";
import { expect, test } from "vitest";
import type { ReportContents } from "../../../harness/page/report/report-contents.ts";
import { reportPage } from "../../../harness/page/report/report-page.ts";
import { reportVerdict } from "../../../harness/page/report/report-verdict.ts";
import { TraceCollector, type TraceContents } from "../../../harness/page/report/trace-contents.ts";
import type { TraceEvent, TraceRecord } from "../../../harness/trace/trace-event.ts";
import type { TraceEnd, TraceHeader } from "../../../harness/trace/trace-header.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

const trace = new SyntheticTrace(40, 1);

function contentsOf(records: readonly TraceRecord[], limit = 1000, more: Partial<ReportContents> = {}): ReportContents {
  const collector = new TraceCollector(limit);
  for (const record of records) collector.take(record);
  return { title: "t", trace: collector.contents() as TraceContents, declarations: new Map(), ...more };
}

function withEnd(end: Partial<TraceEnd>): TraceRecord[] {
  return [trace.header, ...trace.events, { ...trace.end, ...end }];
}

/** The synthetic trace, in which events at these places are broken rules. */
function withFindings(places: readonly number[]): TraceRecord[] {
  const events = trace.events.map((event, at): TraceEvent => {
    const { seq, timeNs, actor } = event;
    if (!places.includes(at)) return event;
    const finding = { severity: "violation", rule: `rule ${at}`, message: "Too far.", device: 0 } as const;
    return { kind: "finding", seq, timeNs, actor, ...finding };
  });
  return [trace.header, ...events, trace.end];
}

test("broken rules count wherever in the trace they are, however few of its events the page shows", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(39)), fc.integer({ min: 1, max: 50 }), (places, limit) => {
      const contents = contentsOf(withFindings(places), limit);
      const { look, word, says } = reportVerdict(contents);
      if (places.length === 0) expect({ look, word }).toEqual({ look: "good", word: "passed" });
      else {
        expect({ look, word }).toEqual({ look: "bad", word: "violation" });
        expect(says).toMatch(places.length === 1 ? /^One rule / : new RegExp(`^${places.length} rules `));
      }
      // Their table has them all too.
      const { text } = reportPage(contents);
      for (const place of places) expect(text).toContain(`<code>rule ${place}</code>`);
    }),
    { numRuns: 40, examples: [[[0, 1, 2, 3], 5]] },
  );
});

test("a trace that is not whole is never called passed, and the page says why", () => {
  const cases: readonly (readonly [TraceRecord[], RegExp])[] = [
    [[trace.header, ...trace.events], /it has no end: it was cut/],
    [withEnd({ reason: "interrupted" }), /it ended early \(interrupted\)\./],
    [withEnd({ reason: "limit", message: "enough" }), /it ended early \(limit\): enough\./],
    [withEnd({ lostCount: 3 }), /3 events of it got lost/],
    [[trace.header, { kind: "lost", count: 7, timeNs: 0 }, ...trace.events, trace.end], /7 events of it got lost/],
    [[{ ...trace.header, filter: "registers RDT*" }, ...trace.events, trace.end], /filtered \(registers RDT\*\)/],
  ];
  for (const [records, why] of cases) {
    for (const limit of [5, 1000]) {
      const contents = contentsOf(records, limit);
      expect(reportVerdict(contents)).toMatchObject({ look: "unknown", word: "unknown" });
      expect(reportVerdict(contents).says).toMatch(why);
      expect(reportPage(contents).text).toContain('<span class="verdict unknown">? unknown</span>');
    }
  }
  expect(reportVerdict(contentsOf(trace.records()))).toMatchObject({ look: "good", word: "passed" });
  // What is known to be wrong stays so.
  expect(reportVerdict(contentsOf(withFindings([3]).slice(0, -1)))).toMatchObject({ word: "violation" });
  expect(reportVerdict(contentsOf(withEnd({ reason: "failed", message: "It threw." })))).toEqual({
    look: "bad",
    word: "failed",
    says: "It threw.",
  });
});

test("an explored run without an assertion says how it ended", () => {
  const explored = { program: "p", model: "sc", strategy: "s", seed: 1, token: "race2~p~", violation: "" } as const;
  const header: TraceHeader = { ...trace.header, run: "explored", explored: { ...explored, verdict: "deadlock" } };
  const end: TraceEnd = { ...trace.end, reason: "failed", message: "nobody can go on any more" };
  expect(reportVerdict(contentsOf([header, ...trace.events, end]))).toEqual({
    look: "bad",
    word: "deadlock",
    says: "Nobody can go on any more.",
  });
});

test("a replay's result says what its exit code does", () => {
  const balance = { lostInCard: 0, lostInDriver: 2, holds: true };
  const replay = { violations: [], notes: [], source: { damage: "cut" }, interrupted: false, balance };
  const verdictOf = (more: object): object =>
    reportVerdict({ title: "t", declarations: new Map(), replay: { ...replay, ...more } as never });
  expect(verdictOf({})).toEqual({
    look: "bad",
    word: "incorrect",
    says: "The capture is damaged: cut, 2 frames lost in the driver.",
  });
  const good = { balance: { ...balance, lostInDriver: 0 }, source: {} };
  expect(verdictOf({ interrupted: true })).toMatchObject({ look: "unknown", word: "interrupted" });
  expect(verdictOf(good)).toMatchObject({ look: "good", word: "passed" });
});
