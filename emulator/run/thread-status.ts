/** What the device thread tells every other thread about itself, in shared memory. */
export const STATUS_STARTING = 0;
export const STATUS_RUNNING = 1;
/** The device threw or its thread ended; the reason is in {@link ThreadStatus.reason}. */
export const STATUS_DEAD = 2;
export const STATUS_CLOSED = 3;

const STATUS = 0;
const ASLEEP = 16;
const WAKE = 32;
/** Counts while the thread lives; apart from the word that every posted write looks at. */
const HEARTBEAT = 33;
const REASON_LENGTH = 48;
const REASON_AT = 49 * 4;
const REASON_BYTES = 4096;

/** Values of ASLEEP. A thread that is gone counts as asleep for good, so that whoever would wake it learns of it. */
const IS_AWAKE = 0;
const IS_ASLEEP = 1;
const IS_GONE = 2;

/** State of the device thread: alive or not, asleep or not. Every thread makes its own over the same memory. */
export class ThreadStatus {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #reasonBytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#reasonBytes = new Uint8Array(buffer, REASON_AT, REASON_BYTES);
  }

  static createBuffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(REASON_AT + REASON_BYTES);
  }

  get status(): number {
    return Atomics.load(this.#words, STATUS);
  }

  /** Sets the status; dead and closed are final, and end a sleep. */
  set status(status: number) {
    for (let before = this.status; before < STATUS_DEAD; before = this.status) {
      if (Atomics.compareExchange(this.#words, STATUS, before, status) === before) break;
    }
    if (status < STATUS_DEAD) return;
    Atomics.store(this.#words, ASLEEP, IS_GONE);
    this.#wake();
  }

  /** Marks the device dead and says why. The first reason stays. */
  die(reason: string): void {
    const bytes = new TextEncoder().encode(reason).subarray(0, REASON_BYTES);
    if (Atomics.compareExchange(this.#words, REASON_LENGTH, 0, bytes.length) === 0) this.#reasonBytes.set(bytes);
    this.status = STATUS_DEAD;
  }

  /** Why the device is dead. */
  get reason(): string {
    const length = Atomics.load(this.#words, REASON_LENGTH);
    return new TextDecoder().decode(this.#reasonBytes.slice(0, length));
  }

  /** The device thread says that it lives: at least every 10 ms while it works, and whenever it wakes. */
  beat(): void {
    Atomics.add(this.#words, HEARTBEAT, 1);
  }

  get heartbeat(): number {
    return Atomics.load(this.#words, HEARTBEAT);
  }

  /** Wakes the device thread if it sleeps. One load when it does not. False when it is gone. */
  wakeIfAsleep(): boolean {
    if (Atomics.load(this.#words, ASLEEP) === IS_AWAKE) return true;
    if (this.status >= STATUS_DEAD) return false;
    this.#wake();
    return true;
  }

  /** The device thread is about to sleep. Whoever posts after this wakes it; what was posted before must be looked for again. */
  fallAsleep(): number {
    const ticket = Atomics.load(this.#words, WAKE);
    Atomics.compareExchange(this.#words, ASLEEP, IS_AWAKE, IS_ASLEEP);
    // An atomic load behind the store keeps the plain loads of that second look behind it too, on every processor.
    Atomics.load(this.#words, ASLEEP);
    return ticket;
  }

  awake(): void {
    Atomics.compareExchange(this.#words, ASLEEP, IS_ASLEEP, IS_AWAKE);
  }

  /** Resolves when somebody wakes the thread after `ticket` was drawn, or when `limitMs` is over. */
  async sleep(ticket: number, limitMs: number): Promise<void> {
    const outcome = Atomics.waitAsync(this.#words, WAKE, ticket, limitMs);
    if (outcome.async) await outcome.value;
  }

  #wake(): void {
    Atomics.add(this.#words, WAKE, 1);
    Atomics.notify(this.#words, WAKE);
  }
}
