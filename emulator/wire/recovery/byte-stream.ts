import type { Clock } from "../../clock/clock.ts";
import { MemoryView } from "../../memory/memory-view.ts";
import { Rng } from "../../run/rng.ts";
import { FrameFifo } from "../frame-fifo.ts";

export interface ByteStreamOptions {
  readonly seed?: number;
  /** From writing to reading. Default 20 µs. */
  readonly latencyNs?: number;
  /** The reader gets pieces of 1 to so many bytes, whatever the writer wrote. Default 1,448, a segment's worth. */
  readonly pieceByteLimit?: number;
  /** Bytes that can be under way. Default 8,192. */
  readonly byteLimit?: number;
}

/**
 * One direction of a connection as its two ends see it: bytes arrive in order, completely, after a time, and in pieces that
 * have nothing to do with how they were written. This stands in for TCP and is none: there are no segments, addresses,
 * windows, retransmissions or handshakes, and nothing of it crosses the wire of a card.
 */
export class ByteStream {
  /** [0]: when bytes, or the end, can be read; Infinity when nothing is under way. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  /** Set by {@link read}: where the piece lies. */
  readonly bytes: Uint8Array;
  offset = 0;
  byteLength = 0;
  /** The writer has closed. What is under way can still be read, and the end of it is seen as late as bytes would be. */
  isClosed = false;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #latencyNs: number;
  readonly #pieceByteLimit: number;
  readonly #byteLimit: number;
  #underWayByteLength = 0;
  readonly #fifo: FrameFifo;
  readonly #staging: MemoryView;
  // [0]: when the reader sees the end.
  readonly #end = new Float64Array([Number.POSITIVE_INFINITY]);

  constructor(clock: Clock, options: ByteStreamOptions = {}) {
    this.#clock = clock;
    this.#rng = new Rng(options.seed ?? 1);
    this.#latencyNs = options.latencyNs ?? 20_000;
    this.#pieceByteLimit = options.pieceByteLimit ?? 1448;
    const byteLimit = options.byteLimit ?? 8192;
    this.#byteLimit = byteLimit;
    // A queue has room for one frame in 64 of its bytes, and a piece may be a single byte.
    this.#fifo = new FrameFifo(byteLimit * 64);
    this.bytes = this.#fifo.memory.bytes;
    this.#staging = MemoryView.ofSize(byteLimit);
  }

  /** Takes a copy of the bytes. False, and none are taken, when there is no room for all of them or the stream is closed. */
  write(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const fifo = this.#fifo;
    if (this.isClosed || this.#underWayByteLength + byteLength > this.#byteLimit) return false;
    this.#underWayByteLength += byteLength;
    for (let at = 0; at < byteLength; at++) this.#staging.bytes[at] = bytes[offset + at] as number;
    this.#clock.refresh();
    fifo.pushedNs[0] = (this.#clock.now[0] as number) + this.#latencyNs;
    for (let at = 0; at < byteLength; ) {
      const piece = Math.min(1 + this.#rng.below(this.#pieceByteLimit), byteLength - at);
      fifo.push(this.#staging, at, piece, 0);
      at += piece;
    }
    this.#findNext();
    return true;
  }

  /** Moves to the next piece that has arrived, and forgets the one before; false when there is none. */
  read(): boolean {
    const fifo = this.#fifo;
    if (this.byteLength > 0) {
      fifo.peek();
      fifo.release();
      this.#underWayByteLength -= this.byteLength;
      this.byteLength = 0;
      this.#findNext();
    }
    if (!fifo.peek() || (fifo.arrivalNs[0] as number) > (this.#clock.now[0] as number)) return false;
    this.offset = fifo.offset;
    this.byteLength = fifo.byteLength;
    return true;
  }

  /** No more is written. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#clock.refresh();
    this.#end[0] = (this.#clock.now[0] as number) + this.#latencyNs;
    this.#findNext();
  }

  /** Whether everything was read, and the end too. */
  get isAtEnd(): boolean {
    return this.#fifo.count === 0 && (this.#end[0] as number) <= (this.#clock.now[0] as number);
  }

  #findNext(): void {
    this.next[0] = this.#fifo.peek() ? (this.#fifo.arrivalNs[0] as number) : (this.#end[0] as number);
  }
}
