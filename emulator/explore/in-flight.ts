import { ACTOR_LIMIT, BUFFERED_IO, BUFFERED_STORE, FENCE, FENCE_DRAM, IN_FLIGHT_LIMIT } from "./kinds.ts";

/** A run needs more room than the explorer has. Says nothing about the driver. */
class RunLimitError extends Error {
  override readonly name = "RunLimitError";
}

/**
 * Everything that is on its way: stores in store buffers and write-combining buffers, posted writes and reads going down,
 * DMA writes, messages and completions coming up, DMA reads, interrupts not yet taken, timers. One pool for all of them,
 * kept in order of age: what may take a step next depends on what is older in the same queue.
 */
export class InFlight {
  /** Places of the pool, oldest first. */
  readonly order: Uint8Array = new Uint8Array(IN_FLIGHT_LIMIT);
  count = 0;
  /** True when this run needed more room than there is. */
  isExceeded = false;
  readonly kind: Uint8Array = new Uint8Array(IN_FLIGHT_LIMIT);
  /** Which actor's queue it is in. */
  readonly queue: Uint8Array = new Uint8Array(IN_FLIGHT_LIMIT);
  /** Its number in that queue, from the beginning of the run: what a schedule names it by. */
  readonly ordinal: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly address: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly byteLength: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly low: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly high: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  /** The thread that waits for it, or -1. */
  readonly thread: Int8Array = new Int8Array(IN_FLIGHT_LIMIT);
  /** By kind: relaxed ordering of a DMA write, the index of a sub-read, the tag of an event or of a device's read. */
  readonly detail: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly context: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  readonly dueNs: Float64Array = new Float64Array(IN_FLIGHT_LIMIT);
  /** 1: an event that may come before time has moved to it, because whoever else could go on is slow. */
  readonly isPrompt: Uint8Array = new Uint8Array(IN_FLIGHT_LIMIT);
  /** 1 while a schedule keeps it back. */
  readonly held: Uint8Array = new Uint8Array(IN_FLIGHT_LIMIT);
  /** The deviation that keeps it back, in a run that is recorded. */
  readonly deviation: Int16Array = new Int16Array(IN_FLIGHT_LIMIT);
  /** The step of a trace in which it was put on its way, or -1. */
  readonly origin: Int32Array = new Int32Array(IN_FLIGHT_LIMIT);
  /** The step of a trace that is under way; -1 while nothing is traced. */
  step = -1;
  /** Entries by queue; fences are not counted. */
  readonly queued: Uint8Array = new Uint8Array(ACTOR_LIMIT);
  /** Numbers given out by queue. */
  readonly ordinals: Int32Array = new Int32Array(ACTOR_LIMIT);
  /** Of a buffered store: how many older ones of its buffer touch the same bytes. Asked for at every step, changed by few. */
  readonly #olderStores = new Uint8Array(IN_FLIGHT_LIMIT);
  readonly #free = new Uint8Array(IN_FLIGHT_LIMIT);
  #freeCount = 0;
  /** Places that were in use at some time of this run. */
  #freshCount = 0;

  reset(): void {
    this.count = 0;
    this.isExceeded = false;
    this.step = -1;
    this.queued.fill(0);
    this.ordinals.fill(0);
    // Places are handed out from 0 up in every run, so that equal schedules name equal slots.
    this.#freshCount = 0;
    this.#freeCount = 0;
  }

  /** Puts something on its way; returns its place. */
  put(kind: number, queue: number, address: number, byteLength: number, low: number, high: number): number {
    const at = this.#take();
    const olderCount = this.count;
    this.order[this.count++] = at;
    this.kind[at] = kind;
    this.queue[at] = queue;
    this.address[at] = address;
    this.byteLength[at] = byteLength;
    this.low[at] = low;
    this.high[at] = high;
    this.thread[at] = -1;
    this.detail[at] = 0;
    this.context[at] = 0;
    this.held[at] = 0;
    this.deviation[at] = -1;
    this.origin[at] = this.step;
    if (kind === BUFFERED_STORE) this.#olderStores[at] = this.#olderStoresOf(at, olderCount);
    if (kind === FENCE || kind === FENCE_DRAM) return at;
    const ordinal = this.ordinals[queue] as number;
    this.ordinals[queue] = ordinal + 1;
    this.ordinal[at] = ordinal;
    this.queued[queue] = (this.queued[queue] as number) + 1;
    return at;
  }

  #take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount] as number;
    if (this.#freshCount < IN_FLIGHT_LIMIT) return this.#freshCount++;
    return this.exceed(`more than ${IN_FLIGHT_LIMIT} things on their way in an explored run`);
  }

  /** The run needs more than there is room for: nothing can be said about it, whoever catches this. */
  exceed(what: string): never {
    this.isExceeded = true;
    throw new RunLimitError(what);
  }

  /** Takes something out. */
  remove(at: number): void {
    const order = this.order;
    let index = 0;
    while (order[index] !== at) index++;
    this.count--;
    const kind = this.kind[at] as number;
    for (; index < this.count; index++) {
      const younger = order[index + 1] as number;
      order[index] = younger;
      if (kind === BUFFERED_STORE && this.#goesBehind(younger, at))
        this.#olderStores[younger] = (this.#olderStores[younger] as number) - 1;
    }
    this.#free[this.#freeCount++] = at;
    if (kind === FENCE || kind === FENCE_DRAM) return;
    const queue = this.queue[at] as number;
    this.queued[queue] = (this.queued[queue] as number) - 1;
  }

  /** Takes the fences out that have nothing older in front of them. */
  dropLeadingFences(queue: number): void {
    for (let index = 0; index < this.count; ) {
      const at = this.order[index] as number;
      if (this.queue[at] !== queue) {
        index++;
        continue;
      }
      const kind = this.kind[at] as number;
      if (kind !== FENCE && kind !== FENCE_DRAM) return;
      this.remove(at);
    }
  }

  /** True when an older store of the same buffer touches the same bytes as the one at this place. */
  hasOlderStore(at: number): boolean {
    return this.#olderStores[at] !== 0;
  }

  #olderStoresOf(at: number, olderCount: number): number {
    let count = 0;
    for (let index = 0; index < olderCount; index++) if (this.#goesBehind(at, this.order[index] as number)) count++;
    return count;
  }

  /** Two stores of one buffer that touch the same bytes. */
  #goesBehind(at: number, older: number): boolean {
    if (this.kind[at] !== BUFFERED_STORE || this.kind[older] !== BUFFERED_STORE) return false;
    if (this.queue[at] !== this.queue[older]) return false;
    return this.overlaps(older, this.address[at] as number, this.byteLength[at] as number);
  }

  /** True when an older DMA write in the same queue touches the same bytes. */
  overlapsOlder(orderIndex: number): boolean {
    const at = this.order[orderIndex] as number;
    for (let index = 0; index < orderIndex; index++) {
      const older = this.order[index] as number;
      if (this.queue[older] !== this.queue[at] || this.kind[older] !== this.kind[at]) continue;
      if (this.overlaps(older, this.address[at] as number, this.byteLength[at] as number)) return true;
    }
    return false;
  }

  overlaps(at: number, address: number, byteLength: number): boolean {
    const start = this.address[at] as number;
    return start < address + byteLength && address < start + (this.byteLength[at] as number);
  }

  /** True when a store buffer holds bytes of this range. */
  hasStoreTo(queue: number, address: number, byteLength: number): boolean {
    if (this.queued[queue] === 0) return false;
    for (let index = 0; index < this.count; index++) {
      const at = this.order[index] as number;
      if (this.queue[at] === queue && this.kind[at] === BUFFERED_STORE && this.overlaps(at, address, byteLength))
        return true;
    }
    return false;
  }

  /** True when a store buffer holds every byte of this range, of at most 8. */
  coversAll(queue: number, address: number, byteLength: number): boolean {
    let missing = 2 ** byteLength - 1;
    for (let index = 0; index < this.count; index++) {
      const at = this.order[index] as number;
      if (this.queue[at] !== queue || this.kind[at] !== BUFFERED_STORE) continue;
      const from = Math.max(0, (this.address[at] as number) - address);
      const to = Math.min(byteLength, (this.address[at] as number) + (this.byteLength[at] as number) - address);
      for (let byte = from; byte < to; byte++) missing &= ~(1 << byte);
    }
    return missing === 0;
  }

  /** True when a store buffer holds a posted write. */
  hasIo(queue: number): boolean {
    return this.hasOf(BUFFERED_IO, queue);
  }

  /** True when a queue holds something of a kind. */
  hasOf(kind: number, queue: number): boolean {
    if (this.queued[queue] === 0) return false;
    for (let index = 0; index < this.count; index++) {
      const at = this.order[index] as number;
      if (this.queue[at] === queue && this.kind[at] === kind) return true;
    }
    return false;
  }
}
