import * as k from "../../emulator/explore/kinds.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import { ExploredEdges, isEntry } from "./explored-edges.ts";
import type { ExploredPlaces } from "./explored-places.ts";
import { ExploredSteps } from "./explored-steps.ts";
import type { TracedRun } from "./explored-trace.ts";
import { SET_UP, type StepNote } from "./explored-tracing.ts";
import type { EdgeReason, TraceEdge, TraceEvent } from "./trace-event.ts";

/** A write-back lands in pieces of so many bytes. */
const PIECE_BYTES = 8;

/** By what arrives in a step: the notes that are about the same. */
const ARRIVALS: Readonly<Record<number, readonly TraceEvent["kind"][]>> = {
  [k.POSTED_WRITE]: ["register-write"],
  [k.READ_REQUEST]: ["register-read"],
  [k.DMA_FETCH]: ["dma-data", "dma-error"],
  [k.EVENT]: ["frame-in", "timer"],
  [k.INTERRUPT]: ["handler-enter"],
};

/** Of the driver's side: what no step tells. Its accesses and waits are steps. */
const BESIDE_STEPS: ReadonlySet<string> = new Set([
  "handler-enter",
  "handler-exit",
  "interrupt-taken",
  "dma-map",
  "dma-unmap",
]);

/** Edges of which the tracer knows both ends; of the others the explorer knows better. */
const NOTED_EDGES: ReadonlySet<EdgeReason> = new Set(["doorbell", "effect", "raise", "timer", "wire", "completion"]);
/** Where they lead into an arrival, they take the place of what the explorer says: the step within which it was asked for. */
const CLOSER_EDGES: ReadonlySet<EdgeReason> = new Set(["completion", "timer", "wire"]);

/**
 * The events of an explored run in one order: the set-up as it was noted, then each step, and behind it what was noted
 * within it.
 */
export class ExploredEvents {
  /** Clock time at which the trace begins. */
  readonly originNs: number;
  readonly steps: ExploredSteps;
  readonly #trace: StepTrace;
  readonly #edges: ExploredEdges;
  readonly #notes: readonly StepNote[];
  readonly #isWeak: boolean;
  readonly #lineOf: (actor: number, ordinal: number) => string;
  readonly #events: TraceEvent[] = [];
  /** By step, and by note: the number of its event. */
  readonly #ofStep: number[] = [];
  readonly #ofNote: number[] = [];
  #timeNs = 0;

  /** `notes`: none of a small program. */
  constructor({ machine, trace, run, lineOf }: TracedRun, places: ExploredPlaces, notes: readonly StepNote[]) {
    this.#trace = trace;
    this.#notes = notes;
    this.#isWeak = run.model !== "sc";
    this.#lineOf = lineOf;
    this.steps = new ExploredSteps(machine, trace, places);
    this.#edges = new ExploredEdges(machine, trace);
    const firstNs = trace.count === 0 ? 0 : (trace.timeNs[0] as number);
    this.originNs = Math.min(notes[0]?.event.timeNs ?? firstNs, firstNs);
  }

  /** All of them. To be asked for once. */
  all(): readonly TraceEvent[] {
    let next = 0;
    for (; (this.#notes[next]?.step ?? 0) < 0; next++) this.#takeNote(next, (this.#notes[next] as StepNote).step);
    for (let at = 0; at < this.#trace.count; at++) {
      const first = next;
      while (this.#notes[next]?.step === at) next++;
      this.#takeStep(at, first, next);
    }
    return this.#events;
  }

  /** The number of the event of a step. */
  seqOfStep(at: number): number {
    return this.#ofStep[at] as number;
  }

  /** A step with its notes, from `first` up to `end`. */
  #takeStep(at: number, first: number, end: number): void {
    const own = this.#arrivalAmong(at, first, end);
    const noted = own < 0 ? undefined : (this.#notes[own] as StepNote).event;
    const isEntryStep = isEntry(this.#trace, at);
    // An event that comes early brings its time along.
    const isEvent = isEntryStep && this.#trace.kind[at] === k.EVENT;
    const timeNs = isEvent && noted !== undefined ? noted.timeNs : (this.#trace.timeNs[at] as number);
    const base = { seq: this.#events.length, timeNs: this.#at(timeNs), actor: this.steps.actorOf(at) };
    const { after: _, ...event } = noted === undefined ? this.steps.event(at, base) : { ...noted, ...base };
    this.#ofStep[at] = base.seq;
    if (own >= 0) this.#ofNote[own] = base.seq;
    const closer = (noted?.after ?? []).filter(({ why }) => CLOSER_EDGES.has(why)).flatMap((edge) => this.#noted(edge));
    const known = new Set(closer.map(({ why }) => why));
    // The explorer knows when a frame was planned: within the arrival of the one before it, say. The cable knows who sent it.
    if (noted?.kind === "frame-in") known.add("wire");
    const others = this.#edges.into(at, this.#isWeak).filter(({ why }) => !known.has(why));
    const line = isEntryStep ? "" : this.#lineOf(this.#trace.actor[at] as number, this.#trace.ordinal[at] as number);
    const told = line === "" ? event : { ...event, line };
    this.#push(told as TraceEvent, [...closer, ...others.map((edge) => this.#stepEdge(at, edge))]);
    for (let note = first; note < end; note++) if (note !== own) this.#takeNote(note, at);
  }

  /** An event that is no step of its own. */
  #takeNote(note: number, at: number): void {
    const { event } = this.#notes[note] as StepNote;
    const isOfDriver = event.actor.startsWith("cpu");
    const isSetUp = at === SET_UP;
    if (!isSetUp && isOfDriver && !BESIDE_STEPS.has(event.kind)) return;
    const seq = this.#events.length;
    const timeNs = this.#at(event.timeNs);
    this.#ofNote[note] = seq;
    const edges = (event.after ?? []).flatMap((edge) =>
      isSetUp || NOTED_EDGES.has(edge.why) ? this.#noted(edge) : [],
    );
    // What a device does within a read it does before the tracer notes what it answers.
    const isDeed = !isOfDriver && event.kind !== "ring" && event.kind !== "finding";
    if (edges.length === 0 && at >= 0 && isDeed && this.steps.actorOf(at) === event.actor)
      edges.push({ from: this.#ofStep[at] as number, why: "effect" });
    const due = event.kind === "timer-start" ? { dueNs: timeNs + (event.delayNs ?? 0) } : {};
    const { after: _, ...rest } = { ...event, ...due, seq, timeNs, ...(isSetUp ? { setUp: true as const } : {}) };
    this.#push(rest as TraceEvent, edges);
  }

  #push(event: TraceEvent, after: readonly TraceEdge[]): void {
    this.#events.push(after.length === 0 ? event : { ...event, after });
  }

  /** From the origin; never back. */
  #at(clockNs: number): number {
    this.#timeNs = Math.max(this.#timeNs, clockNs - this.originNs);
    return this.#timeNs;
  }

  /** The note that is about what arrives in a step; -1 where nothing arrives, or nobody was there to note it. */
  #arrivalAmong(at: number, first: number, end: number): number {
    if (!isEntry(this.#trace, at)) return -1;
    const kinds = ARRIVALS[this.#trace.kind[at] as number] ?? [];
    for (let note = first; note < end; note++)
      if (kinds.includes((this.#notes[note] as StepNote).event.kind)) return note;
    return -1;
  }

  /** An edge between notes as one between events; none where it leads from a note that is no event. */
  #noted({ from, why }: TraceEdge): TraceEdge[] {
    const seq = this.#ofNote[from];
    return seq === undefined ? [] : [{ from: seq, why }];
  }

  /** An edge between steps as one between events: from what was asked for within the step, where that was noted. */
  #stepEdge(at: number, { from: step, why }: TraceEdge): TraceEdge {
    const from = this.#ofStep[step] as number;
    if (why === "land") return { from: this.#senderOf(at, step) ?? from, why };
    const source = this.#events[from];
    if (why !== "completion" || source === undefined) return { from, why };
    // A card asks for memory within the step in which something reaches it: what comes back comes after that.
    if (source.kind === "dma-read" || source.kind === "register-read" || source.kind === "step") return { from, why };
    return { from, why: source.kind === "register-write" && source.doorbell === true ? "doorbell" : "effect" };
  }

  /** The DMA write or the message that lands in a step, and was posted within `step`. */
  #senderOf(at: number, step: number): number | undefined {
    const ordinal = this.#trace.ordinal[at] as number;
    const device = (this.#trace.actor[at] as number) - k.UP;
    let sender: number | undefined;
    for (let note = this.#firstOf(step); this.#notes[note]?.step === step; note++) {
      const { event, sentUp } = this.#notes[note] as StepNote;
      if (!("device" in event) || event.device !== device || ordinal < sentUp) continue;
      if (event.kind === "dma-write" && ordinal < sentUp + pieceCount(event)) sender = note;
      else if (event.kind === "interrupt" && ordinal === sentUp) sender = note;
    }
    return sender === undefined ? undefined : this.#ofNote[sender];
  }

  /** The first note of a step, or where it would stand. */
  #firstOf(step: number): number {
    let low = 0;
    let high = this.#notes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#notes[middle] as StepNote).step < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many landings a write has: with a flag, that of each piece. */
function pieceCount({ byteLength, flagOffset }: { readonly byteLength: number; readonly flagOffset?: number }): number {
  return flagOffset === undefined ? 1 : Math.ceil(byteLength / PIECE_BYTES);
}
