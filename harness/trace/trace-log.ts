import type { Clock } from "../../emulator/clock/clock.ts";
import type { TraceDetail } from "./trace-header.ts";
import { NO_CAUSE, TraceRing } from "./trace-ring.ts";

/** What a thread is given to record into. Structured-cloneable. */
export interface TraceChannel {
  /** Memory of a {@link TraceRing}, this thread's alone to write. */
  readonly ring: SharedArrayBuffer;
  /** One word, of all threads: how many events there have been. */
  readonly tickets: SharedArrayBuffer;
  readonly detail: TraceDetail;
  /** A full ring holds this thread up, for ten seconds at most, instead of losing events. For virtual time. */
  readonly waits: boolean;
}

/** A power of two less one. */
const ASIDE_MASK = 0xfff;
const NOTHING = new Uint8Array(0);

/** Writes down what one thread sees. */
export class TraceLog {
  readonly ring: TraceRing;
  readonly detail: TraceDetail;
  /** Ticket of the event whose handler runs at the moment. */
  cause: number = NO_CAUSE;
  /** Called once in a few thousand events: where this thread is also the one that reads. */
  aside: (() => void) | undefined;
  #count = 0;
  readonly #tickets: Int32Array;
  readonly #clock: Clock;

  /** Its ring loses events when it is full, unless the channel says otherwise or somebody sets `ring.relieve`. */
  constructor(channel: TraceChannel, clock: Clock) {
    const ring = new TraceRing(channel.ring);
    if (channel.waits) ring.relieve = () => ring.awaitRoom();
    this.ring = ring;
    this.detail = channel.detail;
    this.#tickets = new Int32Array(channel.tickets);
    this.#clock = clock;
  }

  /** Returns the event's ticket, or {@link NO_CAUSE} when it is lost. `place` is what placeWord makes. */
  note(kind: number, place: number, byteLength: number, a: number, b: number, c: number, d: number): number {
    return this.noteAll(kind, place, byteLength, a, b, c, d, NOTHING, 0, 0, "");
  }

  /** The same with a text. */
  noteText(
    kind: number,
    place: number,
    byteLength: number,
    a: number,
    b: number,
    c: number,
    d: number,
    text: string,
  ): number {
    return this.noteAll(kind, place, byteLength, a, b, c, d, NOTHING, 0, 0, text);
  }

  /** The same with the first bytes of some memory. */
  noteAll(
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
    const { ring } = this;
    if ((++this.#count & ASIDE_MASK) === 0) this.aside?.();
    if (!ring.reserve(dataBytes, text)) return NO_CAUSE;
    // The ticket orders the threads' events: taken before what is noted can be seen elsewhere, or after it was seen here.
    const ticket = Atomics.add(this.#tickets, 0, 1);
    // Exact times are worth more here than speed.
    this.#clock.refresh();
    const { now } = this.#clock;
    ring.put(kind, ticket, now, place, byteLength, a, b, c, d, this.cause, data, dataOffset, dataBytes, text);
    return ticket;
  }
}
