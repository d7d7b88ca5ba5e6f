import type { Endpoint } from "../pcie/endpoint.ts";
import type { EventSource } from "./device-host.ts";

/** Requests that one CPU can have posted to one function. A full ring makes the CPU wait, as a full write queue does. */
export const RING_ENTRY_COUNT = 1024;
const ENTRY_WORDS = 4;

/** Word 0 of an entry: operation in bits 0–3, byte length in bits 4–7, BAR in bits 8–11, lap in bit 30. Zero is no entry. */
export const OP_WRITE = 1;
export const OP_READ = 2;
export const OP_CONFIG_WRITE = 3;
export const OP_CONFIG_READ = 4;
export const OP_MAP_BAR = 5;
const LAP_BIT: number = 1 << 30;

/** Words of the control part, one cache line each for what each side writes. */
export const CONTROL_TAKEN = 0;
export const RESPONSE_COUNT = 16;
export const RESPONSE_LOW = 17;
export const RESPONSE_HIGH = 18;
export const RESPONSE_WAITER = 32;
const RING_CONTROL_WORDS = 48;

/** How many entries are taken before the producer is told: each telling costs it a cache miss. */
const TAKEN_STRIDE = 128;
const REQUESTS_PER_TURN = 256;

/** Shared memory for one ring. */
export function createRequestRing(): SharedArrayBuffer {
  return new SharedArrayBuffer((RING_CONTROL_WORDS + RING_ENTRY_COUNT * ENTRY_WORDS) * 4);
}

/** Index of an entry's first word. */
export function entryAt(position: number): number {
  return RING_CONTROL_WORDS + (position & (RING_ENTRY_COUNT - 1)) * ENTRY_WORDS;
}

/** The lap mark that an entry at `position` carries: it flips each time round, so that the entry itself says it is new. */
export function lapOf(position: number): number {
  return (position & RING_ENTRY_COUNT) === 0 ? LAP_BIT : 0;
}

/**
 * The device's end of a request ring: takes what one CPU posted and does it to one function, in order. Reads are answered
 * in place; everything that the device stored before is in memory by then.
 */
export class RequestRing implements EventSource {
  readonly #words: Int32Array;
  readonly #endpoint: Endpoint;
  readonly #mapBar: (bar: number) => boolean;
  readonly #pushStores: () => void;
  #position = 0;
  #toldPosition = 0;
  #responses = 0;

  /**
   * `mapBar` mirrors a BAR into its shared memory from now on; false when the BAR has nothing to mirror. `pushStores`
   * takes what was stored to the mirrored BARs.
   */
  constructor(buffer: SharedArrayBuffer, endpoint: Endpoint, mapBar: (bar: number) => boolean, pushStores: () => void) {
    this.#words = new Int32Array(buffer);
    this.#endpoint = endpoint;
    this.#mapBar = mapBar;
    this.#pushStores = pushStores;
  }

  poll(): boolean {
    const words = this.#words;
    let position = this.#position;
    const first = position;
    for (let budget = REQUESTS_PER_TURN; budget > 0; budget--) {
      const at = entryAt(position);
      const head = Atomics.load(words, at);
      if (head === 0 || (head & LAP_BIT) !== lapOf(position)) break;
      position = (position + 1) | 0;
      // The position counts the entry as done only afterwards: an exception leaves it to be seen in a debugger.
      this.#perform(head, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);
      this.#position = position;
      if (((position - this.#toldPosition) | 0) >= TAKEN_STRIDE) this.#tell();
    }
    return position !== first;
  }

  isIdle(): boolean {
    const head = Atomics.load(this.#words, entryAt(this.#position));
    return head === 0 || (head & LAP_BIT) !== lapOf(this.#position);
  }

  #perform(head: number, offset: number, low: number, high: number): void {
    const operation = head & 15;
    const byteLength = (head >> 4) & 15;
    const bar = (head >> 8) & 15;
    if (operation === OP_WRITE) {
      this.#endpoint.write(bar, offset, byteLength, low, high);
    } else if (operation === OP_READ) {
      const value = this.#endpoint.read(bar, offset, byteLength);
      this.#respond(value, this.#endpoint.readHigh);
    } else if (operation === OP_CONFIG_WRITE) {
      // Stores to a mapped BAR are posted writes, which a reset that follows does not overtake.
      this.#pushStores();
      this.#endpoint.configWrite(offset, byteLength, low);
      // Configuration writes are non-posted: the CPU waits for the completion.
      this.#respond(0, 0);
    } else if (operation === OP_CONFIG_READ) {
      this.#respond(this.#endpoint.configRead(offset, byteLength) | 0, 0);
    } else if (operation === OP_MAP_BAR) {
      this.#respond(this.#mapBar(bar) ? 1 : 0, 0);
    }
  }

  #respond(low: number, high: number): void {
    const words = this.#words;
    this.#responses = (this.#responses + 1) | 0;
    words[RESPONSE_LOW] = low;
    words[RESPONSE_HIGH] = high;
    Atomics.store(words, RESPONSE_COUNT, this.#responses);
    if (Atomics.load(words, RESPONSE_WAITER) !== 0) Atomics.notify(words, RESPONSE_COUNT);
  }

  #tell(): void {
    this.#toldPosition = this.#position;
    Atomics.store(this.#words, CONTROL_TAKEN, this.#position);
  }
}
