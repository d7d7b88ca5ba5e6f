import { counted, durationText, grouped } from "../../cli/quantities.ts";
import { type DurationBucket, DurationHistogram } from "../../replay/duration-histogram.ts";
import type { LatencyReport } from "../../replay/latency.ts";
import { type Html, html } from "../html.ts";
import { type Bar, barChart } from "./charts.ts";
import { type DelayTable, edgeDelays } from "./edge-delays.ts";
import type { ReportContents } from "./report-contents.ts";
import { numeric, type Section, table } from "./section.ts";

/** Fewer bars make no picture. */
const BARS_MIN = 3;

const PERCENTILES = [
  ["min", "minNs"],
  ["p50", "p50Ns"],
  ["p90", "p90Ns"],
  ["p99", "p99Ns"],
  ["p99.9", "p999Ns"],
  ["max", "maxNs"],
] as const;

/** From the wire to the consumer, as a replay has measured it, and from causes to effects, as the trace has them. */
export function latencySection({ replay, trace }: ReportContents): Section | undefined {
  // In an explored run the order of events counts: its times are those of timers, and no measurement.
  const all = trace === undefined || trace.header.run === "explored" ? [] : edgeDelays(trace.entries);
  const delays = all.some(({ maxNs }) => maxNs > 0) ? all : [];
  const parts = [
    ...(replay?.latency === undefined ? [] : [frameLatency(replay.latency, replay.speed === "max")]),
    ...(delays.length === 0 ? [] : [edgeLatency(delays)]),
  ];
  return parts.length === 0 ? undefined : { id: "latency", title: "Latency", body: html`${parts}` };
}

function frameLatency(latency: LatencyReport, isFlatOut: boolean): Html {
  const { sampleCount, skippedCount, meanNs, buckets } = latency;
  const warmUp =
    skippedCount === 0 ? "" : ` The first ${grouped(skippedCount)} frames, in which the engine warms up, are left out.`;
  const queueing = isFlatOut ? " At full speed most of it is queueing." : "";
  const rows = PERCENTILES.map(([name, key]) => [name, durationText(latency[key])]);
  const about = `From the wire at the card to the consumer, ${counted(sampleCount, "frame")}.${warmUp}${queueing}`;
  const percentiles = table(
    "Percentiles of the latency",
    ["", numeric("Latency")],
    [...rows, ["mean", durationText(meanNs)]],
  );
  if (buckets.length < BARS_MIN)
    return html`<p>${about} They are so alike that there is no picture.</p>
${percentiles}`;
  const markers = PERCENTILES.slice(1).map(([name, key]) => ({ name, ns: latency[key] }));
  return html`<p>${about}</p>
<div class="beside">${histogram("frames", "Frames by latency", buckets, markers)}
${percentiles}</div>
${bucketTable("Frames by latency", buckets)}`;
}

function edgeLatency(delays: readonly DelayTable[]): Html {
  const rows = delays.map(({ name, about, count, minNs, p50Ns, p90Ns, p99Ns, maxNs }) => [
    html`${name}<br><small>${about}</small>`,
    grouped(count),
    ...[minNs, p50Ns, p90Ns, p99Ns, maxNs].map(durationText),
  ]);
  const figures = delays
    .filter(({ count, minNs, maxNs }) => count > 1 && maxNs > minNs)
    .map(({ name, why, samplesNs, p50Ns, p99Ns }) => {
      const counts = new DurationHistogram();
      for (const ns of samplesNs) counts.record(Math.round(ns));
      const markers = [
        { name: "p50", ns: p50Ns },
        { name: "p99", ns: p99Ns },
      ];
      return histogram(`edge-${why}`, name, counts.buckets(), markers);
    });
  return html`<h3>From cause to effect</h3>
<p>Times between events that the trace connects.</p>
${table("Times from cause to effect", ["", numeric("Count"), ...["min", "p50", "p90", "p99", "max"].map(numeric)], rows)}
<div class="gallery">${figures}</div>`;
}

/** Durations on an axis that doubles, as they spread over decades. */
function histogram(
  id: string,
  title: string,
  buckets: readonly DurationBucket[],
  percentiles: readonly { readonly name: string; readonly ns: number }[],
): Html {
  const scale = (ns: number): number => Math.log2(Math.max(ns, 0.5));
  const bars: Bar[] = buckets.map(({ fromNs, toNs, count }) => ({
    from: scale(fromNs),
    to: scale(toNs),
    value: count,
  }));
  const [first, last] = [buckets[0]?.fromNs ?? 0, buckets.at(-1)?.toNs ?? 1];
  const most = buckets.reduce((best, bucket) => (bucket.count > best.count ? bucket : best), {
    fromNs: 0,
    toNs: 0,
    count: 0,
  });
  const middle = Math.sqrt(Math.max(first, 0.5) * last);
  const frame = {
    id: `chart-${id}`,
    title,
    description: `Histogram from ${durationText(first)} to ${durationText(last)}. Most, ${grouped(most.count)}, took ${durationText(most.fromNs)} to ${durationText(most.toNs)}. ${percentiles.map(({ name, ns }) => `${name} ${durationText(ns)}`).join(", ")}.`,
    topLabel: `highest bar: ${grouped(most.count)}`,
    axisLabels: [durationText(first), durationText(middle), durationText(last)],
  };
  const markers = percentiles.map(({ name, ns }) => ({ at: Math.min(scale(ns), scale(last)), label: name }));
  return barChart(frame, bars, markers);
}

function bucketTable(title: string, buckets: readonly DurationBucket[]): Html {
  const rows = buckets
    .filter(({ count }) => count > 0)
    .map(({ fromNs, toNs, count }) => [`${durationText(fromNs)} – ${durationText(toNs)}`, grouped(count)]);
  return html`<details><summary>The histogram as a table</summary>${table(title, ["Latency", numeric("Frames")], rows)}</details>`;
}
