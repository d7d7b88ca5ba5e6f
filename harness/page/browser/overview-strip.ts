import { GROUPS } from "../report/entry-groups.ts";
import type { TimelineModel } from "./timeline-model.ts";

/** Pixels of a lane's band. */
const BAND = 14;

/**
 * The whole trace on one strip: how dense the events of each lane are, where the findings are, and what of it is in sight.
 * A click goes there. It is a convenience for a pointer: everything that it does the keyboard does in the list.
 */
export class OverviewStrip {
  readonly #canvas: HTMLCanvasElement;
  readonly #model: TimelineModel;
  /** The strip without what is in sight: it changes with the filter, not with each step of scrolling. */
  readonly #base: HTMLCanvasElement = document.createElement("canvas");
  #first = 0;
  #end = 0;

  constructor(canvas: HTMLCanvasElement, model: TimelineModel, goToRow: (row: number) => void) {
    this.#canvas = canvas;
    this.#model = model;
    canvas.style.height = `${this.#height}px`;
    const go = (event: PointerEvent): void => {
      if (event.buttons === 0) return;
      const { left, width } = canvas.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      goToRow(Math.max(0, Math.round(share * model.rowCount - (this.#end - this.#first) / 2)));
    };
    canvas.addEventListener("pointerdown", go);
    canvas.addEventListener("pointermove", go);
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get #height(): number {
    return this.#model.lanes.length * BAND + 10;
  }

  /** What is in sight. */
  mark(first: number, end: number): void {
    if (this.#first === first && this.#end === end) return;
    this.#first = first;
    this.#end = end;
    this.#drawSight();
  }

  /** Draws it anew: other rows are shown, or it has another width or other colours. */
  draw(): void {
    const model = this.#model;
    const scale = devicePixelRatio;
    const width = this.#canvas.clientWidth;
    const context = this.#base.getContext("2d");
    if (context === null || width === 0) return;
    for (const canvas of [this.#base, this.#canvas]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(this.#height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const style = getComputedStyle(this.#canvas);
    const rows = Math.max(1, model.rowCount);
    const bins = this.#countsIn(Math.ceil(width), rows);
    const most = Math.max(1, ...bins.flat());
    context.fillStyle = style.color;
    for (const [lane, counts] of bins.entries()) {
      for (const [x, count] of counts.entries()) {
        if (count === 0) continue;
        context.globalAlpha = 0.25 + (0.75 * count) / most;
        context.fillRect(x, 6 + lane * BAND, Math.max(1, width / rows - 1), BAND - 3);
      }
    }
    context.globalAlpha = 1;
    this.#drawFindings(context, style.textDecorationColor, width, rows);
    this.#drawSight();
  }

  #drawSight(): void {
    const context = this.#canvas.getContext("2d");
    const { width, height } = this.#canvas;
    if (context === null || width === 0) return;
    const rows = Math.max(1, this.#model.rowCount);
    const line = 1.5 * devicePixelRatio;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.#base, 0, 0);
    context.strokeStyle = getComputedStyle(this.#canvas).caretColor;
    context.lineWidth = line;
    const left = (this.#first / rows) * width;
    const wide = Math.max(4 * devicePixelRatio, ((this.#end - this.#first) / rows) * width);
    context.strokeRect(left + line / 2, line / 2, wide - line, height - line);
  }

  #countsIn(width: number, rows: number): number[][] {
    const bins = this.#model.lanes.map(() => new Array<number>(width).fill(0));
    for (let row = 0; row < this.#model.rowCount; row++) {
      const counts = bins[this.#model.laneOf[this.#model.entryAt(row)] ?? -1];
      const x = Math.floor((row / rows) * width);
      if (counts !== undefined) counts[x] = (counts[x] ?? 0) + 1;
    }
    return bins;
  }

  #drawFindings(context: CanvasRenderingContext2D, colour: string, width: number, rows: number): void {
    context.fillStyle = colour;
    const finding = GROUPS.indexOf("finding");
    for (let row = 0; row < this.#model.rowCount; row++) {
      if (this.#model.groupOf[this.#model.entryAt(row)] !== finding) continue;
      const x = (row / rows) * width;
      context.beginPath();
      context.moveTo(x - 4, 0);
      context.lineTo(x + 4, 0);
      context.lineTo(x, 7);
      context.fill();
      context.fillRect(x - 0.5, 0, 1, this.#height);
    }
  }
}
