import { iovaName } from "./iova-name.ts";

export { iovaName };

/** What a mapping lets the device do. */
export const DMA_READ = 1;
export const DMA_WRITE = 2;
export type DmaPermissions = 1 | 2 | 3;

/** IOVA pages are 4 KiB; a mapping begins on a page of its own. */
const IOVA_PAGE_BYTES = 4096;
/** Lengths and offsets in a mapping are int32, so that translating allocates nothing. */
const LARGEST_MAPPING_BYTES = 2 ** 31 - 1;

const ENTRY_SHIFT = 4;
const ENTRY_WORDS: number = 1 << ENTRY_SHIFT;
const LABEL_BYTES = 32;
const ENTRY_HIGH = 0;
const ENTRY_LOW = 1;
const ENTRY_LENGTH = 2;
const ENTRY_SEGMENT = 3;
const ENTRY_OFFSET = 4;
const ENTRY_PERMISSIONS = 5;
const ENTRY_STATE = 6;
const ENTRY_RAW = 7;
const ENTRY_LABEL = 8;

const FREE = 0;
const MAPPED = 1;
const UNMAPPED = 2;

/** Flipping the sign bit turns a signed comparison into an unsigned one. */
const SIGN: number = 1 << 31;

const HEAD_LOCK = 0;
const HEAD_NEXT_PAGE = 1;
const HEAD_NEXT_ENTRY = 2;
const HEAD_COUNT = 3;
const HEAD_GENERATION = 4;
/** One behind the last page and the last entry that were ever in use. */
const HEAD_TOUCHED_PAGES = 5;
const HEAD_TOUCHED_ENTRIES = 6;
const HEAD_WORDS = 16;

/** The structured-cloneable part of an IOMMU: every thread builds its own {@link Iommu} over it. */
export interface IommuTables {
  readonly baseIova: number;
  readonly windowBytes: number;
  readonly head: SharedArrayBuffer;
  readonly pages: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
}

export interface IommuOptions {
  /** First IOVA handed out; a multiple of 4096. Default 4 GiB: a driver that forgets the high half faults at once. */
  readonly baseIova?: number;
  /** Size of the IOVA window. Default 1 GiB. */
  readonly windowBytes?: number;
  /** How many mappings, live and remembered, the table holds. Default 8,192. */
  readonly mappingCount?: number;
}

/** See {@link Iommu.save}. */
export interface IommuState {
  readonly head: Int32Array;
  readonly pages: Int32Array;
  readonly entries: Int32Array;
}

/** One mapping as the driver's side sees it. */
export interface Mapping {
  readonly iova: number;
  readonly byteLength: number;
  readonly segment: number;
  readonly segmentOffset: number;
  readonly permissions: DmaPermissions;
  readonly label: string;
  /** Whether a driver has taken its raw memory, where it was said: see {@link Iommu.markRaw}. */
  readonly isRaw: boolean;
}

/**
 * Which IOVAs reach which bytes of host memory. The tables lie in shared memory: a mapping made by a driver thread holds
 * for the device thread at its next DMA without a message.
 *
 * Bounds are exact to the byte, which is stricter than a real IOMMU's pages: a DMA that runs past a buffer would hit
 * whatever the kernel put behind it. IOVAs are not reused until the window wraps, so that a late DMA faults.
 */
export class Iommu {
  readonly tables: IommuTables;
  /** Filled by a successful {@link translate}: segment and offset in host memory; first IOVA (low word) and length of the mapping. */
  segment = 0;
  offset = 0;
  baseLow = 0;
  mappedBytes = 0;
  readonly #head: Int32Array;
  readonly #pages: Int32Array;
  readonly #entries: Int32Array;
  readonly #labels: Uint8Array;
  readonly #baseHigh: number;
  readonly #basePage: number;
  readonly #pageCount: number;

  constructor(tables: IommuTables) {
    this.tables = tables;
    this.#head = new Int32Array(tables.head);
    this.#pages = new Int32Array(tables.pages);
    this.#entries = new Int32Array(tables.entries);
    this.#labels = new Uint8Array(tables.entries);
    this.#baseHigh = Math.floor(tables.baseIova / 2 ** 32) | 0;
    // Cut to int32: a division yields a floating-point field, and then every translation is floating-point arithmetic.
    this.#basePage = ((tables.baseIova % 2 ** 32) / IOVA_PAGE_BYTES) | 0;
    this.#pageCount = this.#pages.length;
  }

  /** Throws RangeError for a window that is not made of whole pages or does not fit 48 bits. */
  static create(options: IommuOptions = {}): Iommu {
    const { baseIova = 2 ** 32, windowBytes = 2 ** 30, mappingCount = 8192 } = options;
    if (baseIova % IOVA_PAGE_BYTES !== 0 || windowBytes % IOVA_PAGE_BYTES !== 0 || windowBytes <= 0) {
      throw new RangeError(`IOVA window ${iovaName(baseIova)} + ${windowBytes} bytes: want multiples of 4096`);
    }
    if (baseIova + windowBytes > 2 ** 48) throw new RangeError("the IOVA window must end below 2^48");
    return new Iommu({
      baseIova,
      windowBytes,
      head: new SharedArrayBuffer(HEAD_WORDS * 4),
      pages: new SharedArrayBuffer((windowBytes / IOVA_PAGE_BYTES) * 4),
      entries: new SharedArrayBuffer((mappingCount + 1) * ENTRY_WORDS * 4),
    });
  }

  /**
   * Maps `byteLength` bytes at `segmentOffset` of a host memory segment and returns the IOVA.
   * `alignBytes` is a power of two. Throws RangeError when the window or the table is full, or for a length that is not
   * 1 to 2^31 - 1.
   */
  map(
    segment: number,
    segmentOffset: number,
    byteLength: number,
    options: {
      readonly permissions?: DmaPermissions;
      readonly alignBytes?: number;
      readonly label?: string;
      readonly iova?: number;
    } = {},
  ): number {
    const { permissions = 3, alignBytes = IOVA_PAGE_BYTES, label = "" } = options;
    if (!Number.isInteger(byteLength) || byteLength < 1 || byteLength > LARGEST_MAPPING_BYTES) {
      throw new RangeError(`mapping of ${byteLength} bytes: want 1 to ${LARGEST_MAPPING_BYTES}`);
    }
    const pageCount = Math.ceil(byteLength / IOVA_PAGE_BYTES);
    return this.#locked(() => {
      const first =
        options.iova === undefined
          ? this.#reservePages(pageCount, Math.max(1, alignBytes / IOVA_PAGE_BYTES))
          : this.#fixedPages(options.iova, pageCount);
      const entry = this.#reserveEntry();
      const page = this.#basePage + first;
      const high = this.#baseHigh + Math.floor(page / 2 ** 20);
      const low = ((page % 2 ** 20) << 12) | 0;
      const at = entry * ENTRY_WORDS;
      this.#entries[at + ENTRY_HIGH] = high;
      this.#entries[at + ENTRY_LOW] = low;
      this.#entries[at + ENTRY_LENGTH] = byteLength;
      this.#entries[at + ENTRY_SEGMENT] = segment;
      this.#entries[at + ENTRY_OFFSET] = segmentOffset;
      this.#entries[at + ENTRY_PERMISSIONS] = permissions;
      this.#entries[at + ENTRY_RAW] = 0;
      this.#writeLabel(entry, label);
      Atomics.store(this.#entries, at + ENTRY_STATE, MAPPED);
      for (let index = 0; index < pageCount; index++) Atomics.store(this.#pages, first + index, entry);
      const head = this.#head;
      head[HEAD_TOUCHED_PAGES] = Math.max(head[HEAD_TOUCHED_PAGES] as number, first + pageCount);
      head[HEAD_TOUCHED_ENTRIES] = Math.max(head[HEAD_TOUCHED_ENTRIES] as number, entry + 1);
      this.#head[HEAD_COUNT] = (this.#head[HEAD_COUNT] as number) + 1;
      return high * 2 ** 32 + (low >>> 0);
    });
  }

  /** Takes a mapping away; a DMA that comes later faults and is told that the mapping was there. Throws RangeError when there is none. */
  unmap(iova: number): void {
    this.#locked(() => {
      const entry = this.#entryAt(iova);
      if (entry === 0) throw new RangeError(`unmap of IOVA ${iovaName(iova)}: no mapping starts there`);
      Atomics.store(this.#entries, entry * ENTRY_WORDS + ENTRY_STATE, UNMAPPED);
      Atomics.add(this.#head, HEAD_GENERATION, 1);
      this.#head[HEAD_COUNT] = (this.#head[HEAD_COUNT] as number) - 1;
    });
  }

  /** Notes, for whoever watches from another thread, that accesses of this mapping go past the accessors from here on. */
  markRaw(iova: number): void {
    this.#locked(() => {
      const entry = this.#entryAt(iova);
      if (entry === 0) return;
      this.#entries[entry * ENTRY_WORDS + ENTRY_RAW] = 1;
      Atomics.add(this.#head, HEAD_GENERATION, 1);
    });
  }

  /** Number of live mappings: what a driver that closed cleanly leaves at 0. */
  get mappingCount(): number {
    return Atomics.load(this.#head, HEAD_COUNT);
  }

  /**
   * Looks an access of the device up. The address comes as two int32 words, as in a TLP header. True: {@link segment} and
   * {@link offset} are set. False: a fault, which {@link explain} puts into words. Allocates nothing.
   */
  translate(high: number, low: number, byteLength: number, direction: DmaPermissions): boolean {
    // Every step is cut to int32: a value that might leave its range makes all that follows floating-point arithmetic.
    const page = (((((high - this.#baseHigh) << 20) + (low >>> 12)) | 0) - this.#basePage) | 0;
    if (page < 0 || page >= this.#pageCount) return false;
    const entries = this.#entries;
    const at = (this.#pages[page] as number) << ENTRY_SHIFT;
    if (entries[at + ENTRY_STATE] !== MAPPED) return false;
    const base = entries[at + ENTRY_LOW] as number;
    const within = (low - base) | 0;
    if (within < 0 || within > (((entries[at + ENTRY_LENGTH] as number) - byteLength) | 0)) return false;
    if (((entries[at + ENTRY_PERMISSIONS] as number) & direction) === 0) return false;
    // The page index wraps for addresses 2^44 apart; comparing the high word keeps those from hitting each other's pages.
    const carry = (low ^ SIGN) < (base ^ SIGN) ? 1 : 0;
    if (high !== (((entries[at + ENTRY_HIGH] as number) + carry) | 0)) return false;
    this.segment = entries[at + ENTRY_SEGMENT] as number;
    this.offset = ((entries[at + ENTRY_OFFSET] as number) + within) | 0;
    this.baseLow = base;
    this.mappedBytes = entries[at + ENTRY_LENGTH] as number;
    return true;
  }

  /** Changes whenever a mapping goes, in whatever thread: a translation holds as long as this stays the same. */
  get generation(): number {
    return this.#head[HEAD_GENERATION] as number;
  }

  /** The live mapping that begins at `iova`. */
  mappingAt(iova: number): Mapping | undefined {
    const entry = this.#entryAt(iova);
    return entry === 0 ? undefined : this.#mapping(entry);
  }

  /** Every mapping that is live, in order of IOVA. */
  mappings(): Mapping[] {
    const live: Mapping[] = [];
    for (let entry = 1; entry * ENTRY_WORDS < this.#entries.length; entry++) {
      if (this.#entries[entry * ENTRY_WORDS + ENTRY_STATE] === MAPPED) live.push(this.#mapping(entry));
    }
    return live.sort((a, b) => a.iova - b.iova);
  }

  /** The mapping that was there, and is not any more. */
  unmappedAt(iova: number): Mapping | undefined {
    const entry = this.#pages[Math.floor((iova - this.tables.baseIova) / IOVA_PAGE_BYTES)] ?? 0;
    if (entry === 0 || this.#entries[entry * ENTRY_WORDS + ENTRY_STATE] !== UNMAPPED) return undefined;
    const mapping = this.#mapping(entry);
    return iova >= mapping.iova && iova < mapping.iova + mapping.byteLength ? mapping : undefined;
  }

  /** All mappings, for {@link restore}. The caller owns it. */
  save(): IommuState {
    const head = this.#head.slice();
    return {
      head,
      pages: this.#pages.slice(0, head[HEAD_TOUCHED_PAGES]),
      entries: this.#entries.slice(0, (head[HEAD_TOUCHED_ENTRIES] as number) * ENTRY_WORDS),
    };
  }

  /** Back to {@link save}, while nobody else maps. {@link generation} goes back too: who remembers translations forgets them. */
  restore({ head, pages, entries }: IommuState): void {
    const pagesEnd = this.#head[HEAD_TOUCHED_PAGES] as number;
    const entriesEnd = (this.#head[HEAD_TOUCHED_ENTRIES] as number) * ENTRY_WORDS;
    this.#head.set(head);
    this.#pages.set(pages);
    this.#entries.set(entries);
    // What was in use beyond these for the first time since.
    this.#pages.fill(0, pages.length, pagesEnd);
    this.#entries.fill(0, entries.length, entriesEnd);
  }

  #entryAt(iova: number): number {
    const page = (iova - this.tables.baseIova) / IOVA_PAGE_BYTES;
    const entry = Number.isInteger(page) ? (this.#pages[page] ?? 0) : 0;
    if (entry === 0 || this.#entries[entry * ENTRY_WORDS + ENTRY_STATE] !== MAPPED) return 0;
    return this.#mapping(entry).iova === iova ? entry : 0;
  }

  #mapping(entry: number): Mapping {
    const at = entry * ENTRY_WORDS;
    const word = (index: number): number => this.#entries[at + index] as number;
    const labelAt = (at + ENTRY_LABEL) * 4;
    const label = this.#labels.slice(labelAt, labelAt + LABEL_BYTES);
    return {
      iova: word(ENTRY_HIGH) * 2 ** 32 + (word(ENTRY_LOW) >>> 0),
      byteLength: word(ENTRY_LENGTH),
      segment: word(ENTRY_SEGMENT),
      segmentOffset: word(ENTRY_OFFSET),
      permissions: word(ENTRY_PERMISSIONS) as DmaPermissions,
      label: String.fromCharCode(...label.filter((code) => code !== 0)),
      isRaw: word(ENTRY_RAW) === 1,
    };
  }

  #writeLabel(entry: number, label: string): void {
    const at = (entry * ENTRY_WORDS + ENTRY_LABEL) * 4;
    for (let index = 0; index < LABEL_BYTES; index++) {
      const code = label.charCodeAt(index);
      this.#labels[at + index] = code >= 32 && code < 127 ? code : 0;
    }
  }

  /**
   * A run of pages whose entries are free or unmapped, from where the last one ended: freed IOVAs rest longest. One page
   * is left free on either side: a DMA that runs off a buffer faults instead of hitting the next one.
   */
  #reservePages(pageCount: number, alignPages: number): number {
    let from = this.#head[HEAD_NEXT_PAGE] as number;
    for (let attempt = 0; attempt < 2; attempt++) {
      let start = alignUp(from + this.#basePage, alignPages) - this.#basePage;
      while (start + pageCount <= this.#pageCount) {
        const clash = this.#firstMapped(start - 1, pageCount + 2);
        if (clash < 0) {
          this.#head[HEAD_NEXT_PAGE] = start + pageCount + 1;
          return start;
        }
        start = alignUp(clash + 2 + this.#basePage, alignPages) - this.#basePage;
      }
      from = 0;
    }
    throw new RangeError(
      `no ${pageCount} free pages in the IOVA window of ${this.tables.windowBytes} bytes: unmap buffers or ask for a larger window (iommu.windowBytes)`,
    );
  }

  #fixedPages(iova: number, pageCount: number): number {
    const first = (iova - this.tables.baseIova) / IOVA_PAGE_BYTES;
    if (!Number.isInteger(first) || first < 0 || first + pageCount > this.#pageCount) {
      throw new RangeError(`IOVA ${iovaName(iova)} is not a page of the window at ${iovaName(this.tables.baseIova)}`);
    }
    if (this.#firstMapped(first, pageCount) >= 0) throw new RangeError(`IOVA ${iovaName(iova)} is mapped already`);
    return first;
  }

  #firstMapped(start: number, pageCount: number): number {
    const end = Math.min(start + pageCount, this.#pageCount);
    for (let page = Math.max(start, 0); page < end; page++) {
      const entry = this.#pages[page] as number;
      if (entry !== 0 && this.#entries[entry * ENTRY_WORDS + ENTRY_STATE] === MAPPED) return page;
    }
    return -1;
  }

  /** Entry 0 stays unused: it is what an unmapped page points to. */
  #reserveEntry(): number {
    const total = this.#entries.length / ENTRY_WORDS;
    let next = this.#head[HEAD_NEXT_ENTRY] as number;
    for (let attempt = 0; attempt < total; attempt++) {
      next = next + 1 >= total ? 1 : next + 1;
      if (this.#entries[next * ENTRY_WORDS + ENTRY_STATE] === MAPPED) continue;
      this.#head[HEAD_NEXT_ENTRY] = next;
      this.#forgetPages(next);
      return next;
    }
    throw new RangeError(
      `the IOMMU holds ${total - 1} mappings and all are live: unmap buffers or ask for more (iommu.mappingCount)`,
    );
  }

  /** A remembered entry is about to be reused: its pages must not lead to the new mapping. */
  #forgetPages(entry: number): void {
    if (this.#entries[entry * ENTRY_WORDS + ENTRY_STATE] === FREE) return;
    const old = this.#mapping(entry);
    const first = Math.floor((old.iova - this.tables.baseIova) / IOVA_PAGE_BYTES);
    for (let index = 0; index < Math.ceil(old.byteLength / IOVA_PAGE_BYTES); index++) {
      if (this.#pages[first + index] === entry) this.#pages[first + index] = 0;
    }
  }

  /** Map and unmap are control work of several driver threads; the device only reads. */
  #locked<Result>(work: () => Result): Result {
    for (let spins = 0; Atomics.compareExchange(this.#head, HEAD_LOCK, 0, 1) !== 0; spins++) {
      if (spins > 100_000_000) throw new RangeError("the IOMMU's lock is held by a thread that is gone");
    }
    try {
      return work();
    } finally {
      Atomics.store(this.#head, HEAD_LOCK, 0);
    }
  }
}

function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
