import { type Html, html } from "../html.ts";

/** The drawing surface; it is stretched to the page, and texts stand beside it so that they are not. */
const WIDTH = 1000;
const HEIGHT = 100;

/** A bar from `from` to `to` on the axis. Axis values are any numbers; the caller has chosen the scale. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** A line across a chart, with what it is called. */
export interface Marker {
  readonly at: number;
  readonly label: string;
}

export interface ChartFrame {
  readonly id: string;
  readonly title: string;
  /** What the picture says, in sentences, for whoever does not see it. */
  readonly description: string;
  /** What the height of the picture stands for. */
  readonly topLabel: string;
  /** From left to right, evenly spaced. */
  readonly axisLabels: readonly string[];
}

/** Bars side by side, with markers: a histogram. */
export function barChart(frame: ChartFrame, bars: readonly Bar[], markers: readonly Marker[]): Html {
  const start = bars[0]?.from ?? 0;
  const end = bars.at(-1)?.to ?? 1;
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const x = (value: number): number => ((value - start) / (end - start || 1)) * WIDTH;
  const shapes = bars
    .filter(({ value }) => value > 0)
    .map(({ from, to, value }) => {
      // What is there is seen, however little it is.
      const height = Math.max(1.5, (value / most) * HEIGHT);
      return html`<rect x="${round(x(from))}" y="${round(HEIGHT - height)}" width="${round(Math.max(1, x(to) - x(from) - 0.8))}" height="${round(height)}"/>`;
    });
  const lines = markers.map(
    ({ at }) => html`<line class="marker" x1="${round(x(at))}" x2="${round(x(at))}" y1="0" y2="${HEIGHT}"/>`,
  );
  return chart(
    frame,
    html`${shapes}${lines}`,
    markerLabels(markers, (at) => (x(at) / WIDTH) * 100),
  );
}

/** A point of a step line: from `at` on it is `value`. */
export interface Step {
  readonly at: number;
  readonly value: number;
}

/** A quantity that jumps: each value holds until the next one. */
export function stepChart(frame: ChartFrame, steps: readonly Step[], end: number, most: number): Html {
  const start = steps[0]?.at ?? 0;
  const x = (at: number): string => round(((at - start) / (end - start || 1)) * WIDTH);
  const y = (value: number): string => round(HEIGHT - (value / (most || 1)) * HEIGHT);
  let path = `M0 ${HEIGHT}`;
  for (const { at, value } of steps) path += `H${x(at)}V${y(value)}`;
  return chart(frame, html`<path class="area" d="${path}H${WIDTH}V${HEIGHT}z"/>`, []);
}

/** Steps of at most `limit` columns of equal width: of each, the lowest and the highest value, in their order. */
export function thinned(steps: readonly Step[], end: number, limit: number): Step[] {
  if (steps.length <= 2 * limit) return [...steps];
  const start = steps[0]?.at ?? 0;
  const width = (end - start) / limit || 1;
  const thin: Step[] = [];
  for (let first = 0; first < steps.length; ) {
    const column = Math.floor(((steps[first]?.at ?? 0) - start) / width);
    let [low, high, next] = [first, first, first];
    for (; next < steps.length && Math.floor(((steps[next]?.at ?? 0) - start) / width) === column; next++) {
      if ((steps[next]?.value ?? 0) < (steps[low]?.value ?? 0)) low = next;
      if ((steps[next]?.value ?? 0) > (steps[high]?.value ?? 0)) high = next;
    }
    const kept = [...new Set([first, low, high, next - 1])].sort((one, other) => one - other);
    for (const index of kept) thin.push(steps[index] as Step);
    first = next;
  }
  return thin;
}

function chart(
  { id, title, description, topLabel, axisLabels }: ChartFrame,
  shapes: Html,
  labels: readonly Html[],
): Html {
  return html`<figure class="chart"><figcaption>${title} <small>${topLabel}</small></figcaption>
<div class="plot"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-title ${id}-desc"><title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>${shapes}</svg>${labels}</div>
<div class="axis" aria-hidden="true">${axisLabels.map((label) => html`<span>${label}</span>`)}</div></figure>
`;
}

/** Labels above their lines; one that would run into the one before it is left out, as the table has it. */
function markerLabels(markers: readonly Marker[], percentAt: (at: number) => number): Html[] {
  let last = Number.NEGATIVE_INFINITY;
  const shown: Html[] = [];
  for (const { at, label } of markers) {
    const percent = percentAt(at);
    if (percent - last < 6) continue;
    last = percent;
    const side = percent < 4 ? " first" : percent > 96 ? " last" : "";
    shown.push(html`<span class="label${side}" style="left:${round(percent)}%" aria-hidden="true">${label}</span>`);
  }
  return shown;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
