import fc from "fast-check";
import { expect, test } from "vitest";
import { packEntries, UnpackedEntries } from "../../../harness/page/report/packed-entries.ts";
import type { TimelineEntry } from "../../../harness/page/report/timeline-entry.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

/** As a page gets them: through JSON. */
function throughPage(entries: readonly TimelineEntry[]): UnpackedEntries {
  return new UnpackedEntries(JSON.parse(JSON.stringify(packEntries(entries))));
}

const MEMBER = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.string(),
  fc.constant(true),
  fc.record({ layout: fc.string(), offset: fc.nat() }),
  fc.array(fc.nat(), { maxLength: 3 }),
);

/** Events of any kind and with any members, as a later softbar may write them, with numbers left out as by a filter. */
const ENTRIES = fc
  .array(
    fc.record({
      kind: fc.constantFrom("step", "dma-read", "of-the-future", "lost"),
      gap: fc.integer({ min: 1, max: 3 }),
      timeNs: fc.double({ min: 0, max: 1e15, noNaN: true }),
      actor: fc.constantFrom("cpu0", "device0"),
      backs: fc.array(fc.tuple(fc.nat({ max: 10 }), fc.constantFrom("post", "reads")), { maxLength: 2 }),
      rest: fc.dictionary(fc.constantFrom("text", "value", "device", "records", "doorbell"), MEMBER, {
        noNullPrototype: true,
      }),
    }),
  )
  .map((drafts) => {
    let seq = -1;
    return drafts.map(({ kind, gap, timeNs, actor, backs, rest }) => {
      if (kind === "lost") return { kind, timeNs, count: gap } as TimelineEntry;
      seq += gap;
      const after = backs.filter(([back]) => back > 0 && back <= seq).map(([back, why]) => ({ from: seq - back, why }));
      return { kind, seq, timeNs, actor, ...(after.length > 0 ? { after } : {}), ...rest } as unknown as TimelineEntry;
    });
  });

test("what is packed comes out again, whatever it is", () => {
  fc.assert(
    fc.property(ENTRIES, (entries) => {
      const unpacked = throughPage(entries);
      expect(Array.from({ length: unpacked.count }, (_, index) => unpacked.entry(index))).toEqual(entries);
      for (const [index, entry] of entries.entries()) {
        expect([unpacked.kind(index), unpacked.timeNs(index)]).toEqual([entry.kind, entry.timeNs]);
      }
    }),
  );
});

test("events are found by their numbers, and those that are not there are not", () => {
  fc.assert(
    fc.property(ENTRIES, fc.nat({ max: 40 }), (entries, seq) => {
      const place = entries.findIndex((entry) => entry.kind !== "lost" && entry.seq === seq);
      expect(throughPage(entries).indexOf(seq)).toBe(place);
    }),
  );
});

test("edges lead to the events that they come from, and to none that a filter took out", () => {
  fc.assert(
    fc.property(ENTRIES, (entries) => {
      const unpacked = throughPage(entries);
      const placeOf = new Map(entries.map((entry, index) => [entry.kind === "lost" ? -1 : entry.seq, index]));
      for (const [index, entry] of entries.entries()) {
        const edges = entry.kind === "lost" ? [] : (entry.after ?? []);
        const expected = edges
          .filter(({ from }) => placeOf.has(from))
          .map(({ from, why }) => ({ from: placeOf.get(from), why }));
        expect(unpacked.edgesInto(index)).toEqual(expected);
      }
    }),
  );
});

test("a trace takes a fraction of its lines", () => {
  const trace = new SyntheticTrace(5_000, 3);
  const packed = JSON.stringify(packEntries(trace.events)).length;
  expect(packed).toBeLessThan(trace.lines().join("\n").length / 3);
});
