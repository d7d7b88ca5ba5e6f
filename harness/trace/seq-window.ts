/** Events that are remembered: a power of two. What lies further back than this is forgotten. */
const WINDOW = 1 << 18;

/** Remembers two numbers about each of the last events, in memory of fixed size. */
export class SeqWindow {
  readonly #seqs = new Float64Array(WINDOW).fill(-1);
  readonly #first = new Float64Array(WINDOW);
  readonly #second = new Int32Array(WINDOW);

  set(seq: number, first: number, second: number): void {
    const at = seq % WINDOW;
    this.#seqs[at] = seq;
    this.#first[at] = first;
    this.#second[at] = second;
  }

  has(seq: number): boolean {
    return this.#seqs[seq % WINDOW] === seq;
  }

  /** Only for an event that {@link has} knows. */
  first(seq: number): number {
    return this.#first[seq % WINDOW] as number;
  }

  second(seq: number): number {
    return this.#second[seq % WINDOW] as number;
  }
}
