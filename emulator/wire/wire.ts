import type { Clock } from "../clock/clock.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import { FrameFifo } from "./frame-fifo.ts";
import type { FrameQueue } from "./frame-queue.ts";
import { FRAME_OVERHEAD_BYTE_LENGTH, MIN_FRAME_BYTE_LENGTH, wireByteLength } from "./line-rate.ts";

/** Takes frames at the end of a wire. The memory is the sender's and must not be kept. */
export interface WireSink {
  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void;
}

/** The near end of a wire, as its sender has it. */
export interface Wire extends WireSink {
  /**
   * How long the wire is busy with what was sent, in whole nanoseconds (int32, so that nothing is allocated); 0 when it
   * is free. As of the clock's last look: on the wall clock, a sender that would wait for it refreshes the clock first.
   */
  backlogNs(): number;
  /** Frames that found no room. A sender that minds {@link backlogNs} loses none. */
  readonly lostCount: number;
}

const BACKLOG_NS_MAX: number = 2 ** 31 - 1;

/** Keeps account of a line: preamble, frame, FCS and gap take their time at the line rate (IEEE 802.3 4.2). */
class LinePace {
  readonly #nsPerByte: number;
  readonly #psPerByte: number;
  /**
   * `[0]`: when the line is free again, in picoseconds: whole ones at every Ethernet rate, so that sums do not drift. Of
   * a wall clock, since it was first looked at: the picoseconds of months of uptime are no whole numbers any more.
   */
  readonly freePs: Float64Array = new Float64Array(1);
  readonly #now: Float64Array;
  readonly #originNs: number;

  constructor(clock: Clock, gigabitsPerSecond: number) {
    this.#nsPerByte = 8 / gigabitsPerSecond;
    this.#psPerByte = 8000 / gigabitsPerSecond;
    this.#now = clock.now;
    this.#originNs = clock.kind === "virtual" ? 0 : (clock.now[0] as number);
  }

  /** So many bytes of link time go out from `fromNs[0]` on, or behind those before them. A double as argument would be boxed. */
  take(fromNs: Float64Array, wireBytes: number): void {
    // Comparisons, here and below: Math.max and Math.min box their doubles where the caller is not optimised.
    let startPs = ((fromNs[0] as number) - this.#originNs) * 1000;
    if ((this.freePs[0] as number) > startPs) startPs = this.freePs[0] as number;
    this.freePs[0] = startPs + wireBytes * this.#psPerByte;
  }

  /** The longer of the line's time and that of `waitingBytes` which nobody has taken. */
  backlogNs(waitingBytes: number): number {
    let backlogNs = (this.freePs[0] as number) / 1000 + this.#originNs - (this.#now[0] as number);
    const waitingNs = waitingBytes * this.#nsPerByte;
    if (waitingNs > backlogNs) backlogNs = waitingNs;
    if (backlogNs <= 0) return 0;
    if (backlogNs >= BACKLOG_NS_MAX) return BACKLOG_NS_MAX | 0;
    return Math.ceil(backlogNs) | 0;
  }
}

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const SHORTEST_BYTES: number = MIN_FRAME_BYTE_LENGTH;
const OVERHEAD_BYTES: number = FRAME_OVERHEAD_BYTE_LENGTH;
/** Bytes after which an {@link OpenWire} looks at the time: far fewer than any card's buffer. */
const BYTES_PER_LOOK = 4096;

/**
 * The end of a wire that leads to the test, which takes frames at once, counts them, and keeps them if they are wanted.
 * Nothing waits here, and yet a sender that minds the backlog sends no faster than the line. It is asked once for some
 * hundred frames, so the frames between are added up, from the time of the first of them.
 */
export class OpenWire implements Wire {
  frameCount = 0;
  readonly lostCount = 0;
  #bytes = 0;
  /** `[0]`: when the first of them was sent. */
  readonly #sinceNs = new Float64Array(1);
  readonly #pace: LinePace;
  readonly #now: Float64Array;
  readonly #queue: FrameQueue | undefined;

  constructor(clock: Clock, queue: FrameQueue | undefined, gigabitsPerSecond: number) {
    this.#pace = new LinePace(clock, gigabitsPerSecond);
    this.#now = clock.now;
    this.#queue = queue;
  }

  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.frameCount++;
    if (this.#bytes === 0) this.#sinceNs[0] = this.#now[0] as number;
    const bytes = (this.#bytes + Math.max(byteLength, SHORTEST_BYTES) + OVERHEAD_BYTES) | 0;
    this.#bytes = bytes;
    if (bytes >= BYTES_PER_LOOK) this.#settle();
    this.#queue?.deliver(memory, offset, byteLength, flags);
  }

  backlogNs(): number {
    this.#settle();
    return this.#pace.backlogNs(0);
  }

  #settle(): void {
    this.#pace.take(this.#sinceNs, this.#bytes);
    this.#bytes = 0;
  }
}

/**
 * One direction of a wire. A frame arrives when its last bit has. In virtual time that is exact. On the wall clock it
 * arrives at the next turn of the far end, which may be later or sooner; the line is only kept account of.
 */
export class WireLane implements Wire {
  /** Frames that found the lane's buffer full: those of a sender that is faster than its wire and does not ask. */
  lostCount = 0;
  readonly #clock: Clock;
  readonly #sink: WireSink;
  readonly #pace: LinePace;
  readonly #fifo: FrameFifo;
  /** `[0]`: arrival of the oldest frame in nanoseconds, Infinity when there is none. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);

  constructor(clock: Clock, sink: WireSink, gigabitsPerSecond: number, bufferBytes: number = 1 << 20) {
    this.#clock = clock;
    this.#sink = sink;
    this.#pace = new LinePace(clock, gigabitsPerSecond);
    this.#fifo = new FrameFifo(bufferBytes);
  }

  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const before = this.#pace.freePs[0] as number;
    const { now } = this.#clock;
    this.#pace.take(now, wireByteLength(byteLength));
    const arrival = this.#clock.kind === "virtual" ? (this.#pace.freePs[0] as number) / 1000 : (now[0] as number);
    this.#fifo.pushedNs[0] = arrival;
    if (!this.#fifo.push(memory, offset, byteLength, flags)) {
      this.#pace.freePs[0] = before;
      this.lostCount++;
      return;
    }
    if (arrival < (this.next[0] as number)) this.next[0] = arrival;
  }

  backlogNs(): number {
    // On the wall clock a frame also waits until the far end has its turn.
    return this.#pace.backlogNs(this.#clock.kind === "virtual" ? 0 : this.#fifo.usedBytes);
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
    this.next[0] = fifo.peek() ? (fifo.arrivalNs[0] as number) : Number.POSITIVE_INFINITY;
    return delivered;
  }

  get isEmpty(): boolean {
    return this.#fifo.count === 0;
  }

  /** True when it delivers nothing before time passes. */
  get isIdle(): boolean {
    return this.#fifo.count === 0 || (this.next[0] as number) > (this.#clock.now[0] as number);
  }
}
