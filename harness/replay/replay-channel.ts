/**
 * What the three threads of a replay tell each other while it runs, in shared memory: the reader (main thread), the
 * replayer (device thread) and the driver's sink. Every word has one writer.
 */

/** Where the replayer stands. */
export const REPLAY_WAITS_FOR_START = 0;
/** Injecting, or out of frames because the reader is slower. */
export const REPLAY_RUNS = 1;
/** The next frame is not due yet. */
export const REPLAY_WAITS_FOR_TIME = 2;
/** The next frame is due and waits until the card has room. */
export const REPLAY_WAITS_FOR_ROOM = 3;
/** Everything was injected; the card may still hold frames. */
export const REPLAY_FINISHED = 4;

// One cache line for each writer and purpose, so that no thread's polling disturbs another's counting.
const GO = 0;
const STOP = 1;
const READY = 16;
const OVER = 17;
const STATE = 32;
const SENT = 48;
const DROPPED = 49;
const NOTED = 50;
const DELIVERED = 64;
const REJECTED = 65;
const HELD = 66;
const ASKED = 67;
const WORD_COUNT = 80;

/** Frames whose arrival is remembered: more than a card and its rings hold. */
const ARRIVAL_COUNT = 65_536;

/** The shared memory of a replay. Structured-cloneable; every thread makes its own {@link ReplayChannel} over it. */
export interface ReplayChannelTables {
  readonly words: SharedArrayBuffer;
  readonly arrivalSignatures: SharedArrayBuffer;
  readonly arrivalTimes: SharedArrayBuffer;
}

/**
 * One thread's view of a replay's shared words. Counts of frames wrap at 2^32: compare them by their difference `| 0`,
 * which holds while two of them are less than 2^31 apart.
 */
export class ReplayChannel {
  readonly tables: ReplayChannelTables;
  /** By position modulo their length: signature and arrival time in nanoseconds of every frame that the card could take. */
  readonly arrivalSignatures: Int32Array;
  readonly arrivalTimes: Float64Array;
  readonly #words: Int32Array;

  constructor(tables: ReplayChannelTables) {
    this.tables = tables;
    this.#words = new Int32Array(tables.words);
    this.arrivalSignatures = new Int32Array(tables.arrivalSignatures);
    this.arrivalTimes = new Float64Array(tables.arrivalTimes);
  }

  static createTables(): ReplayChannelTables {
    return {
      words: new SharedArrayBuffer(WORD_COUNT * 4),
      arrivalSignatures: new SharedArrayBuffer(ARRIVAL_COUNT * 4),
      arrivalTimes: new SharedArrayBuffer(ARRIVAL_COUNT * 8),
    };
  }

  // ---- written by the main thread ----

  /** True when the first frame may go: driver and reader are ready. */
  get isStarted(): boolean {
    return Atomics.load(this.#words, GO) === 1;
  }

  start(): void {
    Atomics.store(this.#words, GO, 1);
  }

  /** True when the user has had enough: no further frame is injected, what was is still delivered. */
  get isStopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1);
  }

  // ---- written by the replayer ----

  get state(): number {
    return Atomics.load(this.#words, STATE);
  }

  set state(state: number) {
    Atomics.store(this.#words, STATE, state);
  }

  /** Frames handed to the card. */
  get sentCount(): number {
    return Atomics.load(this.#words, SENT);
  }

  set sentCount(count: number) {
    Atomics.store(this.#words, SENT, count);
  }

  /**
   * Entries in the arrival arrays. Plain accesses on purpose: the barrier behind which the card shows a frame to its driver
   * comes after them, and the driver's acquiring load of the descriptor before.
   */
  get notedCount(): number {
    return this.#words[NOTED] as number;
  }

  set notedCount(count: number) {
    this.#words[NOTED] = count;
  }

  /** Frames that the card's counters say it dropped; a little behind while the replay runs, exact once it is finished. */
  get droppedCount(): number {
    return Atomics.load(this.#words, DROPPED);
  }

  set droppedCount(count: number) {
    Atomics.store(this.#words, DROPPED, count);
  }

  // ---- written by the sink ----

  /** True once the driver has set the card up. */
  get isReady(): boolean {
    return Atomics.load(this.#words, READY) === 1;
  }

  ready(): void {
    Atomics.store(this.#words, READY, 1);
  }

  /** True when the sink expects no further frame. */
  get isOver(): boolean {
    return Atomics.load(this.#words, OVER) === 1;
  }

  over(): void {
    Atomics.store(this.#words, OVER, 1);
  }

  /** Frames that reached the consumer. */
  get deliveredCount(): number {
    return Atomics.load(this.#words, DELIVERED);
  }

  set deliveredCount(count: number) {
    Atomics.store(this.#words, DELIVERED, count);
  }

  /** Frames that reached the driver and were thrown away there. */
  get rejectedCount(): number {
    return Atomics.load(this.#words, REJECTED);
  }

  set rejectedCount(count: number) {
    Atomics.store(this.#words, REJECTED, count);
  }

  /** True while the consumer has so much that waits for a missing message that no more shall come at full speed. */
  get isHeld(): boolean {
    return Atomics.load(this.#words, HELD) === 1;
  }

  set isHeld(isHeld: boolean) {
    Atomics.store(this.#words, HELD, isHeld ? 1 : 0);
  }

  /** Requests that the consumer has sent: they are movement, too. */
  get requestCount(): number {
    return Atomics.load(this.#words, ASKED);
  }

  set requestCount(count: number) {
    Atomics.store(this.#words, ASKED, count);
  }

  /** Frames that are on their way: injected, and neither dropped by the card nor seen by the sink. */
  get outstandingCount(): number {
    return (this.sentCount - this.droppedCount - this.deliveredCount - this.rejectedCount) | 0;
  }
}
