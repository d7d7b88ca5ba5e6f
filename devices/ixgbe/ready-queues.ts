import { QUEUE_COUNT } from "./queues.ts";

/** Queues that have something to do, and whose turn it is: each gets one turn before any gets another. */
export class ReadyQueues {
  /** 32 queues to a word. */
  readonly #bits: Int32Array = new Int32Array(QUEUE_COUNT / 32);
  #last = 0;
  /** How many are ready. Each piece of a frame that arrives asks for the next queue, and mostly there is none. */
  #count = 0;

  add(queue: number): void {
    const bits = this.#bits[queue >> 5] as number;
    const bit = 1 << (queue & 31);
    if ((bits & bit) !== 0) return;
    this.#bits[queue >> 5] = bits | bit;
    this.#count++;
  }

  remove(queue: number): void {
    const bits = this.#bits[queue >> 5] as number;
    const bit = 1 << (queue & 31);
    if ((bits & bit) === 0) return;
    this.#bits[queue >> 5] = bits & ~bit;
    this.#count--;
  }

  /** True when at most one queue is ready, which need not wait for any other's turn. */
  get isAtMostOne(): boolean {
    return this.#count <= 1;
  }

  /** `queue` has had its turn: the one behind it is the next to be looked at. */
  tookTurn(queue: number): void {
    this.#last = queue;
  }

  /** The first ready queue after the one that had the last turn; -1 when none is ready. */
  next(): number {
    if (this.#count === 0) return -1;
    const bits = this.#bits;
    const from = (this.#last + 1) & (QUEUE_COUNT - 1);
    let word = from >> 5;
    let left = (bits[word] as number) & (-1 << (from & 31));
    // One round more than there are words: the first is looked at in two parts.
    for (let round = 0; round <= bits.length; round++) {
      if (left !== 0) return word * 32 + 31 - Math.clz32(left & -left);
      word = (word + 1) & (bits.length - 1);
      left = bits[word] as number;
    }
    return -1;
  }

  clear(): void {
    this.#bits.fill(0);
    this.#last = 0;
    this.#count = 0;
  }

  snapshot(): unknown {
    return { bits: this.#bits.slice(), last: this.#last };
  }

  restore(state: unknown): void {
    const { bits, last } = state as { bits: Int32Array; last: number };
    this.#bits.set(bits);
    this.#last = last;
    this.#count = 0;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) if (this.#isReady(queue)) this.#count++;
  }

  #isReady(queue: number): boolean {
    return ((this.#bits[queue >> 5] as number) & (1 << (queue & 31))) !== 0;
  }
}
