import type { Clock } from "../clock/clock.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import { FrameFifo } from "./frame-fifo.ts";
import { wireTimePs } from "./line-rate.ts";

/** Takes frames at the end of a wire. The memory is the sender's and must not be kept. */
export interface WireSink {
  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void;
}

/**
 * One direction of a wire. A frame arrives when its last bit has: the time of preamble, frame, FCS and gap at the line
 * rate after the frame before it (IEEE 802.3 4.2). In virtual time that is exact. On the wall clock simulated cards are
 * slower than the wire, and frames arrive at the next turn.
 */
export class WireLane implements WireSink {
  readonly #clock: Clock;
  readonly #sink: WireSink;
  readonly #gigabitsPerSecond: number;
  readonly #fifo: FrameFifo;
  /**
   * `[0]`: when the wire is free again, in picoseconds: whole ones at every Ethernet rate, so that sums do not drift.
   * `[1]`: arrival of the oldest frame in nanoseconds, Infinity when there is none.
   */
  readonly #times = new Float64Array([0, Number.POSITIVE_INFINITY]);
  /** Frames that found the lane's buffer full. A sender faster than its wire loses them, as a card without a FIFO would. */
  lostCount = 0;

  constructor(clock: Clock, sink: WireSink, gigabitsPerSecond: number, bufferBytes: number = 1 << 20) {
    this.#clock = clock;
    this.#sink = sink;
    this.#gigabitsPerSecond = gigabitsPerSecond;
    this.#fifo = new FrameFifo(bufferBytes);
  }

  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const times = this.#times;
    const now = this.#clock.now[0] as number;
    const startPs = Math.max(now * 1000, times[0] as number);
    const freePs = startPs + wireTimePs(byteLength, this.#gigabitsPerSecond);
    const arrival = this.#clock.kind === "virtual" ? freePs / 1000 : now;
    this.#fifo.pushedNs[0] = arrival;
    if (!this.#fifo.push(memory, offset, byteLength, flags)) {
      this.lostCount++;
      return;
    }
    times[0] = freePs;
    if (arrival < (times[1] as number)) times[1] = arrival;
  }

  /** Delivers what has arrived by now, at most `budget` frames. False when nothing did. */
  pump(budget: number): boolean {
    if (this.#fifo.count === 0) return false;
    const fifo = this.#fifo;
    let delivered = false;
    while (
      budget-- > 0 &&
      fifo.peek() &&
      fifo.arrivalNs[0] !== undefined &&
      fifo.arrivalNs[0] <= (this.#clock.now[0] as number)
    ) {
      this.#sink.deliver(fifo.memory, fifo.offset, fifo.byteLength, fifo.flags);
      fifo.release();
      delivered = true;
    }
    this.#times[1] = fifo.peek() ? (fifo.arrivalNs[0] as number) : Number.POSITIVE_INFINITY;
    return delivered;
  }

  /** Index 1 is when the oldest frame arrives, in nanoseconds; Infinity when the lane is empty. */
  get times(): Float64Array {
    return this.#times;
  }

  get isEmpty(): boolean {
    return this.#fifo.count === 0;
  }

  /** True when it delivers nothing before time passes. */
  get isIdle(): boolean {
    return this.#fifo.count === 0 || (this.#times[1] as number) > (this.#clock.now[0] as number);
  }
}
