import { counted, durationText, grouped } from "../../cli/quantities.ts";
import type { RingEvent } from "../../trace/trace-event.ts";
import { html } from "../html.ts";
import { type Step, stepChart, thinned } from "./charts.ts";
import type { ReportContents } from "./report-contents.ts";
import { numeric, type Section, table } from "./section.ts";

/** Rings that are drawn, those with the most changes; the table has all. */
const DRAWN_LIMIT = 12;
/** Columns of a picture. */
const COLUMNS = 500;

interface Ring {
  readonly name: string;
  readonly size: number;
  readonly steps: Step[];
}

/** How full each ring is, over time. */
export function ringsSection({ trace }: ReportContents): Section | undefined {
  if (trace === undefined) return undefined;
  const rings = ringsOf(
    trace.entries.filter((entry) => entry.kind === "ring"),
    (device) => trace.header.devices[device]?.name ?? "",
  );
  if (rings.length === 0) return undefined;
  const endNs = trace.entries.at(-1)?.timeNs ?? 0;
  const drawn = [...rings].sort((one, other) => other.steps.length - one.steps.length).slice(0, DRAWN_LIMIT);
  const figures = rings.filter((ring) => drawn.includes(ring)).map((ring, index) => figureOf(ring, index, endNs));
  const rows = rings.map(({ name, size, steps }) => {
    const { least, most, mean, fullNs, emptyNs } = usageOf(steps, endNs, size);
    return [
      name,
      grouped(size),
      grouped(least),
      mean.toFixed(1),
      grouped(most),
      durationText(fullNs),
      durationText(emptyNs),
    ];
  });
  const hidden = rings.length - drawn.length;
  const body = html`<p>Entries between head and tail: of a ring of descriptors, those that the driver has handed over and the device has not given back.${hidden > 0 && ` The ${DRAWN_LIMIT} rings with the most changes are drawn.`}</p>
<div class="gallery wide">${figures}</div>
${table("Occupancy of the rings", ["Ring", numeric("Size"), numeric("Least"), numeric("Mean"), numeric("Most"), numeric("Full for"), numeric("Empty for")], rows)}`;
  return { id: "rings", title: "Rings", body };
}

function ringsOf(events: readonly RingEvent[], deviceName: (device: number) => string): Ring[] {
  const rings = new Map<string, Ring>();
  const isOne = new Set(events.map(({ device }) => device)).size < 2;
  for (const { device, ring, size, occupied, timeNs } of events) {
    const name = isOne ? ring : `${deviceName(device)}, ${ring}`;
    const known = rings.get(name) ?? { name, size, steps: [] };
    rings.set(name, known);
    known.steps.push({ at: timeNs, value: occupied });
  }
  return [...rings.values()];
}

function figureOf({ name, size, steps }: Ring, index: number, endNs: number): ReturnType<typeof stepChart> {
  const { least, most, mean } = usageOf(steps, endNs, size);
  const start = steps[0]?.at ?? 0;
  const frame = {
    id: `chart-ring-${index}`,
    title: name,
    description: `Occupancy of ${size} entries from ${durationText(start)} to ${durationText(endNs)}: between ${least} and ${most}, ${mean.toFixed(1)} on average.`,
    topLabel: `of ${counted(size, "entry", "entries")}`,
    axisLabels: [durationText(start), durationText((start + endNs) / 2), durationText(endNs)],
  };
  return stepChart(frame, thinned(steps, endNs, COLUMNS), endNs, size);
}

interface Usage {
  readonly least: number;
  readonly most: number;
  /** Over time. */
  readonly mean: number;
  readonly fullNs: number;
  readonly emptyNs: number;
}

/** One descriptor of a ring stays unused, so that full and empty can be told apart: it is full one before its size. */
function usageOf(steps: readonly Step[], endNs: number, size: number): Usage {
  let [least, most, sum, fullNs, emptyNs] = [Number.POSITIVE_INFINITY, 0, 0, 0, 0];
  for (const [index, { at, value }] of steps.entries()) {
    const durationNs = (steps[index + 1]?.at ?? endNs) - at;
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value * durationNs;
    if (value >= size - 1) fullNs += durationNs;
    if (value === 0) emptyNs += durationNs;
  }
  const totalNs = endNs - (steps[0]?.at ?? 0);
  return { least, most, mean: totalNs > 0 ? sum / totalNs : (steps.at(-1)?.value ?? 0), fullNs, emptyNs };
}
