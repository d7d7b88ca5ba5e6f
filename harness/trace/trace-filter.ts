import { parseDuration } from "../../emulator/clock/duration.ts";
import { SeqWindow } from "./seq-window.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";

/** Which events of a trace are wanted; what is not said leaves all. Patterns may have * and ?, and case does not count. */
export interface TraceFilterOptions {
  /** Names of devices, or their numbers. */
  readonly devices?: readonly string[];
  /** Names of registers: "RDT*". Only accesses to registers are left then. */
  readonly registers?: readonly string[];
  /** Kinds of events: "dma-*". */
  readonly kinds?: readonly string[];
  /** Ids or names of actors: "cpu0", "*.handler". */
  readonly actors?: readonly string[];
  /** From the origin of the trace, in nanoseconds; the end is not in it. */
  readonly fromNs?: number;
  readonly toNs?: number;
  /** Of an explored run: its set-up, or what comes behind it, which is all of any other run. */
  readonly part?: TracePart;
}

export const TRACE_PARTS = ["set-up", "run"] as const;
export type TracePart = (typeof TRACE_PARTS)[number];

/** Takes events out of a trace, and with them the edges that lead from them. */
export class TraceFilter {
  readonly #options: TraceFilterOptions;
  readonly #registers: RegExp | undefined;
  readonly #kinds: RegExp | undefined;
  readonly #actors: RegExp | undefined;
  /** By number: whether events of the device are wanted. */
  #devices: readonly boolean[] | undefined;
  readonly #actorIds = new Map<string, boolean>();
  readonly #kept = new SeqWindow();

  constructor(options: TraceFilterOptions) {
    this.#options = options;
    this.#registers = patternOf(options.registers);
    this.#kinds = patternOf(options.kinds);
    this.#actors = patternOf(options.actors);
  }

  /** True when it leaves everything. */
  get isEmpty(): boolean {
    return this.text() === "";
  }

  /** The record as it is to go on, or undefined. Sees all records of a trace in their order. */
  filtered(record: TraceRecord): TraceRecord | undefined {
    if (record.kind === "header") return this.#header(record);
    if (record.kind === "actor") this.#seeActor(record.actor.id, record.actor.name);
    if (!isEvent(record)) return record;
    if (!this.wants(record)) return undefined;
    this.#kept.set(record.seq, 0, 0);
    const { after } = record;
    if (after === undefined) return record;
    const left = after.filter(({ from }) => this.#kept.has(from));
    if (left.length === after.length) return record;
    const { after: _, ...rest } = record;
    return (left.length === 0 ? rest : { ...record, after: left }) as TraceEvent;
  }

  /** Whether an event is wanted. The header must have been seen before. */
  wants(event: TraceEvent): boolean {
    const { fromNs = 0, toNs = Number.POSITIVE_INFINITY, part } = this.#options;
    if (part !== undefined && (event.setUp === true) !== (part === "set-up")) return false;
    if (event.timeNs < fromNs || event.timeNs >= toNs) return false;
    if (this.#kinds?.test(event.kind) === false) return false;
    if (this.#actors !== undefined && !this.#isActor(event.actor)) return false;
    if (this.#registers !== undefined)
      if (!("register" in event) || event.register === undefined || !this.#registers.test(event.register)) return false;
    if (this.#devices === undefined) return true;
    return "device" in event && event.device !== undefined && this.#devices[event.device] === true;
  }

  /** "registers RDT*, kinds dma-*": what it leaves, for people; empty when that is everything. */
  text(): string {
    const { devices, registers, kinds, actors, fromNs, toNs, part } = this.#options;
    const list = (name: string, words: readonly string[] | undefined): string[] =>
      words === undefined ? [] : [`${name} ${words.join(" ")}`];
    return [
      ...list("devices", devices),
      ...list("registers", registers),
      ...list("kinds", kinds),
      ...list("actors", actors),
      ...(fromNs === undefined ? [] : [`from ${fromNs} ns`]),
      ...(toNs === undefined ? [] : [`to ${toNs} ns`]),
      ...(part === undefined ? [] : [`the ${part}`]),
    ].join(", ");
  }

  #header(header: TraceHeader): TraceHeader {
    const { devices } = this.#options;
    if (devices !== undefined) {
      const pattern = patternOf(devices) as RegExp;
      this.#devices = header.devices.map(({ name }, number) => pattern.test(name) || devices.includes(String(number)));
    }
    for (const { id, name } of header.actors) this.#seeActor(id, name);
    if (this.isEmpty) return header;
    return { ...header, filter: [header.filter, this.text()].filter((text) => text !== undefined).join("; ") };
  }

  #seeActor(id: string, name: string): void {
    if (this.#actors === undefined) return;
    this.#actorIds.set(id, this.#actors.test(id) || this.#actors.test(name));
  }

  #isActor(id: string): boolean {
    return this.#actorIds.get(id) ?? this.#actors?.test(id) === true;
  }
}

/** "RDT*" and so on as one expression; undefined for no words. */
function patternOf(words: readonly string[] | undefined): RegExp | undefined {
  if (words === undefined) return undefined;
  const sources = words.map((word) =>
    word
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", "."),
  );
  return new RegExp(`^(?:${sources.join("|")})$`, "i");
}

/** "1.5ms..2ms", "..10us", "3s..": a window of time. @throws RangeError for anything else. */
export function parseTimeWindow(text: string): Pick<TraceFilterOptions, "fromNs" | "toNs"> {
  const [from, to, ...rest] = text.split("..");
  if (from === undefined || to === undefined || rest.length > 0 || (from === "" && to === ""))
    throw new RangeError(`"${text}" is no window of time: want 1.5ms..2ms, ..10us or 3s..`);
  const window = {
    ...(from === "" ? {} : { fromNs: parseDuration(from) }),
    ...(to === "" ? {} : { toNs: parseDuration(to) }),
  };
  if ((window.fromNs ?? 0) >= (window.toNs ?? Number.POSITIVE_INFINITY))
    throw new RangeError(`"${text}" ends before it begins`);
  return window;
}
