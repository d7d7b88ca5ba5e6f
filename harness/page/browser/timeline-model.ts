import type { EdgeReason } from "../../trace/trace-event.ts";
import type { TraceMark, TracePicture } from "../../trace/trace-header.ts";
import { GROUPS, type Group, groupOf } from "../report/entry-groups.ts";
import { entryText } from "../report/entry-text.ts";
import { type PackedEntries, UnpackedEntries } from "../report/packed-entries.ts";
import type { TimelineEntry } from "../report/timeline-entry.ts";

/** A column of the interleaving: a CPU with its handler and its store buffer, or a device with its link. */
export interface Lane {
  readonly name: string;
  readonly kind: "cpu" | "device";
  /** The ids of its actors, and how each is called. */
  readonly actors: Readonly<Record<string, string>>;
}

/** What the page holds of a trace. */
export interface TimelineData {
  readonly lanes: readonly Lane[];
  readonly packed: PackedEntries;
  /** The number of the event that shows what is wrong, where something is. */
  readonly failure?: number;
  /** Of an explored run. */
  readonly picture?: TracePicture;
}

/** An edge between two entries, by their places. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly why: EdgeReason;
}

/** Which entries of a timeline are shown. */
export interface Choice {
  readonly groups: ReadonlySet<Group>;
  /** A lane, or -1 for all. */
  readonly lane: number;
  /** Small letters that the line must hold; "" for any. */
  readonly text: string;
  /** Those of the set-up too. */
  readonly setUp: boolean;
}

/** The entries, their lanes and edges, and those of them that the filter shows. */
export class TimelineModel {
  readonly lanes: readonly Lane[];
  readonly entries: UnpackedEntries;
  /** By entry; -1 where nobody acts. */
  readonly laneOf: Int8Array;
  /** By entry: a place in {@link GROUPS}. */
  readonly groupOf: Uint8Array;
  /** Rows → entries. */
  shown: Uint32Array;
  /** Edges by the entry that they leave: those of entry n are outTo[outStart[n]] up to outTo[outStart[n + 1]]. */
  readonly #outStart: Uint32Array;
  readonly #outTo: Uint32Array;
  readonly #searchTexts: string[] = [];

  /** By entry: its line of the picture as text. Undefined where there is none. */
  readonly #lines: ReadonlyMap<number, number> | undefined;
  readonly #marks = new Map<number, TraceMark[]>();

  constructor({ lanes, packed, picture }: TimelineData) {
    this.lanes = lanes;
    this.entries = new UnpackedEntries(packed);
    const { count } = this.entries;
    const laneOfActor = new Map(
      lanes.flatMap(({ actors }, lane) => Object.keys(actors).map((id) => [id, lane] as const)),
    );
    const groupOfShape = this.entries.kinds.map((kind) => GROUPS.indexOf(groupOf(kind)));
    this.laneOf = new Int8Array(count);
    this.groupOf = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      this.laneOf[index] = laneOfActor.get(this.entries.actor(index)) ?? -1;
      this.groupOf[index] = groupOfShape[this.entries.shape(index)] ?? 0;
    }
    this.#lines = picture && new Map(picture.rows.map((seq, row) => [this.entries.indexOf(seq), row + 1]));
    for (const mark of picture?.marks ?? []) {
      const index = this.entries.indexOf(mark.seq);
      const known = this.#marks.get(index);
      if (known === undefined) this.#marks.set(index, [mark]);
      else known.push(mark);
    }
    this.shown = new Uint32Array(count).map((_, index) => index);
    this.#outStart = new Uint32Array(count + 1);
    let edgeCount = 0;
    this.entries.eachEdge((from) => {
      this.#outStart[from + 1] = (this.#outStart[from + 1] ?? 0) + 1;
      edgeCount++;
    });
    for (let index = 0; index < count; index++) {
      this.#outStart[index + 1] = (this.#outStart[index + 1] ?? 0) + (this.#outStart[index] ?? 0);
    }
    this.#outTo = new Uint32Array(edgeCount);
    const next = this.#outStart.slice();
    this.entries.eachEdge((from, to) => {
      const place = next[from] ?? 0;
      this.#outTo[place] = to;
      next[from] = place + 1;
    });
  }

  /** Chooses the rows anew. */
  choose({ groups, lane, text, setUp }: Choice): void {
    const wanted = GROUPS.map((group) => groups.has(group));
    const hidden = this.entries.kinds.map((_, shape) => !setUp && this.entries.isMarked(shape, "setUp"));
    const isAll = wanted.every((each) => each) && lane < 0 && text === "" && !hidden.includes(true);
    const { count } = this.entries;
    const shown = new Uint32Array(count);
    let rows = 0;
    for (let index = 0; index < count; index++) {
      if (!isAll) {
        if (wanted[this.groupOf[index] ?? 0] !== true || hidden[this.entries.shape(index)] === true) continue;
        if (lane >= 0 && this.laneOf[index] !== lane) continue;
        if (text !== "" && !this.#searched(index).includes(text)) continue;
      }
      shown[rows++] = index;
    }
    this.shown = shown.subarray(0, rows);
  }

  get rowCount(): number {
    return this.shown.length;
  }

  entryAt(row: number): number {
    return this.shown[row] ?? 0;
  }

  /** The row of an entry; of one that is hidden, the row where it would stand. */
  rowNear(index: number): number {
    let low = 0;
    let high = this.shown.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.shown[middle] ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  isShown(index: number): boolean {
    return this.shown[this.rowNear(index)] === index;
  }

  entry(index: number): TimelineEntry {
    return this.entries.entry(index);
  }

  /** Its line in small letters, kept: who searches types letter by letter. */
  #searched(index: number): string {
    const known = this.#searchTexts[index];
    if (known !== undefined) return known;
    const text = this.text(index).toLowerCase();
    this.#searchTexts[index] = text;
    return text;
  }

  text(index: number): string {
    return entryText(this.entries.entry(index));
  }

  /** What stands in front of an entry: its number in the trace, or where there is a picture as text, its line there. */
  numberText(index: number): string {
    const entry = this.entry(index);
    if (this.#lines !== undefined) return `${this.#lines.get(index) ?? ""}`;
    return entry.kind === "lost" ? "" : `${entry.seq}`;
  }

  /** The numbers of what an entry comes after: of what has none, those of what that comes after. */
  causeNumbers(index: number): string[] {
    return this.edgesInto(index).flatMap(({ from }) => this.numberText(from) || this.causeNumbers(from));
  }

  get hasLines(): boolean {
    return this.#lines !== undefined;
  }

  /** Why to look at it. */
  marks(index: number): readonly TraceMark[] {
    return this.#marks.get(index) ?? [];
  }

  /** Whether something is wrong there: a finding, or a step at fault. */
  isFault(index: number): boolean {
    return this.group(index) === "finding" || this.marks(index).some(({ kind }) => kind === "fault");
  }

  group(index: number): Group {
    return GROUPS[this.groupOf[index] ?? 0] ?? "other";
  }

  edgesInto(index: number): Edge[] {
    return this.entries.edgesInto(index).map(({ from, why }) => ({ from, to: index, why }));
  }

  edgesOutOf(index: number): Edge[] {
    const targets = this.#outTo.subarray(this.#outStart[index] ?? 0, this.#outStart[index + 1] ?? 0);
    return [...new Set(targets)].flatMap((to) => this.edgesInto(to).filter(({ from }) => from === index));
  }

  /** The name of whoever acts in an entry. */
  actorName(index: number): string {
    return this.lanes[this.laneOf[index] ?? -1]?.actors[this.entries.actor(index)] ?? "";
  }

  /** The nearest fault behind (`step` 1) or before (-1) an entry, also one that is hidden; -1 when there is none. */
  findingFrom(index: number, step: 1 | -1): number {
    for (let at = index + step; at >= 0 && at < this.entries.count; at += step) if (this.isFault(at)) return at;
    return -1;
  }
}
