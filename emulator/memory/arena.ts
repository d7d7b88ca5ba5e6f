/** Pages of the arena are 4 KiB, as those of a kernel's coherent allocator. */
export const ARENA_PAGE_BYTES = 4096;

const HEAD_LOCK = 0;
const HEAD_CURSOR = 1;
/** One behind the last page that was ever handed out. */
const HEAD_TOUCHED = 2;
const HEAD_WORDS = 16;
const CONTINUED = -1;

/** The structured-cloneable part of an {@link Arena}. */
export interface ArenaTables {
  readonly memory: SharedArrayBuffer;
  readonly pages: SharedArrayBuffer;
}

/**
 * A page allocator over one SharedArrayBuffer: where `dma.alloc` finds memory. Its table is shared, so that several
 * driver threads allocate from the same arena. Control work: first fit from a cursor that goes round, so that freed
 * pages rest before they are handed out again and a late DMA is seen for what it is.
 */
export class Arena {
  readonly tables: ArenaTables;
  /** HEAD_WORDS of bookkeeping, then per page: 0 free, n the first of n pages, CONTINUED. */
  readonly #pages: Int32Array;
  readonly #pageCount: number;
  /** The memory in the largest pieces that there are: filling shared memory takes as long for each of them as for a byte. */
  readonly #memory: Float64Array;

  constructor(tables: ArenaTables) {
    this.tables = tables;
    this.#pages = new Int32Array(tables.pages);
    this.#pageCount = this.#pages.length - HEAD_WORDS;
    this.#memory = new Float64Array(tables.memory, 0, Math.floor(tables.memory.byteLength / 8));
  }

  /** An arena of `byteLength` bytes, rounded up to whole pages. */
  static create(byteLength: number): Arena {
    const pageCount = Math.max(1, Math.ceil(byteLength / ARENA_PAGE_BYTES));
    return new Arena({
      memory: new SharedArrayBuffer(pageCount * ARENA_PAGE_BYTES),
      pages: new SharedArrayBuffer((HEAD_WORDS + pageCount) * 4),
    });
  }

  /**
   * An arena in memory that is there already, such as the linear memory of a WebAssembly driver. Its first `reservedBytes`,
   * rounded up to whole pages, are never handed out. Throws RangeError when that leaves no page.
   */
  static over(memory: SharedArrayBuffer, reservedBytes: number): Arena {
    const pageCount = Math.floor(memory.byteLength / ARENA_PAGE_BYTES);
    const reserved = Math.ceil(reservedBytes / ARENA_PAGE_BYTES);
    if (reserved >= pageCount)
      throw new RangeError(
        `memory of ${memory.byteLength} bytes, of which ${reservedBytes} are taken: no page is left`,
      );
    const pages = new SharedArrayBuffer((HEAD_WORDS + pageCount) * 4);
    if (reserved > 0) {
      const words = new Int32Array(pages);
      words.fill(CONTINUED, HEAD_WORDS, HEAD_WORDS + reserved);
      words[HEAD_CURSOR] = words[HEAD_TOUCHED] = reserved;
    }
    return new Arena({ memory, pages });
  }

  /** Reserves bytes and returns their offset, a multiple of `alignBytes` (a power of two) and of the page. Throws RangeError when no run is free. */
  alloc(byteLength: number, alignBytes: number = ARENA_PAGE_BYTES): number {
    const wanted = Math.max(1, Math.ceil(byteLength / ARENA_PAGE_BYTES));
    const step = Math.max(1, alignBytes / ARENA_PAGE_BYTES);
    this.#lock();
    try {
      for (const from of [this.#pages[HEAD_CURSOR] as number, 0]) {
        const first = this.#firstFit(Math.ceil(from / step) * step, wanted, step);
        if (first < 0) continue;
        this.#pages.fill(CONTINUED, HEAD_WORDS + first, HEAD_WORDS + first + wanted);
        this.#pages[HEAD_WORDS + first] = wanted;
        this.#pages[HEAD_CURSOR] = first + wanted;
        this.#pages[HEAD_TOUCHED] = Math.max(this.#pages[HEAD_TOUCHED] as number, first + wanted);
        return first * ARENA_PAGE_BYTES;
      }
    } finally {
      Atomics.store(this.#pages, HEAD_LOCK, 0);
    }
    throw new RangeError(
      `host memory: no run of ${wanted} free pages in ${this.#pageCount}; free buffers or ask for more (hostMemoryBytes)`,
    );
  }

  /** Gives back what {@link alloc} returned. Throws RangeError when nothing was allocated at the offset. */
  free(offset: number): void {
    const first = offset / ARENA_PAGE_BYTES;
    this.#lock();
    try {
      const count = first >= 0 ? (this.#pages[HEAD_WORDS + first] ?? 0) : 0;
      if (count <= 0) throw new RangeError(`free of offset ${offset}: no buffer starts there`);
      this.#pages.fill(0, HEAD_WORDS + first, HEAD_WORDS + first + count);
    } finally {
      Atomics.store(this.#pages, HEAD_LOCK, 0);
    }
  }

  /** Zeroes whole pages that {@link alloc} has handed out, from their first byte on. */
  clear(offset: number, byteLength: number): void {
    const pageCount = Math.ceil(byteLength / ARENA_PAGE_BYTES);
    this.#memory.fill(0, offset / 8, (offset + pageCount * ARENA_PAGE_BYTES) / 8);
  }

  /** Which pages are taken, for {@link restore}. The caller owns it. */
  save(): Int32Array {
    return this.#pages.slice(0, HEAD_WORDS + (this.#pages[HEAD_TOUCHED] as number));
  }

  /** Back to {@link save}, while nobody else allocates. What lies in the memory stays. */
  restore(saved: Int32Array): void {
    const end = HEAD_WORDS + (this.#pages[HEAD_TOUCHED] as number);
    this.#pages.set(saved);
    // What was handed out beyond these for the first time since.
    this.#pages.fill(0, saved.length, end);
  }

  #firstFit(from: number, wanted: number, step: number): number {
    for (let first = from; first + wanted <= this.#pageCount; ) {
      const clash = this.#lastTaken(first, wanted);
      if (clash < 0) return first;
      first = Math.ceil((clash + 1) / step) * step;
    }
    return -1;
  }

  #lastTaken(first: number, count: number): number {
    for (let page = first + count - 1; page >= first; page--) if (this.#pages[HEAD_WORDS + page] !== 0) return page;
    return -1;
  }

  #lock(): void {
    for (let spins = 0; Atomics.compareExchange(this.#pages, HEAD_LOCK, 0, 1) !== 0; spins++) {
      if (spins > 100_000_000) throw new RangeError("the arena's lock is held by a thread that is gone");
    }
  }
}
