import { Rng } from "../../emulator/run/rng.ts";
import type { EdgeReason, TraceEvent, TraceRecord } from "../../harness/trace/trace-event.ts";
import { TRACE_VERSION, type TraceEnd, type TraceHeader } from "../../harness/trace/trace-header.ts";

const RING_SIZE = 256;
const HEADER: TraceHeader = {
  kind: "header",
  softbarTrace: TRACE_VERSION,
  run: "folded",
  title: "a synthetic transmit run",
  clock: "virtual",
  originNs: 0,
  devices: [
    {
      name: "ixgbe",
      about: "Intel 82599",
      wirePortCount: 1,
      vectorCount: 64,
      rings: [{ name: "transmit queue", count: 128, tail: "TDT", head: "TDH" }],
    },
  ],
  actors: [
    { id: "cpu0", kind: "cpu", name: "CPU 0", cpu: 0 },
    { id: "cpu0.handler", kind: "handler", name: "CPU 0, handler", cpu: 0 },
    { id: "device0", kind: "device", name: "ixgbe", device: 0 },
  ],
  detail: { frameBytes: 16, dmaBytes: 16, memory: true },
};

/** Leaves out of a member of a union what the writer fills in itself. */
type Draft = TraceEvent extends infer Each
  ? Each extends TraceEvent
    ? Omit<Each, "seq" | "timeNs" | "after">
    : never
  : never;

/**
 * A driver that sends frames through a card, as a trace of so many events: doorbells, descriptor fetches, frames,
 * write-backs, interrupts and their handlers, with all edges. The same seed gives the same trace.
 */
export class SyntheticTrace {
  readonly header: TraceHeader = HEADER;
  readonly events: TraceEvent[] = [];
  readonly #rng: Rng;
  #timeNs = 0;
  #tail = 0;

  constructor(eventCount: number, seed: number) {
    this.#rng = new Rng(seed);
    for (let round = 0; this.events.length < eventCount; round++) this.#frame(round);
    this.events.length = eventCount;
  }

  get end(): TraceEnd {
    return { kind: "end", eventCount: this.events.length, lostCount: 0, reason: "complete", message: "" };
  }

  records(): TraceRecord[] {
    return [this.header, ...this.events, this.end];
  }

  /** As the lines of a file. */
  lines(): string[] {
    return this.records().map((record) => JSON.stringify(record));
  }

  #frame(round: number): void {
    const length = 60 + this.#rng.below(1400);
    this.#tail = (this.#tail + 1) % RING_SIZE;
    const value = `0x${this.#tail.toString(16).padStart(8, "0")}`;
    const register = { device: 0, bar: 0, offset: 0x6018, byteLength: 4, register: "TDT(0)" };
    const iova = 0x1_0001_0000 + 16 * this.#tail;
    const place = { device: 0, iova, buffer: "tx ring 0", bufferOffset: 16 * this.#tail };
    const store = this.#add({
      kind: "memory-write",
      actor: "cpu0",
      byteLength: 8,
      buffer: "tx ring 0",
      bufferOffset: 16 * this.#tail,
      value: "0x0000000100020000",
      order: "plain",
      line: "my-driver.ts:88",
    });
    const post = this.#add({ kind: "mmio-write", actor: "cpu0", ...register, value, line: "my-driver.ts:94" });
    const arrival = this.#add({ kind: "register-write", actor: "device0", ...register, value, doorbell: true }, [
      post,
      "post",
    ]);
    const head = (this.#tail + RING_SIZE - 1 - this.#rng.below(40)) % RING_SIZE;
    const occupied = (this.#tail - head + RING_SIZE) % RING_SIZE;
    this.#add({
      kind: "ring",
      actor: "device0",
      device: 0,
      ring: "transmit queue 0",
      head,
      tail: this.#tail,
      occupied,
      size: RING_SIZE,
    });
    const fetch = this.#add(
      {
        kind: "dma-read",
        actor: "device0",
        ...place,
        byteLength: 16,
        purpose: `descriptor ${this.#tail} of transmit queue 0`,
      },
      [arrival, "doorbell"],
    );
    this.#add(
      {
        kind: "dma-data",
        actor: "device0",
        ...place,
        byteLength: 16,
        bytes: "00000200010000003c00000b00000000",
        records: [{ layout: "transmit data descriptor", offset: 0, fields: { DTALEN: length, DCMD: 0x2b } }],
      },
      [fetch, "completion"],
      [store, "reads"],
    );
    this.#add({
      kind: "frame-out",
      actor: "device0",
      device: 0,
      port: 0,
      byteLength: length,
      bytes: "ffffffffffff0200000000010800",
    });
    const back = this.#add({
      kind: "dma-write",
      actor: "device0",
      ...place,
      byteLength: 16,
      flagOffset: 12,
      purpose: `write-back of descriptor ${this.#tail}`,
    });
    if (round % 500 === 137) {
      this.#add({
        kind: "finding",
        actor: "device0",
        device: 0,
        severity: "violation",
        rule: "tail-beyond-ring",
        message: `TDT(0) was set to ${RING_SIZE + round}, beyond a ring of ${RING_SIZE}. Wrap the tail.`,
        line: "my-driver.ts:94",
      });
    }
    const message = this.#add({ kind: "interrupt", actor: "device0", device: 0, mode: "msix", vector: 0 });
    this.#add({ kind: "handler-enter", actor: "cpu0.handler", device: 0, vector: 0 }, [message, "raise"]);
    this.#add(
      {
        kind: "memory-read",
        actor: "cpu0.handler",
        byteLength: 4,
        buffer: "tx ring 0",
        bufferOffset: 16 * this.#tail + 12,
        value: "0x00000001",
        order: "acquire",
        line: "my-driver.ts:131",
      },
      [back, "reads"],
    );
    const read = this.#add({
      kind: "mmio-read",
      actor: "cpu0.handler",
      device: 0,
      bar: 0,
      offset: 0x800,
      byteLength: 4,
      register: "EICR",
    });
    const answer = this.#add(
      {
        kind: "register-read",
        actor: "device0",
        device: 0,
        bar: 0,
        offset: 0x800,
        byteLength: 4,
        register: "EICR",
        value: "0x00000001",
        fields: { RTXQ: 1 },
      },
      [read, "request"],
    );
    this.#add(
      {
        kind: "mmio-answer",
        actor: "cpu0.handler",
        device: 0,
        bar: 0,
        offset: 0x800,
        byteLength: 4,
        register: "EICR",
        value: "0x00000001",
        fields: { RTXQ: 1 },
      },
      [answer, "completion"],
    );
    this.#add({ kind: "handler-exit", actor: "cpu0.handler", device: 0, vector: 0 });
  }

  /** Appends an event some nanoseconds later; returns its number. */
  #add(draft: Draft, ...edges: readonly (readonly [from: number, why: EdgeReason])[]): number {
    const seq = this.events.length;
    this.#timeNs += 5 + this.#rng.below(20) * (this.#rng.below(12) === 0 ? 60 : 1);
    const after = edges.map(([from, why]) => ({ from, why }));
    this.events.push({ seq, timeNs: this.#timeNs, ...draft, ...(after.length === 0 ? {} : { after }) } as TraceEvent);
    return seq;
  }
}
