/**
 * A second reader of the Trace Event Format, which goes through a file as Perfetto's trace processor does: sorts by time,
 * keeps a stack of slices for each track, and lets arrows begin at the slice that was begun last and end at the next one to
 * begin. What it would count as an error there is a problem here.
 */

export interface RawEvent {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly name?: string;
  readonly cat?: string;
  readonly id?: number | string;
  readonly bp?: string;
  readonly s?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface Slice {
  readonly track: string;
  readonly name: string;
  readonly cat: string;
  readonly startNs: number;
  /** -1: it has no end. */
  endNs: number;
  readonly depth: number;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Arrow {
  readonly name: string;
  readonly from: Slice;
  readonly to: Slice;
}

export interface PerfettoModel {
  readonly slices: readonly Slice[];
  readonly arrows: readonly Arrow[];
  readonly counters: ReadonlyMap<string, readonly number[]>;
  /** Of processes "1", of threads "1.2". */
  readonly names: ReadonlyMap<string, string>;
  readonly instants: readonly string[];
  readonly problems: readonly string[];
}

/** How readers make whole nanoseconds of microseconds: of today and of some years ago. */
export type Rounding = "round" | "cut";

export function readPerfetto(text: string, rounding: Rounding): PerfettoModel {
  const { traceEvents } = JSON.parse(text) as { readonly traceEvents: readonly RawEvent[] };
  return new Processor(rounding).process(traceEvents);
}

class Processor {
  readonly #slices: Slice[] = [];
  readonly #arrows: Arrow[] = [];
  readonly #counters = new Map<string, number[]>();
  readonly #names = new Map<string, string>();
  readonly #instants: string[] = [];
  readonly #problems: string[] = [];
  readonly #stacks = new Map<string, Slice[]>();
  readonly #flows = new Map<string, Slice>();
  readonly #pending = new Map<string, string[]>();
  readonly #rounding: Rounding;

  constructor(rounding: Rounding) {
    this.#rounding = rounding;
  }

  process(events: readonly RawEvent[]): PerfettoModel {
    const timed = events.map((event) => ({ event, ns: this.#nsOf(event) }));
    for (const { event, ns } of timed) if (event.ph !== "M" && !(ns >= 0)) this.#problem("a time that is none", event);
    // Stable: what stands first in the file comes first at the same time.
    for (const { event, ns } of timed.sort((a, b) => a.ns - b.ns)) this.#event(event, ns);
    for (const [track, ids] of this.#pending)
      if (ids.length > 0) this.#problems.push(`arrows into nothing on ${track}`);
    const { slices, arrows, counters, names, instants, problems } = {
      slices: this.#slices,
      arrows: this.#arrows,
      counters: this.#counters,
      names: this.#names,
      instants: this.#instants,
      problems: this.#problems,
    };
    return { slices, arrows, counters, names, instants, problems };
  }

  #nsOf({ ph, ts }: RawEvent): number {
    if (ph === "M") return 0;
    if (typeof ts !== "number") return Number.NaN;
    return this.#rounding === "round" ? Math.round(ts * 1000) : Math.trunc(ts * 1000);
  }

  #event(event: RawEvent, ns: number): void {
    const thread = `${event.pid}.${event.tid}`;
    switch (event.ph) {
      case "M": {
        const name = event.args?.name;
        if (typeof name !== "string") {
          this.#problem("a name that is none", event);
          return;
        }
        this.#names.set(event.name === "process_name" ? `${event.pid}` : thread, name);
        return;
      }
      case "B":
        this.#begin(event, thread, ns, -1);
        return;
      case "X": {
        const durationNs = Math.trunc((event.dur ?? Number.NaN) * 1000);
        if (!(durationNs > 0)) this.#problem("a slice without a duration", event);
        this.#begin(event, thread, ns, ns + durationNs);
        return;
      }
      case "E":
        this.#end(event, thread, ns);
        return;
      case "b":
      case "e": {
        if (typeof event.id !== "string") {
          this.#problem("an asynchronous slice without an id", event);
          return;
        }
        // A track of its own for each name, category and id of a process.
        const track = `${event.pid}/${event.cat}/${event.name}/${event.id}`;
        if (event.ph === "b") this.#begin(event, track, ns, -1);
        else this.#end(event, track, ns);
        return;
      }
      case "s": {
        const from = this.#stacks.get(thread)?.at(-1);
        const key = flowOf(event);
        if (from === undefined) {
          this.#problem("an arrow out of nothing", event);
          return;
        }
        if (this.#flows.has(key)) {
          this.#problem("an arrow that begins twice", event);
          return;
        }
        this.#flows.set(key, from);
        return;
      }
      case "f": {
        // Versions differ in what they make of a binding point: there must be none.
        if (event.bp !== undefined) this.#problem("an arrow with a binding point", event);
        if (!this.#flows.has(flowOf(event))) {
          this.#problem("an arrow that comes from nowhere", event);
          return;
        }
        this.#pending.set(thread, [...(this.#pending.get(thread) ?? []), flowOf(event)]);
        return;
      }
      case "C":
        for (const [name, value] of Object.entries(event.args ?? {})) {
          if (typeof value !== "number" || !Number.isFinite(value))
            this.#problem("a counter that counts nothing", event);
          const key = `${event.pid} ${event.name} ${name}`;
          this.#counters.set(key, [...(this.#counters.get(key) ?? []), value as number]);
        }
        return;
      case "i":
        if (event.s !== "g" && event.s !== "p" && event.s !== "t") this.#problem("an instant of nobody", event);
        this.#instants.push(event.name ?? "");
        return;
      default:
        this.#problem("a phase that nobody knows", event);
    }
  }

  #begin(event: RawEvent, track: string, startNs: number, endNs: number): void {
    const stack = this.#stacks.get(track) ?? [];
    this.#stacks.set(track, stack);
    this.#closeEnded(stack, startNs);
    const parent = stack.at(-1);
    if (parent !== undefined && parent.endNs >= 0 && (endNs < 0 || endNs > parent.endNs))
      this.#problem(`a slice that reaches out of "${parent.name}"`, event);
    const { name = "", cat = "", args = {} } = event;
    const slice: Slice = { track, name, cat, startNs, endNs, depth: stack.length, args };
    stack.push(slice);
    this.#slices.push(slice);
    for (const key of this.#pending.get(track) ?? [])
      this.#arrows.push({ name: key.split("/")[1] ?? "", from: this.#flows.get(key) as Slice, to: slice });
    this.#pending.delete(track);
  }

  #end(event: RawEvent, track: string, ns: number): void {
    const stack = this.#stacks.get(track) ?? [];
    this.#closeEnded(stack, ns);
    const at = stack.findLastIndex(
      ({ endNs, name, cat }) =>
        endNs < 0 && (event.cat ?? cat) === cat && (event.name === undefined || event.name === name),
    );
    if (at < 0) {
      this.#problem("an end that closes nothing", event);
      return;
    }
    if (at !== stack.length - 1) this.#problem(`an end across "${stack.at(-1)?.name}"`, event);
    (stack[at] as Slice).endNs = ns;
    stack.splice(at);
  }

  /** As in the processor: only when another slice begins or ends on the track. */
  #closeEnded(stack: Slice[], ns: number): void {
    while (stack.length > 0) {
      const { endNs } = stack.at(-1) as Slice;
      if (endNs < 0 || endNs > ns) return;
      stack.pop();
    }
  }

  #problem(what: string, event: RawEvent): void {
    this.#problems.push(`${what}: ${JSON.stringify(event)}`);
  }
}

function flowOf({ cat, name, id }: RawEvent): string {
  return `${cat}/${name}/${id}`;
}
