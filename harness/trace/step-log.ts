import type { Clock } from "../../emulator/clock/clock.ts";
import type { TraceDetail } from "./trace-header.ts";
import { TraceLog } from "./trace-log.ts";
import { TraceRing } from "./trace-ring.ts";

const RING_BYTES = 1 << 20;

/** A log of which each event is taken away as soon as it is there: by whoever knows what happens at that moment. */
export class StepLog extends TraceLog {
  readonly #onNoted: (raw: TraceRing) => void;

  constructor(detail: TraceDetail, clock: Clock, onNoted: (raw: TraceRing) => void) {
    const ring = TraceRing.createBuffer(RING_BYTES);
    super({ ring, tickets: new SharedArrayBuffer(4), detail, waits: false }, clock);
    this.#onNoted = onNoted;
  }

  override noteAll(
    kind: number,
    place: number,
    byteLength: number,
    a: number,
    b: number,
    c: number,
    d: number,
    data: Uint8Array,
    dataOffset: number,
    dataBytes: number,
    text: string,
  ): number {
    const ticket = super.noteAll(kind, place, byteLength, a, b, c, d, data, dataOffset, dataBytes, text);
    while (this.ring.peek()) {
      this.#onNoted(this.ring);
      this.ring.release();
    }
    return ticket;
  }
}
