import type { Group } from "../report/entry-groups.ts";
import type { Edge, TimelineModel } from "./timeline-model.ts";

const SVG = "http://www.w3.org/2000/svg";

/** Where things lie in the interleaving, in pixels. */
export interface Geometry {
  readonly rowHeight: number;
  /** The lifeline of each lane. */
  readonly laneX: readonly number[];
}

/** How far left of a lifeline its edges run: a few tracks, so that neighbours can be told apart. */
const TRACKS = [7, 11, 15, 19];
/** Rows around the visible ones up to which an edge is drawn that begins or ends out of sight. */
const MARGIN_ROWS = 4;
const MARK_RADIUS = 4;

/**
 * Draws lifelines, marks and edges of the rows `first` up to `end` into an SVG that lies under the text. An edge leaves
 * its cause, runs along the lifeline further left and enters its effect from the left, so that it crosses no text.
 */
export function drawArrows(
  svg: SVGSVGElement,
  model: TimelineModel,
  geometry: Geometry,
  first: number,
  end: number,
  selected: number,
): void {
  const { rowHeight, laneX } = geometry;
  const top = first * rowHeight;
  const height = (end - first) * rowHeight;
  svg.setAttribute("height", `${height}`);
  svg.style.transform = `translateY(${top}px)`;
  const y = (row: number): number =>
    (Math.min(end + MARGIN_ROWS, Math.max(first - MARGIN_ROWS, row)) + 0.5) * rowHeight - top;
  const parts: SVGElement[] = laneX.map((x) => shape("line", { class: "lifeline", x1: x, x2: x, y1: 0, y2: height }));
  const drawn = new Set<string>();
  const edge = (each: Edge): void => {
    const key = `${each.from} ${each.to} ${each.why}`;
    const from = laneX[model.laneOf[each.from] ?? -1];
    const to = laneX[model.laneOf[each.to] ?? -1];
    if (
      drawn.has(key) ||
      from === undefined ||
      to === undefined ||
      !model.isShown(each.from) ||
      !model.isShown(each.to)
    )
      return;
    drawn.add(key);
    const isChosen = each.from === selected || each.to === selected;
    parts.push(...arrow(each, from, to, y(model.rowNear(each.from)), y(model.rowNear(each.to)), isChosen));
  };
  for (let row = first; row < end; row++) {
    const index = model.entryAt(row);
    for (const each of model.edgesInto(index)) edge(each);
    for (const each of model.edgesOutOf(index)) edge(each);
  }
  // What is chosen lies on top.
  parts.sort((one, other) => Number(one.classList.contains("chosen")) - Number(other.classList.contains("chosen")));
  for (let row = first; row < end; row++) {
    const index = model.entryAt(row);
    const x = laneX[model.laneOf[index] ?? -1];
    if (x !== undefined)
      parts.push(mark(model.isFault(index) ? "finding" : model.group(index), x, y(row), index === selected));
  }
  svg.replaceChildren(...parts);
}

function arrow(
  { from, why }: Edge,
  fromX: number,
  toX: number,
  fromY: number,
  toY: number,
  isChosen: boolean,
): SVGElement[] {
  const track = Math.min(fromX, toX) - (TRACKS[from % TRACKS.length] ?? 7);
  const tip = toX - MARK_RADIUS - 2;
  const chosen = isChosen ? " chosen" : "";
  return [
    shape("path", { class: `edge why-${why}${chosen}`, d: `M${fromX} ${fromY}H${track}V${toY}H${tip}` }),
    // Whatever the shaft is dashed like, its head is whole.
    shape("path", { class: `edge${chosen}`, d: `M${tip - 5} ${toY - 3.5}l5 3.5l-5 3.5` }),
  ];
}

/** A shape for each group, so that nothing is told by colour alone. */
function mark(group: Group, x: number, y: number, isChosen: boolean): SVGElement {
  const r = MARK_RADIUS;
  const paths: Readonly<Partial<Record<Group, string>>> = {
    dma: `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    interrupt: `M${x} ${y - r - 1.5}l${r + 1.5} ${r + 1.5}l${-r - 1.5} ${r + 1.5}l${-r - 1.5} ${-r - 1.5}z`,
    frame: `M${x - r} ${y - r}l${2 * r} ${r}l${-2 * r} ${r}z`,
    finding: `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`,
  };
  const d = paths[group] ?? `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  return shape("path", { class: `mark ${group}${isChosen ? " chosen" : ""}`, d });
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, `${value}`);
  return element;
}
