import { expect, test } from "vitest";
import { LatencyMeter, WARM_UP_SAMPLES } from "../../../harness/replay/latency.ts";

/** Durations of a cold start, then of what comes after it. */
function meter(coldNs: number, coldCount: number, warmNs: number, warmCount: number): LatencyMeter {
  const latency = new LatencyMeter();
  const [since, until] = [new Float64Array(1), new Float64Array(1)];
  for (let sample = 0; sample < coldCount + warmCount; sample++) {
    until[0] = sample < coldCount ? coldNs : warmNs;
    latency.record(since, until);
  }
  return latency;
}

test("what the engine took to warm up is not in the report, which says how much that was", () => {
  const report = meter(5e6, WARM_UP_SAMPLES, 10_000, WARM_UP_SAMPLES).report();
  expect(report).toMatchObject({ sampleCount: WARM_UP_SAMPLES, skippedCount: WARM_UP_SAMPLES });
  expect(report?.maxNs).toBeLessThan(11_000);
});

test("where little came after it, all of it is in the report", () => {
  for (const warmCount of [0, 1, WARM_UP_SAMPLES - 1]) {
    const report = meter(5e6, WARM_UP_SAMPLES, 10_000, warmCount).report();
    expect(report).toMatchObject({ sampleCount: WARM_UP_SAMPLES + warmCount, skippedCount: 0 });
    expect(report?.maxNs).toBeGreaterThan(4e6);
  }
  expect(meter(7, 50, 7, 0).report()).toMatchObject({ sampleCount: 50, skippedCount: 0, p50Ns: 7 });
  expect(new LatencyMeter().report()).toBeUndefined();
});
