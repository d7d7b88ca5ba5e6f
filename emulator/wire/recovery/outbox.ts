import type { MemoryView } from "../../memory/memory-view.ts";
import { FrameFifo } from "../frame-fifo.ts";
import type { WireSink } from "../wire.ts";

/**
 * Frames that a service sends at times of its own: each is put with the time when it goes out, in any order of times, and
 * goes out behind those put before it, as on one wire.
 */
export class Outbox {
  /** [0]: when the next frame goes out; Infinity when none waits. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  /** Frames that found the outbox full. */
  droppedCount = 0;
  sentCount = 0;
  readonly #fifo: FrameFifo;
  readonly #wire: WireSink;
  readonly #now: Float64Array;
  // [0]: when the youngest frame goes out.
  readonly #last = new Float64Array(1);

  constructor(wire: WireSink, now: Float64Array, byteLength: number = 1 << 20) {
    this.#wire = wire;
    this.#now = now;
    this.#fifo = new FrameFifo(byteLength);
  }

  /** Copies a frame that goes out at `dueNs[0]`, or when the one before it does. */
  put(memory: MemoryView, offset: number, byteLength: number, dueNs: Float64Array): void {
    const fifo = this.#fifo;
    fifo.pushedNs[0] = Math.max(dueNs[0] as number, this.#last[0] as number);
    if (!fifo.push(memory, offset, byteLength, 0)) {
      this.droppedCount++;
      return;
    }
    this.#last[0] = fifo.pushedNs[0] as number;
    if ((fifo.pushedNs[0] as number) < (this.next[0] as number)) this.next[0] = fifo.pushedNs[0] as number;
  }

  /** Sends what is due. */
  pump(): void {
    const fifo = this.#fifo;
    while (fifo.peek() && (fifo.arrivalNs[0] as number) <= (this.#now[0] as number)) {
      this.#wire.deliver(fifo.memory, fifo.offset, fifo.byteLength, 0);
      fifo.release();
      this.sentCount++;
    }
    this.next[0] = fifo.peek() ? (fifo.arrivalNs[0] as number) : Number.POSITIVE_INFINITY;
  }
}
