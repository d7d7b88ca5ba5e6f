import type { TraceRecord } from "./trace-event.ts";
import type { TraceEnd, TraceHeader } from "./trace-header.ts";
import type { TraceReader } from "./trace-reader.ts";

/** What is in a trace. Plain data. */
export interface TraceInfo {
  readonly name: string;
  readonly header: TraceHeader;
  readonly eventCount: number;
  readonly lostCount: number;
  readonly edgeCount: number;
  /** Of the first and the last event; undefined for a trace without any. */
  readonly firstNs: number | undefined;
  readonly lastNs: number | undefined;
  /** By kind of event, most first. */
  readonly kinds: Readonly<Record<string, number>>;
  /** By the id of the actor. */
  readonly actors: Readonly<Record<string, number>>;
  /** By reason. */
  readonly edges: Readonly<Record<string, number>>;
  /** By device and register, as "ixgbe RDT(0)": the accesses that reached it; the most frequent ones. */
  readonly registers: Readonly<Record<string, number>>;
  readonly frameBytes: { readonly in: number; readonly out: number };
  readonly end: TraceEnd | undefined;
  /** Why it is not whole. */
  readonly damage?: string;
}

const REGISTERS_SHOWN = 12;

/** Reads a trace to its end and says what is in it. Rejects with TraceFormatError for what is none. */
export async function traceInfo(reader: TraceReader, name: string): Promise<TraceInfo> {
  const tally = new Tally();
  for await (const record of reader.records()) tally.see(record);
  const { kinds, actors, edges, registers, frameBytes, eventCount, lostCount, edgeCount, firstNs, lastNs } = tally;
  return {
    name,
    header: reader.header as TraceHeader,
    eventCount,
    lostCount: Math.max(lostCount, reader.end?.lostCount ?? 0),
    edgeCount,
    firstNs,
    lastNs,
    kinds: mostFirst(kinds),
    actors: mostFirst(actors),
    edges: mostFirst(edges),
    registers: mostFirst(registers, REGISTERS_SHOWN),
    frameBytes,
    end: reader.end,
    ...(reader.cut === undefined ? {} : { damage: reader.cut }),
  };
}

class Tally {
  readonly kinds = new Map<string, number>();
  readonly actors = new Map<string, number>();
  readonly edges = new Map<string, number>();
  readonly registers = new Map<string, number>();
  readonly frameBytes = { in: 0, out: 0 };
  eventCount = 0;
  lostCount = 0;
  edgeCount = 0;
  firstNs: number | undefined;
  lastNs: number | undefined;
  #header: TraceHeader | undefined;

  see(record: TraceRecord): void {
    if (record.kind === "header") this.#header = record;
    if (record.kind === "lost") this.lostCount += record.count;
    if (!("seq" in record)) return;
    this.eventCount++;
    this.firstNs ??= record.timeNs;
    this.lastNs = record.timeNs;
    add(this.kinds, record.kind);
    add(this.actors, record.actor);
    for (const { why } of record.after ?? []) {
      this.edgeCount++;
      add(this.edges, why);
    }
    if (record.kind === "register-write" || record.kind === "register-read")
      add(this.registers, `${this.#header?.devices[record.device]?.name ?? record.device} ${record.register}`);
    if (record.kind === "frame-in") this.frameBytes.in += record.byteLength;
    if (record.kind === "frame-out") this.frameBytes.out += record.byteLength;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function mostFirst(counts: ReadonlyMap<string, number>, limit = Number.POSITIVE_INFINITY): Record<string, number> {
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a).slice(0, limit));
}
