import { type EdgeReason, isEvent } from "../../trace/trace-event.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/** How long it took from causes to effects of one kind. */
export interface DelayTable {
  readonly why: EdgeReason;
  readonly name: string;
  readonly about: string;
  readonly count: number;
  readonly minNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** In ascending order. */
  readonly samplesNs: Float64Array;
}

const NAMES: Readonly<Record<EdgeReason, readonly [name: string, about: string]>> = {
  post: ["Posted write", "from the CPU to the device"],
  request: ["Read request", "from the CPU to the device"],
  completion: ["Completion", "from the read to its answer"],
  drain: ["Store buffer", "from the store until it is visible"],
  land: ["Landing", "from the device's write or message until it is there"],
  reads: ["Hand-over", "from the write of a word to the load that returned it"],
  raise: ["Interrupt", "from the message to its handler, or to the end of the wait"],
  doorbell: ["Doorbell", "from its arrival to what the device does at once: the first fetch"],
  effect: ["Effect", "from what reaches the device to what it does within that"],
  timer: ["Timer", "from arming it until it runs out"],
  wire: ["Wire", "from sending a frame to its arrival"],
};

/** One table for each kind of edge that the entries have, in the order of {@link NAMES}. Edges from what is left out do not count. */
export function edgeDelays(entries: readonly TimelineEntry[]): DelayTable[] {
  const timeOf = new Map<number, number>();
  const samples = new Map<EdgeReason, number[]>();
  for (const entry of entries) {
    if (!isEvent(entry)) continue;
    timeOf.set(entry.seq, entry.timeNs);
    for (const { from, why } of entry.after ?? []) {
      const sinceNs = timeOf.get(from);
      if (sinceNs === undefined) continue;
      const known = samples.get(why);
      if (known === undefined) samples.set(why, [entry.timeNs - sinceNs]);
      else known.push(entry.timeNs - sinceNs);
    }
  }
  return (Object.keys(NAMES) as EdgeReason[]).flatMap((why) => {
    const found = samples.get(why);
    return found === undefined ? [] : [tableOf(why, Float64Array.from(found).sort())];
  });
}

function tableOf(why: EdgeReason, samplesNs: Float64Array): DelayTable {
  const [name, about] = NAMES[why];
  // The nearest rank: a value that occurred, at or below which that share of them lies.
  const rank = (share: number): number => samplesNs[Math.max(0, Math.ceil(share * samplesNs.length) - 1)] ?? 0;
  return {
    why,
    name,
    about,
    count: samplesNs.length,
    minNs: samplesNs[0] ?? 0,
    p50Ns: rank(0.5),
    p90Ns: rank(0.9),
    p99Ns: rank(0.99),
    maxNs: samplesNs.at(-1) ?? 0,
    samplesNs,
  };
}
