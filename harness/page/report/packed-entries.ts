import { type EdgeReason, isEvent, type TraceEdge } from "../../trace/trace-event.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/**
 * The entries of a timeline as a page carries them: one list of numbers, and each text once. A trace repeats itself; as
 * JSON lines it is several times as long, and takes a browser several times as long to read.
 *
 * An entry is: its shape, how far its number is from the one before (0: it has none), its actor + 1, its edges
 * (count, then for each how far back it comes from and why), and a word for each member of its shape.
 */
export interface PackedEntries {
  readonly count: number;
  /** Every text that occurs. */
  readonly strings: readonly string[];
  readonly shapes: readonly PackedShape[];
  readonly timesNs: readonly number[];
  readonly words: readonly number[];
}

/** What entries of one kind with the same members share. */
export interface PackedShape {
  readonly kind: string;
  /** Names of the members behind how each is packed: "n" a number, "s" a text, "j" JSON, "t" true. */
  readonly members: readonly string[];
}

const HEAD = new Set(["kind", "seq", "timeNs", "actor", "after"]);

/** Packs entries; {@link UnpackedEntries} is the way back. */
export function packEntries(entries: Iterable<TimelineEntry>): PackedEntries {
  const strings = new Index();
  const shapes: PackedShape[] = [];
  const shapeOf = new Map<string, number>();
  const timesNs: number[] = [];
  const words: number[] = [];
  let lastSeq = -1;
  for (const entry of entries) {
    const members = Object.entries(entry).filter(([name, value]) => !HEAD.has(name) && value !== undefined);
    const packed = members.map(([name, value]) => `${wayOf(value)}${name}`);
    const key = `${entry.kind} ${packed.join(" ")}`;
    const shape = shapeOf.get(key) ?? shapes.push({ kind: entry.kind, members: packed }) - 1;
    shapeOf.set(key, shape);
    timesNs.push(entry.timeNs);
    words.push(shape);
    if (isEvent(entry)) {
      const { after = [] } = entry;
      words.push(entry.seq - lastSeq, strings.of(entry.actor) + 1, after.length);
      for (const { from, why } of after) words.push(entry.seq - from, strings.of(why));
      lastSeq = entry.seq;
    } else words.push(0, 0, 0);
    for (const [, value] of members) {
      if (typeof value === "number") words.push(value);
      else if (value !== true) words.push(strings.of(typeof value === "string" ? value : JSON.stringify(value)));
    }
  }
  return { count: timesNs.length, strings: strings.all, shapes, timesNs, words };
}

function wayOf(value: unknown): string {
  if (typeof value === "number") return "n";
  if (typeof value === "string") return "s";
  return value === true ? "t" : "j";
}

/** Texts and their places. */
class Index {
  readonly all: string[] = [];
  readonly #places = new Map<string, number>();

  of(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    this.#places.set(text, this.all.length);
    return this.all.push(text) - 1;
  }
}

/** Entries out of their packed form, each made when it is asked for. */
export class UnpackedEntries {
  readonly count: number;
  readonly #packed: PackedEntries;
  /** Where the words of an entry begin. */
  readonly #starts: Uint32Array;
  /** The number of an event; of another entry that of the event before it. */
  readonly #seqs: Float64Array;

  constructor(packed: PackedEntries) {
    this.#packed = packed;
    this.count = packed.count;
    this.#starts = new Uint32Array(packed.count);
    this.#seqs = new Float64Array(packed.count);
    const { words, shapes } = packed;
    const lengths = shapes.map(({ members }) => members.filter((member) => !member.startsWith("t")).length);
    let at = 0;
    let seq = -1;
    for (let index = 0; index < packed.count; index++) {
      this.#starts[index] = at;
      seq += words[at + 1] ?? 0;
      this.#seqs[index] = seq;
      at += 4 + 2 * (words[at + 3] ?? 0) + (lengths[words[at] ?? 0] ?? 0);
    }
  }

  timeNs(index: number): number {
    return this.#packed.timesNs[index] ?? 0;
  }

  kind(index: number): string {
    return this.#packed.shapes[this.shape(index)]?.kind ?? "";
  }

  /** The number of its shape. */
  shape(index: number): number {
    return this.#word(index, 0);
  }

  /** The kind of each shape. */
  get kinds(): readonly string[] {
    return this.#packed.shapes.map(({ kind }) => kind);
  }

  /** Whether entries of a shape are marked as true under a name: "setUp". */
  isMarked(shape: number, name: string): boolean {
    return this.#packed.shapes[shape]?.members.includes(`t${name}`) === true;
  }

  /** The id of the actor; "" where there is none. */
  actor(index: number): string {
    return this.#packed.strings[this.#word(index, 2) - 1] ?? "";
  }

  /** Calls back with every edge, as places of entries, in the order of those that they lead to. */
  eachEdge(visit: (from: number, to: number) => void): void {
    const { words } = this.#packed;
    for (let to = 0; to < this.count; to++) {
      const start = this.#starts[to] ?? 0;
      const edgeCount = words[start + 3] ?? 0;
      for (let edge = 0; edge < edgeCount; edge++) {
        const from = this.indexOf((this.#seqs[to] ?? 0) - (words[start + 4 + 2 * edge] ?? 0));
        if (from >= 0) visit(from, to);
      }
    }
  }

  /** Where the event with that number is, or -1. */
  indexOf(seq: number): number {
    // In a whole trace numbers are places.
    if (this.#seqs[seq] === seq && this.#word(seq, 1) > 0) return seq;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seqs[middle] ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.#seqs[low] === seq && this.#word(low, 1) > 0 ? low : -1;
  }

  /** Edges into an entry, as places of entries; those from events that are not here are left out. */
  edgesInto(index: number): { readonly from: number; readonly why: EdgeReason }[] {
    return this.#edges(index)
      .map(({ from, why }) => ({ from: this.indexOf(from), why }))
      .filter(({ from }) => from >= 0);
  }

  entry(index: number): TimelineEntry {
    const { shapes, strings, words } = this.#packed;
    const shape = shapes[this.#word(index, 0)];
    const entry: Record<string, unknown> = { kind: shape?.kind, timeNs: this.timeNs(index) };
    if (this.#word(index, 1) > 0) {
      entry.seq = this.#seqs[index];
      entry.actor = this.actor(index);
      const after = this.#edges(index);
      if (after.length > 0) entry.after = after;
    }
    let at = (this.#starts[index] ?? 0) + 4 + 2 * this.#word(index, 3);
    for (const member of shape?.members ?? []) {
      const name = member.slice(1);
      const way = member.charAt(0);
      if (way === "t") entry[name] = true;
      else if (way === "n") entry[name] = words[at++];
      else {
        const text = strings[words[at++] ?? 0] ?? "";
        entry[name] = way === "s" ? text : JSON.parse(text);
      }
    }
    return entry as unknown as TimelineEntry;
  }

  #edges(index: number): TraceEdge[] {
    const start = (this.#starts[index] ?? 0) + 4;
    return Array.from({ length: this.#word(index, 3) }, (_, edge) => ({
      from: (this.#seqs[index] ?? 0) - (this.#packed.words[start + 2 * edge] ?? 0),
      why: this.#packed.strings[this.#packed.words[start + 2 * edge + 1] ?? 0] as EdgeReason,
    }));
  }

  #word(index: number, place: number): number {
    return this.#packed.words[(this.#starts[index] ?? 0) + place] ?? 0;
  }
}
