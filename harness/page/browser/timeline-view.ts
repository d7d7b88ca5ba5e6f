import { grouped } from "../../cli/quantities.ts";
import { bySelector, element } from "./dom.ts";
import { drawArrows, type Geometry } from "./timeline-arrows.ts";
import type { TimelineModel } from "./timeline-model.ts";

/** Nothing is told by colour alone. */
const SIGNS = { fault: "✕", deviation: "↷" } as const;
const ROW_HEIGHT = 26;
/** Rows above and below the visible ones that are there already when one scrolls. */
const OVERSCAN = 12;
const NUMBER_WIDTH = 62;
const TIME_WIDTH = 96;
/** Between the numbers and the first lifeline: room for the tracks of its edges. */
const TRACKS_WIDTH = 30;
const LAST_LANE_EXTRA = 0.35;
/** Between a lifeline and the text behind it. */
const TEXT_GAP = 12;

/**
 * The list of entries: only the rows in sight exist. One stop of the Tab key; arrows, Page Up, Page Down, Home and End move
 * the selection, which a screen reader follows as the grid's active descendant.
 */
export class TimelineView {
  readonly #model: TimelineModel;
  readonly #grid: HTMLElement;
  readonly #body: HTMLElement;
  readonly #heads: HTMLElement;
  readonly #svg: SVGSVGElement;
  readonly #rows = new Map<number, HTMLElement>();
  readonly #onSelect: (index: number) => void;
  /** Called when other rows are in sight: the first and the one behind the last. */
  onScroll: (first: number, end: number) => void = () => {};
  #geometry: Geometry = { rowHeight: ROW_HEIGHT, laneX: [] };
  /** In some explored runs no time passes: its column would say nothing. */
  readonly #isTimeless: boolean;
  #selected = -1;
  #isDue = false;

  constructor(root: HTMLElement, model: TimelineModel, onSelect: (index: number) => void) {
    this.#model = model;
    this.#grid = bySelector(".grid", root);
    this.#body = bySelector(".grid-body", root);
    this.#heads = bySelector(".grid-head", root);
    this.#svg = root.querySelector<SVGSVGElement>(".grid-body svg") as SVGSVGElement;
    this.#onSelect = onSelect;
    this.#isTimeless = model.entries.timeNs(model.entries.count - 1) === 0;
    this.#grid.classList.toggle("timeless", this.#isTimeless);
    this.#grid.addEventListener("scroll", () => this.#draw(), { passive: true });
    this.#grid.addEventListener("keydown", (event) => this.#onKey(event));
    this.#body.addEventListener("click", (event) => this.#onClick(event));
    new ResizeObserver(() => this.#layOut()).observe(this.#grid);
    this.refresh();
  }

  get selected(): number {
    return this.#selected;
  }

  /** Shows what the model has chosen. */
  refresh(): void {
    const { rowCount } = this.#model;
    this.#body.style.height = `${rowCount * ROW_HEIGHT}px`;
    this.#grid.setAttribute("aria-rowcount", `${rowCount + 1}`);
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    // Where it lay it would keep the list as long as it was.
    this.#svg.replaceChildren();
    this.#svg.style.transform = "";
    this.#svg.setAttribute("height", "0");
    if (this.#selected >= 0 && this.#model.isShown(this.#selected)) this.#reveal(this.#selected);
    this.#layOut();
  }

  /** Selects an entry and brings it into sight. */
  select(index: number): void {
    const before = this.#rows.get(this.#selected);
    before?.removeAttribute("aria-selected");
    this.#selected = index;
    this.#reveal(index);
    this.#render();
    this.#onSelect(index);
  }

  focus(): void {
    this.#grid.focus({ preventScroll: true });
  }

  /** Brings an entry into sight, if it is shown, without selecting it. */
  reveal(index: number): void {
    if (index >= 0 && this.#model.isShown(index)) this.#reveal(index);
  }

  /** Brings a row to the top of what is in sight. */
  scrollToRow(row: number): void {
    this.#grid.scrollTop = row * ROW_HEIGHT;
  }

  #reveal(index: number): void {
    const top = this.#model.rowNear(index) * ROW_HEIGHT;
    const head = this.#heads.offsetHeight;
    const { scrollTop, clientHeight } = this.#grid;
    const isAbove = top < scrollTop;
    const isBelow = top + ROW_HEIGHT > scrollTop + clientHeight - head;
    if (!isAbove && !isBelow) return;
    const isFar = top < scrollTop - clientHeight || top > scrollTop + 2 * clientHeight;
    if (isFar) this.#grid.scrollTop = top - (clientHeight - head) / 3;
    else this.#grid.scrollTop = isAbove ? top : top + ROW_HEIGHT - clientHeight + head;
  }

  #layOut(): void {
    const { lanes } = this.#model;
    const width = this.#grid.clientWidth;
    const firstLane = NUMBER_WIDTH + (this.#isTimeless ? 0 : TIME_WIDTH) + TRACKS_WIDTH;
    // The last lane has nothing behind it that its texts may run into, and devices say more than CPUs.
    const laneWidth = (width - firstLane) / (Math.max(1, lanes.length) + LAST_LANE_EXTRA);
    this.#geometry = {
      rowHeight: ROW_HEIGHT,
      laneX: lanes.map((_, lane) => Math.round(firstLane + lane * laneWidth)),
    };
    for (const [lane, head] of [...this.#heads.querySelectorAll<HTMLElement>(".lane")].entries()) {
      head.style.left = `${this.#geometry.laneX[lane] ?? 0}px`;
    }
    this.#svg.setAttribute("width", `${width}`);
    for (const [index, row] of this.#rows) this.#place(row, index);
    this.#render();
  }

  #draw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#render();
    });
  }

  #render(): void {
    const { rowCount } = this.#model;
    const inSight = Math.ceil(this.#grid.clientHeight / ROW_HEIGHT);
    const top = Math.floor(this.#grid.scrollTop / ROW_HEIGHT);
    const end = Math.min(rowCount, top + inSight + OVERSCAN);
    // Between a filter that leaves little and the browser's own scrolling back, what is in sight lies behind the end.
    const first = Math.min(end, Math.max(0, top - OVERSCAN));
    const wanted = new Set<number>();
    for (let row = first; row < end; row++) wanted.add(this.#model.entryAt(row));
    for (const [index, row] of this.#rows) {
      if (wanted.has(index)) continue;
      row.remove();
      this.#rows.delete(index);
    }
    for (let row = first; row < end; row++) {
      const index = this.#model.entryAt(row);
      const known = this.#rows.get(index);
      if (known === undefined) this.#body.append(this.#makeRow(index, row));
    }
    const selected = this.#rows.get(this.#selected);
    selected?.setAttribute("aria-selected", "true");
    if (selected === undefined) this.#grid.removeAttribute("aria-activedescendant");
    else this.#grid.setAttribute("aria-activedescendant", selected.id);
    drawArrows(this.#svg, this.#model, this.#geometry, first, end, this.#selected);
    this.onScroll(top, Math.min(rowCount, top + inSight));
  }

  #makeRow(index: number, row: number): HTMLElement {
    const model = this.#model;
    const entry = model.entry(index);
    const marks = model.marks(index);
    const looks = ["row", model.group(index), ...marks.map(({ kind }) => kind)].join(" ");
    const tags = marks.map(({ kind, text }) =>
      element("span", { class: `tag ${kind}` }, [`${SIGNS[kind]} `, element("span", { class: "reason" }, [text])]),
    );
    const causes = model.causeNumbers(index);
    const made = element("div", { class: looks, role: "row", id: `row-${index}` }, [
      element("span", { role: "gridcell", class: "number" }, [model.numberText(index)]),
      element("span", { role: "gridcell", class: "time" }, [microseconds(entry.timeNs)]),
      element("span", { role: "gridcell", class: "who" }, [model.actorName(index)]),
      element("span", { role: "gridcell", class: "what" }, [...tags.flatMap((tag) => [tag, " "]), model.text(index)]),
      // For a narrow screen, which has no arrows.
      ...(causes.length === 0
        ? []
        : [element("span", { class: "cause", "aria-hidden": "true" }, [`← ${causes.join(", ")}`])]),
    ]);
    made.style.top = `${row * ROW_HEIGHT}px`;
    made.setAttribute("aria-rowindex", `${row + 2}`);
    this.#place(made, index);
    this.#rows.set(index, made);
    return made;
  }

  #place(row: HTMLElement, index: number): void {
    const x = this.#geometry.laneX[this.#model.laneOf[index] ?? -1] ?? this.#geometry.laneX[0] ?? 0;
    row.style.setProperty("--what", `${x + TEXT_GAP}px`);
  }

  #onClick(event: MouseEvent): void {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>(".row") : null;
    if (row !== null) this.select(Number(row.id.slice("row-".length)));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { rowCount } = this.#model;
    const page = Math.max(1, Math.floor((this.#grid.clientHeight - this.#heads.offsetHeight) / ROW_HEIGHT) - 1);
    const row = this.#selected < 0 ? -1 : this.#model.rowNear(this.#selected);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: row + 1,
      ArrowUp: row - 1,
      PageDown: row + page,
      PageUp: row - page,
      Home: 0,
      End: rowCount - 1,
    };
    const target = targets[event.key];
    if (target === undefined || rowCount === 0) return;
    event.preventDefault();
    this.select(this.#model.entryAt(Math.min(rowCount - 1, Math.max(0, target))));
  }
}

/** "1,234.567": to the nanosecond. */
function microseconds(timeNs: number): string {
  return (timeNs / 1000).toLocaleString("en-US", { minimumFractionDigits: 3, maximumFractionDigits: 3 });
}

/** "12 of 1,234 events". */
export function shownText(model: TimelineModel): string {
  const all = model.entries.count;
  return model.rowCount === all ? `${grouped(all)} events` : `${grouped(model.rowCount)} of ${grouped(all)} events`;
}
