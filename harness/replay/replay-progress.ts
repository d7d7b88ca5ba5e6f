/** Where a replay stands. */
export interface ReplayProgress {
  readonly sentCount: number;
  readonly deliveredCount: number;
  readonly droppedCount: number;
  readonly elapsedMs: number;
  /** Frames that there will be, where that is known beforehand. */
  readonly frameCount: number | undefined;
  /** How much of it is done, 0 to 1, where that is known: by the bytes of a file that is not packed. */
  readonly fraction: number | undefined;
}

/** Frame counts in shared memory wrap at 2^32; this follows one of them beyond. Look at least every 2^31 frames. */
export class WrappingCount {
  total = 0;
  #seen = 0;

  /** Takes the counter's present value; returns true when it has moved. */
  update(count: number): boolean {
    const moved = (count - this.#seen) | 0;
    this.#seen = count;
    this.total += moved;
    return moved !== 0;
  }
}
