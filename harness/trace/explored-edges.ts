import * as k from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import type { EdgeReason, TraceEdge } from "./trace-event.ts";

/** Why something that was on its way comes after the step that sent it. */
const REASONS: Readonly<Record<number, EdgeReason>> = {
  [k.BUFFERED_STORE]: "drain",
  [k.BUFFERED_IO]: "drain",
  [k.COMBINED_WRITE]: "drain",
  [k.POSTED_WRITE]: "post",
  [k.READ_REQUEST]: "request",
  [k.COMPLETION]: "completion",
  [k.DMA_FETCH]: "completion",
  [k.DMA_LANDING]: "land",
  [k.MESSAGE_LANDING]: "land",
  [k.LINE_LANDING]: "land",
  [k.INTERRUPT]: "raise",
  [k.EVENT]: "timer",
};

const STORES: ReadonlySet<number> = new Set([k.STORE, k.STORE_RELEASE, k.UNLOCK]);
const ATOMICS: ReadonlySet<number> = new Set([k.STORE_ATOMIC, k.ADD, k.EXCHANGE, k.COMPARE_EXCHANGE, k.LOCK]);
const LOADS: ReadonlySet<number> = new Set([k.LOAD, k.LOAD_ACQUIRE, k.LOAD_ATOMIC, k.POLL]);
/** Of an event of a device that is a frame from the wire: its context. */
const FRAME_CONTEXT = 1;

interface Landing {
  readonly step: number;
  readonly address: number;
  readonly byteLength: number;
}

/** A store that waits in a store buffer. */
interface Waiting extends Landing {
  readonly cpu: number;
}

/** Finds out, step by step, in their order, what each step of an explored run comes after. */
export class ExploredEdges {
  readonly #machine: Machine;
  readonly #trace: StepTrace;
  /** What has landed in memory, oldest first. */
  readonly #landings: Landing[] = [];
  readonly #waiting: Waiting[] = [];
  /** By vector: the last message or change of a line. */
  readonly #arrivals = new Map<number, number>();
  /** Stores that were put into a store buffer, by their step. */
  readonly #buffered = new Set<number>();

  constructor(machine: Machine, trace: StepTrace) {
    this.#machine = machine;
    this.#trace = trace;
    for (let at = 0; at < trace.count; at++)
      if (isEntry(trace, at) && trace.kind[at] === k.BUFFERED_STORE) this.#buffered.add(trace.cause[at] as number);
  }

  /** The edges into step `at`; to be asked for each step, in order. `isUnderWay`: stores that the run leaves in buffers. */
  into(at: number, isWeak: boolean): TraceEdge[] {
    return isEntry(this.#trace, at) ? this.#entry(at) : this.#thread(at, isWeak);
  }

  #entry(at: number): TraceEdge[] {
    const { trace } = { trace: this.#trace };
    const kind = trace.kind[at] as number;
    const cause = trace.cause[at] as number;
    const isFrame = kind === k.EVENT && trace.operand[at] === FRAME_CONTEXT;
    const why = isFrame ? "wire" : REASONS[kind];
    const edges: TraceEdge[] = cause < 0 || why === undefined ? [] : [{ from: cause, why }];
    if (kind === k.DMA_FETCH) edges.push(...this.#newest(at, 0));
    if (kind === k.BUFFERED_STORE) {
      const index = this.#waiting.findIndex(({ step }) => step === cause);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
    if (kind === k.BUFFERED_STORE || kind === k.DMA_LANDING) this.#land(at);
    if (kind === k.MESSAGE_LANDING || kind === k.LINE_LANDING) this.#arrivals.set(trace.address[at] as number, at);
    return edges;
  }

  #thread(at: number, isWeak: boolean): TraceEdge[] {
    const trace = this.#trace;
    const kind = trace.kind[at] as number;
    if (LOADS.has(kind)) return this.#isForwarded(at) ? [] : this.#newest(at, trace.versions[at] as number);
    if (kind === k.WAIT_INTERRUPT) {
      const from = this.#arrivals.get(trace.operand[at] as number);
      return from === undefined ? [] : [{ from, why: "raise" }];
    }
    if (STORES.has(kind)) {
      if (isWeak || this.#buffered.has(at)) this.#waiting.push({ ...this.#place(at), cpu: this.#cpuOf(at) });
      else this.#land(at);
      return [];
    }
    if (!ATOMICS.has(kind)) return [];
    const edges = kind === k.STORE_ATOMIC ? [] : this.#newest(at, 0);
    this.#land(at);
    return edges;
  }

  /** What landed last, or `version` landings before, where step `at` reads. */
  #newest(at: number, version: number): TraceEdge[] {
    let left = version;
    for (let index = this.#landings.length - 1; index >= 0; index--) {
      const landing = this.#landings[index] as Landing;
      if (!overlaps(landing, this.#place(at))) continue;
      if (left-- === 0) return [{ from: landing.step, why: "reads" }];
    }
    return [];
  }

  /** A CPU sees its own stores before others do. */
  #isForwarded(at: number): boolean {
    const cpu = this.#cpuOf(at);
    return this.#waiting.some((store) => store.cpu === cpu && overlaps(store, this.#place(at)));
  }

  #land(at: number): void {
    this.#landings.push(this.#place(at));
  }

  #place(at: number): Landing {
    const { address, byteLength } = this.#trace;
    return { step: at, address: address[at] as number, byteLength: byteLength[at] as number };
  }

  #cpuOf(at: number): number {
    return this.#machine.threads[this.#trace.actor[at] as number]?.cpu ?? -1;
  }
}

/** Whether a step is that of something on its way, and not of a thread. */
export function isEntry(trace: StepTrace, at: number): boolean {
  return (trace.actor[at] as number) >= k.THREAD_LIMIT;
}

function overlaps(a: Landing, b: Landing): boolean {
  return a.address < b.address + b.byteLength && b.address < a.address + a.byteLength;
}
