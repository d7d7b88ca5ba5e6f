import { ArmedTimers } from "./armed-timers.ts";
import { MemoryWriters } from "./memory-writers.ts";
import type { EdgeReason, TraceEdge } from "./trace-event.ts";
import { NO_CAUSE, type TraceRing } from "./trace-ring.ts";

/** Posted writes of a CPU that are on their way: a request ring holds fewer. What is older was refused. */
const POSTED_LIMIT = 1024;
/** DMA reads of a device that are not answered. What is older was cancelled. */
const READ_LIMIT = 4096;
const FRAME_LIMIT = 4096;

interface PostedWrite {
  readonly bar: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly low: number;
  readonly high: number;
  readonly seq: number;
}

interface CpuRead {
  readonly device: number;
  readonly bar: number;
  readonly offset: number;
  readonly seq: number;
  arrivedAt: number;
}

/** A DMA read that a device has asked for. */
export interface AskedRead {
  readonly tag: number;
  readonly context: number;
  readonly high: number;
  readonly low: number;
  readonly about: string;
  readonly seq: number;
}

/** What reached a device last: what it does within that names it by its ticket. */
interface Arrival {
  readonly ticket: number;
  readonly seq: number;
  readonly isDoorbell: boolean;
}

/** Finds out, event by event, in their order, what each comes after. */
export class EdgeFinder {
  readonly writers: MemoryWriters = new MemoryWriters();
  readonly timers: ArmedTimers = new ArmedTimers();
  /** By device, then CPU. */
  readonly #posted: PostedWrite[][][] = [];
  /** By CPU: the read that it waits for. */
  readonly #reads: (CpuRead | undefined)[] = [];
  /** By device. */
  readonly #asked: AskedRead[][] = [];
  readonly #arrivals: (Arrival | undefined)[] = [];
  readonly #raised = new Map<string, number>();
  readonly #cables: ReadonlyMap<string, string>;
  readonly #sent = new Map<string, { readonly seq: number; readonly byteLength: number }[]>();

  /** `cables`: pairs of (device, port), as the testbed was asked for. */
  constructor(cables: readonly (readonly [readonly [number, number], readonly [number, number]])[]) {
    this.#cables = new Map(
      cables.flatMap(([near, far]) => [[near.join(), far.join()] as const, [far.join(), near.join()] as const]),
    );
  }

  /** A CPU posts a write that a device will see. */
  posted({ device, cpu, a, b, c, d, byteLength }: TraceRing, seq: number): void {
    const queue = at(at(this.#posted, device), cpu);
    queue.push({ bar: a, offset: b, byteLength, low: c, high: d, seq });
    if (queue.length > POSTED_LIMIT) queue.shift();
  }

  /** A write arrives. */
  written(ring: TraceRing, seq: number, isDoorbell: boolean): TraceEdge | undefined {
    this.arrived(ring, seq, isDoorbell);
    let best: PostedWrite[] | undefined;
    let bestIndex = POSTED_LIMIT;
    for (const queue of this.#posted[ring.device] ?? []) {
      const index = queue?.findIndex((write) => isSameWrite(write, ring)) ?? -1;
      if (index < 0 || index >= bestIndex) continue;
      best = queue;
      bestIndex = index;
    }
    // Writes of one CPU arrive in order: what was in front of it was refused on the way.
    return best === undefined ? undefined : edge((best.splice(0, bestIndex + 1).at(-1) as PostedWrite).seq, "post");
  }

  /** A CPU begins a read. */
  asks({ cpu, device, a, b }: TraceRing, seq: number): void {
    this.#reads[cpu] = { device, bar: a, offset: b, seq, arrivedAt: -1 };
  }

  /** The read of a CPU arrives. */
  read({ device, a, b }: TraceRing, seq: number): TraceEdge | undefined {
    const asker = this.#reads.find(
      (read) => read?.arrivedAt === -1 && read.device === device && read.bar === a && read.offset === b,
    );
    if (asker === undefined) return undefined;
    asker.arrivedAt = seq;
    return edge(asker.seq, "request");
  }

  /** The read of a CPU is answered. */
  answered({ cpu }: TraceRing): TraceEdge | undefined {
    const read = this.#reads[cpu];
    this.#reads[cpu] = undefined;
    return read === undefined || read.arrivedAt < 0 ? undefined : edge(read.arrivedAt, "completion");
  }

  /** Something reaches a device. */
  arrived({ device, ticket }: TraceRing, seq: number, isDoorbell = false): void {
    this.#arrivals[device] = { ticket, seq, isDoorbell };
  }

  /** What this event was set off by, within the same device. */
  cause({ device, cause }: TraceRing): TraceEdge | undefined {
    const arrival = this.#arrivals[device];
    if (cause === NO_CAUSE || arrival?.ticket !== cause) return undefined;
    return edge(arrival.seq, arrival.isDoorbell ? "doorbell" : "effect");
  }

  /** A device asks for host memory. */
  asksMemory({ device, a, b, c, d }: TraceRing, about: string, seq: number): void {
    const asked = at(this.#asked, device);
    asked.push({ tag: c, context: d, high: a, low: b, about, seq });
    if (asked.length > READ_LIMIT) asked.shift();
  }

  /** Host memory is here, or was refused: the read that it answers. */
  answersMemory({ device, a, b }: TraceRing): AskedRead | undefined {
    const asked = this.#asked[device];
    const index = asked?.findIndex(({ tag, context }) => tag === a && context === b) ?? -1;
    return index < 0 ? undefined : asked?.splice(index, 1)[0];
  }

  /** A reset: what was asked for is not answered any more. */
  reset(device: number): void {
    this.#asked[device] = [];
    this.timers.reset(device);
  }

  raised(device: number, vector: number, seq: number): void {
    this.#raised.set(`${device}.${vector}`, seq);
  }

  taken(device: number, vector: number): TraceEdge | undefined {
    const seq = this.#raised.get(`${device}.${vector}`);
    return seq === undefined ? undefined : edge(seq, "raise");
  }

  frameOut({ device, a, byteLength }: TraceRing, seq: number): void {
    const far = this.#cables.get(`${device},${a}`);
    if (far === undefined) return;
    const sent = this.#sent.get(far) ?? [];
    this.#sent.set(far, sent);
    sent.push({ seq, byteLength });
    if (sent.length > FRAME_LIMIT) sent.shift();
  }

  frameIn({ device, a, byteLength }: TraceRing): TraceEdge | undefined {
    const sent = this.#sent.get(`${device},${a}`);
    // In order; frames that the wire has lost are passed over.
    const index = sent?.findIndex((frame) => frame.byteLength === byteLength) ?? -1;
    if (sent === undefined || index < 0) return undefined;
    return edge((sent.splice(0, index + 1).at(-1) as { readonly seq: number }).seq, "wire");
  }
}

function edge(from: number, why: EdgeReason): TraceEdge {
  return { from, why };
}

function at<Item>(lists: Item[][], index: number): Item[] {
  lists[index] ??= [];
  return lists[index] as Item[];
}

function isSameWrite(write: PostedWrite, { a, b, byteLength, c, d }: TraceRing): boolean {
  if (write.bar !== a || write.offset !== b || write.byteLength !== byteLength) return false;
  const mask = byteLength >= 4 ? -1 : (1 << (8 * byteLength)) - 1;
  return (write.low & mask) === (c & mask) && write.high === d;
}
