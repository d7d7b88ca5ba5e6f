import fc from "fast-check";
import { expect, test } from "vitest";
import { type Step, thinned } from "../../../harness/page/report/charts.ts";
import { edgeDelays } from "../../../harness/page/report/edge-delays.ts";
import { DurationHistogram } from "../../../harness/replay/duration-histogram.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

const DURATION = fc.oneof(
  fc.nat({ max: 40 }),
  fc.nat(),
  fc
    .maxSafeInteger()
    .map(Math.abs)
    .filter((ns) => ns < 2 ** 52),
);

test("every duration is in the one bucket that covers it, and the buckets adjoin", () => {
  fc.assert(
    fc.property(fc.array(DURATION, { minLength: 1, maxLength: 50 }), (durations) => {
      const histogram = new DurationHistogram();
      for (const ns of durations) histogram.record(ns);
      const buckets = histogram.buckets();
      for (const { fromNs, toNs, count } of buckets) {
        expect(durations.filter((ns) => ns >= fromNs && ns < toNs)).toHaveLength(count);
        expect(toNs - fromNs).toBeLessThanOrEqual(Math.max(1, fromNs / 8));
      }
      expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(durations.length);
      for (const [index, { toNs }] of buckets.slice(0, -1).entries()) expect(buckets[index + 1]?.fromNs).toBe(toNs);
      expect([buckets[0]?.count, buckets.at(-1)?.count]).not.toContain(0);
    }),
    { numRuns: 30 },
  );
});

test("two histograms together are one of all samples", () => {
  const [one, other, both] = [new DurationHistogram(), new DurationHistogram(), new DurationHistogram()];
  for (const ns of [3, 99, 5000]) {
    one.record(ns);
    both.record(ns);
  }
  for (const ns of [1, 99]) {
    other.record(ns);
    both.record(ns);
  }
  one.add(other);
  expect(one.buckets()).toEqual(both.buckets());
  expect(new DurationHistogram().buckets()).toEqual([]);
});

test("a thinned line keeps its ends, its extremes, and where they are", () => {
  const steps = fc
    .array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 99 })), { minLength: 1, maxLength: 400 })
    .map((draws) => {
      let at = 0;
      return draws.map(([delta, value]): Step => {
        at += delta;
        return { at, value };
      });
    });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (line, limit) => {
      const end = (line.at(-1)?.at ?? 0) + 1;
      const thin = thinned(line, end, limit);
      expect(thin.length).toBeLessThanOrEqual(Math.max(2 * limit, 4 * (limit + 1)));
      expect([thin[0], thin.at(-1)]).toEqual([line[0], line.at(-1)]);
      for (const extreme of [Math.min, Math.max]) {
        expect(extreme(...thin.map(({ value }) => value))).toBe(extreme(...line.map(({ value }) => value)));
      }
      for (const step of thin) expect(line).toContain(step);
    }),
  );
});

test("times from causes to effects are those of the trace, by a second way", () => {
  const { events } = new SyntheticTrace(900, 5);
  const delays = edgeDelays(events);
  const expected = new Map<string, number[]>();
  for (const { after = [], timeNs } of events) {
    for (const { from, why } of after) {
      const list = expected.get(why) ?? [];
      list.push(timeNs - (events[from]?.timeNs ?? 0));
      expected.set(why, list);
    }
  }
  expect(delays.map(({ why }) => why).sort()).toEqual([...expected.keys()].sort());
  for (const { why, count, minNs, maxNs, p50Ns, p99Ns } of delays) {
    const samples = (expected.get(why) ?? []).sort((a, b) => a - b);
    expect({ count, minNs, maxNs }).toEqual({ count: samples.length, minNs: samples[0], maxNs: samples.at(-1) });
    expect(samples.filter((ns) => ns <= p50Ns).length).toBeGreaterThanOrEqual(count / 2);
    expect(samples.filter((ns) => ns < p50Ns).length).toBeLessThan(count / 2);
    expect(samples.filter((ns) => ns > p99Ns).length).toBeLessThanOrEqual(count / 100);
  }
});
