/** What a traced event is. The numbers stand in the ring. */
export const TRACE_WRITE = 1;
export const TRACE_READ = 2;
export const TRACE_DMA_READ = 3;
export const TRACE_DMA_WRITE = 4;
export const TRACE_DMA_READ_ERROR = 5;
export const TRACE_MESSAGE = 6;
export const TRACE_LEGACY = 7;
export const TRACE_FRAME_IN = 8;
export const TRACE_FRAME_OUT = 9;
export const TRACE_RESET = 10;

const HEAD = 0;
const TAIL = 16;
const LOST = 32;
const CONTROL_WORDS = 48;
const EVENT_COUNT = 1 << 16;
const EVENT_WORDS = 8;
const CONTROL_BYTES = CONTROL_WORDS * 4;
const TIMES_AT = CONTROL_BYTES + EVENT_COUNT * EVENT_WORDS * 4;

/**
 * Events on their way from the device thread to the thread that prints them, in shared memory. Of fixed size: when the
 * terminal is slower than the device, events are lost and counted, and the device does not wait. One writer, one reader.
 *
 * The meaning of the fields by kind:
 *
 * | kind | a | b | c | d |
 * |---|---|---|---|---|
 * | write, read | BAR | offset | low word | high word |
 * | DMA read, write, read error | address high | address low | bytes | – |
 * | message, legacy | vector, or 1 when the line rises | – | – | – |
 * | frame in, out | port | – | bytes | flags |
 * | reset | 1 for function-level | – | – | – |
 */
export class TraceRing {
  readonly buffer: SharedArrayBuffer;
  /** Filled by {@link take}. */
  kind = 0;
  device = 0;
  byteLength = 0;
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** `[0]`: clock time in nanoseconds. */
  readonly time: Float64Array = new Float64Array(1);
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_WORDS);
    this.#words = new Int32Array(buffer, CONTROL_BYTES, EVENT_COUNT * EVENT_WORDS);
    this.#times = new Float64Array(buffer, TIMES_AT, EVENT_COUNT);
  }

  static createBuffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(TIMES_AT + EVENT_COUNT * 8);
  }

  /** Adds an event that happens at `now[0]`; counts it as lost when the ring is full. `byteLength` is the access width. */
  put(
    kind: number,
    device: number,
    byteLength: number,
    a: number,
    b: number,
    c: number,
    d: number,
    now: Float64Array,
  ): void {
    const tail = this.#control[TAIL] as number;
    if (((tail - Atomics.load(this.#control, HEAD)) | 0) >= EVENT_COUNT) {
      Atomics.add(this.#control, LOST, 1);
      return;
    }
    const slot = tail & (EVENT_COUNT - 1);
    const at = slot * EVENT_WORDS;
    const words = this.#words;
    words[at] = kind;
    words[at + 1] = device;
    words[at + 2] = byteLength;
    words[at + 3] = a;
    words[at + 4] = b;
    words[at + 5] = c;
    words[at + 6] = d;
    this.#times[slot] = now[0] as number;
    Atomics.store(this.#control, TAIL, (tail + 1) | 0);
  }

  /** Takes the oldest event into the fields; false when there is none. */
  take(): boolean {
    const head = this.#control[HEAD] as number;
    if (head === Atomics.load(this.#control, TAIL)) return false;
    const slot = head & (EVENT_COUNT - 1);
    const at = slot * EVENT_WORDS;
    const words = this.#words;
    this.kind = words[at] as number;
    this.device = words[at + 1] as number;
    this.byteLength = words[at + 2] as number;
    this.a = words[at + 3] as number;
    this.b = words[at + 4] as number;
    this.c = words[at + 5] as number;
    this.d = words[at + 6] as number;
    this.time[0] = this.#times[slot] as number;
    Atomics.store(this.#control, HEAD, (head + 1) | 0);
    return true;
  }

  /** Events that found the ring full since the last call. */
  takeLostCount(): number {
    return Atomics.exchange(this.#control, LOST, 0);
  }
}
