/** What a recorded event is. The numbers stand in the ring. */
export const MMIO_WRITE = 1;
export const MMIO_READ = 2;
export const MMIO_ANSWER = 3;
export const REGISTER_WRITE = 4;
export const REGISTER_READ = 5;
export const CONFIG_READ = 6;
export const CONFIG_WRITE = 7;
export const MEMORY_READ = 8;
export const MEMORY_WRITE = 9;
export const MEMORY_UPDATE = 10;
export const BARRIER = 11;
export const WAIT = 12;
export const WAKE = 13;
export const DMA_MAP = 14;
export const DMA_UNMAP = 15;
export const HANDLER_ENTER = 16;
export const HANDLER_EXIT = 17;
export const INTERRUPT_TAKEN = 18;
export const DMA_READ = 19;
export const DMA_DATA = 20;
export const DMA_ERROR = 21;
export const DMA_WRITE = 22;
export const INTERRUPT = 23;
export const FRAME_IN = 24;
export const FRAME_OUT = 25;
export const TIMER_START = 26;
export const TIMER_STOP = 27;
export const TIMER = 28;
export const RESET = 29;
export const RING = 30;
export const FINDING = 31;

/** {@link TraceRing.cpu} of what a device does. */
export const NO_CPU = 0xff;
/** {@link TraceRing.cause} of what nothing else in the trace has set off. */
export const NO_CAUSE: number = -0x8000_0000;

/** A writer that waits for room looks again so often, and gives up when nobody takes anything for so long. */
const NAP_MS = 1;
const NAPS = 10_000;

const HEAD = 0;
const TAIL = 16;
const LOST = 32;
const CONTROL_WORDS = 48;
const CONTROL_BYTES = CONTROL_WORDS * 4;

/** Words of a record before its bytes: an even number, as the time is a double. */
const HEADER_WORDS = 12;
const SKIP = 0;
/** Longest record: frames fit, texts are cut. */
const DATA_BYTES_MAX = 0xffff;
const TEXT_UNITS_MAX = 4096;
const DEFAULT_BYTES = 1 << 22;

/**
 * Events on their way from the thread that sees them to the one that reads them, in shared memory. Of fixed size: when
 * nobody takes them away in time, events are lost and counted, and the writer does not wait, unless it is told to. One
 * writer, one reader.
 *
 * The meaning of `a` to `d` by kind; addresses and 8-byte values are two words, the high one first:
 *
 * | kind | a | b | c | d |
 * |---|---|---|---|---|
 * | MMIO, register | BAR | offset | low word | high word |
 * | configuration | – | offset | value | – |
 * | memory read, write | address | address | value | order in bits 1–0; repeats above |
 * | memory update | address | address | value | result; the operation is the text |
 * | barrier, wait, wake | which | 1 when the limit was over | vector | – |
 * | map, unmap | address | address | – | – |
 * | handler, taken | vector | – | – | – |
 * | DMA read | address | address | tag | context |
 * | DMA data, error | tag | context | – | – |
 * | DMA write | address | address | offset of the flag or -1 | 1 when relaxed |
 * | interrupt | mode | vector | 1 when the line rises | – |
 * | frame | port | flags | – | – |
 * | timer | timer | – | delay, low | delay, high; what it stands for is the text |
 * | reset | 1 for function-level | – | – | – |
 * | ring | family | number | head | tail |
 * | finding | 1 for a note | – | – | – |
 */
export class TraceRing {
  readonly buffer: SharedArrayBuffer;
  /** Filled by {@link take}. */
  kind = 0;
  /** Its place among the events of all rings. */
  ticket = 0;
  device = 0;
  /** The CPU, or {@link NO_CPU}. */
  cpu = 0;
  isInHandler = false;
  byteLength = 0;
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** Ticket of the event within which this one happened, or {@link NO_CAUSE}. */
  cause = 0;
  /** Where its bytes are in {@link bytes}, and how many. */
  dataAt = 0;
  dataBytes = 0;
  /** `[0]`: clock time in nanoseconds. */
  readonly time: Float64Array = new Float64Array(1);
  /** The memory of the ring, for the bytes of a record. */
  readonly bytes: Uint8Array;
  /** Called by a writer that finds no room; true when there may be some now. */
  relieve: (() => boolean) | undefined;
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #times: Float64Array;
  readonly #wordCount: number;
  #knownHead = 0;
  #textAt = 0;
  #textUnits = 0;
  #takenWords = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_WORDS);
    this.#words = new Int32Array(buffer, CONTROL_BYTES);
    this.#halves = new Uint16Array(buffer, CONTROL_BYTES);
    this.#times = new Float64Array(buffer, CONTROL_BYTES);
    this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
    this.#wordCount = this.#words.length;
  }

  /** `byteLength` is a power of two from 1 MiB on: the longest record must fit many times. */
  static createBuffer(byteLength: number = DEFAULT_BYTES): SharedArrayBuffer {
    if (!(byteLength >= 1 << 20 && byteLength <= 1 << 30 && Number.isInteger(Math.log2(byteLength))))
      throw new RangeError(`a trace ring of ${byteLength} bytes: want a power of two from 1 MiB to 1 GiB`);
    return new SharedArrayBuffer(CONTROL_BYTES + byteLength);
  }

  // ---- the writer's side --------------------------------------------------------------------------------------------

  /** Whether there is room for an event with so many bytes and a text. Counts it as lost when there is none. */
  reserve(dataBytes: number, text: string): boolean {
    const needed = recordWords(dataBytes, text.length);
    while (!this.#hasRoom(needed)) {
      if (this.relieve?.() === true) continue;
      Atomics.add(this.#control, LOST, 1);
      return false;
    }
    return true;
  }

  /** For {@link relieve}: sleeps until the reader has taken something. False when it does not for ten seconds. */
  awaitRoom(): boolean {
    for (let naps = 0; naps < NAPS; naps++) {
      const head = Atomics.load(this.#control, HEAD);
      if (head !== this.#knownHead) return true;
      // Nobody notifies: it would cost the reader a call for each event.
      Atomics.wait(this.#control, HEAD, head, NAP_MS);
    }
    return false;
  }

  /** Adds an event for which {@link reserve} has found room. `place` is what {@link placeWord} makes. */
  put(
    kind: number,
    ticket: number,
    now: Float64Array,
    place: number,
    byteLength: number,
    a: number,
    b: number,
    c: number,
    d: number,
    cause: number,
    data: Uint8Array | undefined,
    dataOffset: number,
    dataBytes: number,
    text: string,
  ): void {
    const words = this.#words;
    const length = recordWords(dataBytes, text.length);
    const mask = this.#wordCount - 1;
    let tail = this.#control[TAIL] as number;
    const toEnd = this.#wordCount - (tail & mask);
    if (toEnd < length) {
      // A record lies in one piece: what is left up to the end is passed over.
      words[tail & mask] = (SKIP << 24) | toEnd;
      tail = (tail + toEnd) | 0;
    }
    const at = tail & mask;
    const textUnits = Math.min(text.length, TEXT_UNITS_MAX);
    words[at] = (kind << 24) | length;
    words[at + 1] = ticket;
    this.#times[(at >> 1) + 1] = now[0] as number;
    words[at + 4] = place;
    words[at + 5] = byteLength;
    words[at + 6] = a;
    words[at + 7] = b;
    words[at + 8] = c;
    words[at + 9] = d;
    words[at + 10] = cause;
    words[at + 11] = Math.min(dataBytes, DATA_BYTES_MAX) | (textUnits << 16);
    if (data !== undefined) {
      const to = (at + HEADER_WORDS) << 2;
      for (let index = 0; index < dataBytes; index++) this.bytes[to + index] = data[dataOffset + index] as number;
    }
    const textAt = (at + HEADER_WORDS + ((dataBytes + 3) >> 2)) << 1;
    for (let index = 0; index < textUnits; index++) this.#halves[textAt + index] = text.charCodeAt(index);
    Atomics.store(this.#control, TAIL, (tail + length) | 0);
  }

  /** Room for the record and for what may have to be passed over in front of it. */
  #hasRoom(needed: number): boolean {
    const tail = this.#control[TAIL] as number;
    const room = this.#wordCount - 2 * needed;
    if (((tail - this.#knownHead) | 0) <= room) return true;
    this.#knownHead = Atomics.load(this.#control, HEAD);
    return ((tail - this.#knownHead) | 0) <= room;
  }

  // ---- the reader's side --------------------------------------------------------------------------------------------

  /** Fills the fields with the oldest event, which stays until {@link release}; false when there is none. */
  peek(): boolean {
    const words = this.#words;
    const mask = this.#wordCount - 1;
    let head = this.#control[HEAD] as number;
    if (head === Atomics.load(this.#control, TAIL)) return false;
    let first = words[head & mask] as number;
    if (first >>> 24 === SKIP) {
      head = (head + (first & 0xff_ffff)) | 0;
      Atomics.store(this.#control, HEAD, head);
      // What is behind it was published together with it.
      first = words[head & mask] as number;
    }
    const at = head & mask;
    this.#takenWords = first & 0xff_ffff;
    this.kind = first >>> 24;
    this.ticket = words[at + 1] as number;
    this.time[0] = this.#times[(at >> 1) + 1] as number;
    const place = words[at + 4] as number;
    this.device = place & 0xff;
    this.cpu = (place >>> 8) & 0xff;
    this.isInHandler = place >>> 16 === 1;
    this.byteLength = words[at + 5] as number;
    this.a = words[at + 6] as number;
    this.b = words[at + 7] as number;
    this.c = words[at + 8] as number;
    this.d = words[at + 9] as number;
    this.cause = words[at + 10] as number;
    const lengths = words[at + 11] as number;
    this.dataBytes = lengths & 0xffff;
    this.dataAt = (at + HEADER_WORDS) << 2;
    this.#textUnits = lengths >>> 16;
    this.#textAt = (at + HEADER_WORDS + ((this.dataBytes + 3) >> 2)) << 1;
    return true;
  }

  /** The text of the event that {@link peek} has found. */
  text(): string {
    const end = this.#textAt + this.#textUnits;
    let text = "";
    for (let at = this.#textAt; at < end; at++) text += String.fromCharCode(this.#halves[at] as number);
    return text;
  }

  /** Gives back the room of the event that {@link peek} has found. */
  release(): void {
    const head = this.#control[HEAD] as number;
    Atomics.store(this.#control, HEAD, (head + this.#takenWords) | 0);
  }

  /** Events that found the ring full since the last call. */
  takeLostCount(): number {
    return Atomics.exchange(this.#control, LOST, 0);
  }
}

/** Who does it, in one word. */
export function placeWord(device: number, cpu: number, isInHandler: boolean): number {
  return device | (cpu << 8) | (isInHandler ? 1 << 16 : 0);
}

/** An even number: the next record begins at a double. */
function recordWords(dataBytes: number, textLength: number): number {
  const textWords = (Math.min(textLength, TEXT_UNITS_MAX) + 1) >> 1;
  return (HEADER_WORDS + ((dataBytes + 3) >> 2) + textWords + 1) & ~1;
}
