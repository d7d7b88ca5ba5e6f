import { eventText } from "./event-text.ts";
import { SeqWindow } from "./seq-window.ts";
import type { TraceEvent, TraceRecord } from "./trace-event.ts";
import type { TraceActor, TraceHeader } from "./trace-header.ts";
import type { TraceOutput } from "./trace-output.ts";
import type { TraceWriter } from "./trace-writer.ts";

/** The process of the driver's side; those of the devices follow. */
const DRIVER_PID = 1;
const FIRST_DEVICE_PID = 2;
/** An event without a length is a slice of this many nanoseconds: an arrow ends at a slice. */
const SLICE_NS = 1;
const NS_PER_US = 1000;
/** Actors whose tracks have no thread number yet get one from here on. */
const TRACKS_PER_PROCESS = 1000;
/** DMA reads that are remembered until they are answered. What is older was cancelled. */
const READ_LIMIT = 4096;
/** Added where a time in microseconds comes out a trifle below its nanosecond: some readers cut off, others round. */
const TRIFLE_NS = 0.2;

interface Track {
  readonly pid: number;
  readonly tid: number;
  /** What is open on it, innermost last. */
  readonly open: string[];
}

/**
 * A trace in the Trace Event Format, which Perfetto and Chrome show: a track for each actor, arrows for the edges, counters
 * for the rings. Events at the same instant are shown one nanosecond after the other; `args.timeNs` has the exact time.
 * Explored runs stand still in time, so their steps are a microsecond apart.
 *
 * What Perfetto's trace processor makes of it decides the details. An arrow begins at the slice that was begun last on its
 * track, and ends at the next one to begin there, so that every event has a slice of its own, those that end a longer one
 * too. An end closes what has its category and its name, where it has any.
 */
export class PerfettoWriter implements TraceWriter {
  readonly #output: TraceOutput;
  readonly #tracks = new Map<string, Track>();
  /** Time and track of each of the last events. */
  readonly #seen = new SeqWindow();
  readonly #trackList: Track[] = [];
  /** By number of the event in which it was asked for: what a DMA read is called. */
  readonly #reads = new Map<number, string>();
  #header: TraceHeader | undefined;
  #separator = "\n";
  #shownNs = -1;
  #arrowCount = 0;
  #lostArrowCount = 0;
  #lostCount = 0;

  constructor(output: TraceOutput) {
    this.#output = output;
    output.write('{"displayTimeUnit":"ns","traceEvents":[');
  }

  write(record: TraceRecord): void {
    switch (record.kind) {
      case "header":
        this.#begin(record);
        return;
      case "actor":
        this.#addTrack(record.actor);
        return;
      case "lost":
        this.#lostCount += record.count;
        this.#emit({ ph: "i", s: "g", pid: DRIVER_PID, tid: 0, ts: this.#ts(), name: `${record.count} events lost` });
        return;
      case "end":
        this.#lostCount = Math.max(this.#lostCount, record.lostCount);
        return;
      default:
        this.#event(record);
    }
  }

  end(): void {
    const { title = "", run = "", clock = "", explored } = this.#header ?? {};
    const about = {
      title,
      run,
      clock,
      lostEvents: this.#lostCount,
      arrows: this.#arrowCount,
      arrowsTooLong: this.#lostArrowCount,
    };
    const token = explored === undefined ? {} : { token: explored.token, verdict: explored.verdict };
    this.#output.write(`\n],"otherData":${JSON.stringify({ ...about, ...token })}}\n`);
  }

  #begin(header: TraceHeader): void {
    this.#header = header;
    this.#nameProcess(DRIVER_PID, "driver");
    for (const [device, { name }] of header.devices.entries()) this.#nameProcess(FIRST_DEVICE_PID + device, name);
    for (const actor of header.actors) this.#addTrack(actor);
  }

  #nameProcess(pid: number, name: string): void {
    this.#emit({ ph: "M", pid, tid: 0, name: "process_name", args: { name } });
  }

  #addTrack({ id, name, kind, device }: TraceActor): void {
    if (this.#tracks.has(id)) return;
    const ofDevice = device !== undefined && kind !== "cpu" && kind !== "handler" && kind !== "store-buffer";
    const pid = ofDevice ? FIRST_DEVICE_PID + device : DRIVER_PID;
    const track: Track = { pid, tid: 1 + (this.#tracks.size % TRACKS_PER_PROCESS), open: [] };
    this.#tracks.set(id, track);
    this.#trackList.push(track);
    this.#emit({ ph: "M", pid, tid: track.tid, name: "thread_name", args: { name } });
  }

  #event(event: TraceEvent): void {
    const isExplored = this.#header?.run === "explored";
    const timeNs = isExplored ? event.seq * NS_PER_US : Math.round(event.timeNs);
    this.#shownNs = Math.max(timeNs, this.#shownNs + SLICE_NS);
    if (event.kind === "ring") {
      this.#counter(event.device, event.ring, event.occupied);
      return;
    }
    const track = this.#trackOf(event);
    this.#arrowsInto(event, track);
    this.#seen.set(event.seq, this.#shownNs, this.#trackList.indexOf(track));
    this.#slice(event, track);
  }

  /** Frames have a track for each wire; everything else is with its actor. */
  #trackOf(event: TraceEvent): Track {
    const isFrame = event.kind === "frame-in" || event.kind === "frame-out";
    const id = isFrame ? `device${event.device}.wire${event.port}` : event.actor;
    if (!this.#tracks.has(id)) this.#addTrack({ id, kind: "device", name: id });
    return this.#tracks.get(id) as Track;
  }

  #slice(event: TraceEvent, track: Track): void {
    const { pid, tid, open } = track;
    const common = { pid, tid, ts: this.#ts(), cat: event.kind };
    const opening = openingOf(event);
    if (opening !== undefined) {
      open.push(opening);
      this.#emit({ ...common, ph: "B", name: opening, args: this.#args(event) });
      return;
    }
    this.#emit({ ...common, ph: "X", dur: SLICE_NS / NS_PER_US, name: nameOf(event), args: this.#args(event) });
    if (event.kind === "dma-read" || event.kind === "dma-data" || event.kind === "dma-error") this.#read(event, track);
    const closing = closingOf(event);
    if (closing === undefined || open.at(-1) !== closing) return;
    open.pop();
    this.#shownNs += SLICE_NS;
    this.#emit({ ph: "E", pid, tid, ts: this.#ts() });
  }

  /** From the request to its answer a DMA read is a slice on a track of its own. */
  #read(event: Extract<TraceEvent, { readonly kind: "dma-read" | "dma-data" | "dma-error" }>, track: Track): void {
    const common = { pid: track.pid, tid: track.tid, ts: this.#ts(), cat: "dma" };
    if (event.kind === "dma-read") {
      const name = `DMA read ${event.buffer ?? "unmapped memory"}`;
      this.#reads.set(event.seq, name);
      const [oldest = 0] = this.#reads.size > READ_LIMIT ? this.#reads.keys() : [];
      if (this.#reads.size > READ_LIMIT) this.#reads.delete(oldest);
      this.#emit({ ...common, ph: "b", id: `0x${event.seq.toString(16)}`, name });
      return;
    }
    const asked = event.after?.find(({ why }) => why === "completion")?.from ?? -1;
    const name = this.#reads.get(asked);
    if (name === undefined) return;
    this.#reads.delete(asked);
    this.#emit({ ...common, ph: "e", id: `0x${asked.toString(16)}`, name });
  }

  #arrowsInto(event: TraceEvent, track: Track): void {
    for (const { from, why } of event.after ?? []) {
      if (!this.#seen.has(from)) {
        this.#lostArrowCount++;
        continue;
      }
      const source = this.#trackList[this.#seen.second(from)] as Track;
      const id = ++this.#arrowCount;
      const ts = microseconds(this.#seen.first(from));
      this.#emit({ ph: "s", pid: source.pid, tid: source.tid, ts, id, cat: "edge", name: why });
      this.#emit({ ph: "f", pid: track.pid, tid: track.tid, ts: this.#ts(), id, cat: "edge", name: why });
    }
  }

  #counter(device: number, name: string, occupied: number): void {
    this.#emit({ ph: "C", pid: FIRST_DEVICE_PID + device, tid: 0, ts: this.#ts(), name, args: { occupied } });
  }

  #args(event: TraceEvent): object {
    const { timeNs, seq } = event;
    return {
      what: eventText(event, this.#header).trim(),
      seq,
      timeNs,
      ...(event.line === undefined ? {} : { line: event.line }),
    };
  }

  #ts(): number {
    return microseconds(Math.max(0, this.#shownNs));
  }

  #emit(event: object): void {
    this.#output.write(this.#separator + JSON.stringify(event));
    this.#separator = ",\n";
  }
}

function microseconds(ns: number): number {
  const us = ns / NS_PER_US;
  return Math.trunc(us * NS_PER_US) === ns ? us : (ns + TRIFLE_NS) / NS_PER_US;
}

/** The name of a slice that this event begins. Of a handler in a small explored program the end is not told. */
function openingOf(event: TraceEvent): string | undefined {
  if (event.kind === "mmio-read") return `read ${event.register}`;
  if (event.kind === "handler-enter" && event.device !== undefined) return `handler of vector ${event.vector}`;
  return event.kind === "wait" ? waitName(event) : undefined;
}

/** The name of the slice that this event ends. */
function closingOf(event: TraceEvent): string | undefined {
  if (event.kind === "mmio-answer") return `read ${event.register}`;
  if (event.kind === "handler-exit") return `handler of vector ${event.vector}`;
  return event.kind === "wake" ? waitName(event) : undefined;
}

function waitName(event: { readonly for: string; readonly what: string }): string {
  return `waits for ${event.what === "" ? event.for : event.what}`;
}

function nameOf(event: TraceEvent): string {
  if ("register" in event && event.register !== undefined)
    return `${event.kind.replace("register-", "")} ${event.register}`;
  if ("buffer" in event && event.buffer !== undefined) return `${event.kind} ${event.buffer}`;
  if (event.kind === "barrier") return event.barrier;
  if (event.kind === "interrupt") return event.mode === "intx" ? "interrupt line" : `${event.mode} ${event.vector}`;
  return event.kind;
}
