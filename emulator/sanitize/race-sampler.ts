import { ARENA_PAGE_BYTES } from "../memory/arena.ts";
import { type RaceFinder, type RacePlace, recordRace } from "./race-findings.ts";
import * as t from "./race-tables.ts";

/** Lines of the driver that are looked up in one window: each takes a stack. */
const LINES_MAX = 64;
/** What one load or store takes at most. A longer copy is several, the longest that fit (explore/timeline.ts). */
const PIECE_BYTES = 8;

/** An access that waits for what its CPU does next: see {@link RaceSampler}. */
interface Waiting {
  place: RacePlace | undefined;
  /** Byte of the arena, of the word that was touched last by somebody else. */
  at: number;
  mark: number;
  isFetch: boolean;
  /** Where the access began, and its last piece; and how long it was. */
  from: number;
  lastPieceAt: number;
  byteLength: number;
  isBehindLook: boolean;
  line: string;
}

function noneWaiting(): Waiting {
  return {
    place: undefined,
    at: 0,
    mark: 0,
    isFetch: false,
    from: 0,
    lastPieceAt: 0,
    byteLength: 0,
    isBehindLook: false,
    line: "",
  };
}

/**
 * One CPU's side of looking for data races in a threaded run. While a window is open it holds each access against the marks
 * of what the cards have transferred ({@link DmaMarks}), and keeps the newest transfer that this CPU is behind: by an acquire,
 * a barrier behind a plain look, an interrupt, or the answer to a register read. What it touches of a later one is a race.
 *
 * It says what the detector of folded runs would (explore/races): a plain access to what comes without a flag waits for what
 * its CPU does next, as a barrier would make it a look. Of the two accesses the card's is always the first one; the other way
 * round nothing is seen. Where it cannot know, it takes things for ordered.
 */
export class RaceSampler {
  readonly #control: Int32Array;
  readonly #written: Int32Array;
  readonly #fetched: Int32Array;
  /** Both of them. */
  readonly #bothMarks: readonly Int32Array[];
  readonly #raw: Uint8Array;
  readonly #finder: RaceFinder;
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));
  /** Where {@link #control} has what the stores of this CPU are behind; others believe that they are, too. */
  readonly #slot: number;
  #window = 0;
  /** What its loads are behind. */
  #loadKnown = 0;
  /** The driver says that others access what it does. */
  #isRacy = false;
  /** The next store is the first one behind a write barrier, the next load behind a full one. */
  #storeIsFirst = true;
  #loadIsFirst = true;
  #lines = 0;
  readonly #load: Waiting = noneWaiting();
  readonly #store: Waiting = noneWaiting();

  constructor(tables: t.RaceTables, cpuIndex: number, finder: RaceFinder) {
    this.#control = new Int32Array(tables.control);
    this.#written = new Int32Array(tables.written);
    this.#fetched = new Int32Array(tables.fetched);
    this.#bothMarks = [this.#written, this.#fetched];
    this.#raw = new Uint8Array(tables.raw);
    this.#slot = t.slotOf(cpuIndex);
    this.#finder = finder;
  }

  /**
   * Whether there is anything to do at an access. To be asked behind it: what it has seen of a window's transfers then finds
   * the window open. A plain load, which the engine makes each time and which costs a fifth of an atomic one.
   */
  get isOpen(): boolean {
    return this.#control[t.WINDOW] !== 0;
  }

  // ---- memory --------------------------------------------------------------------------------------------------------

  /** Bytes have been loaded. `isAcquire`: by readAcquire32. */
  loaded(place: RacePlace, offset: number, byteLength: number, isAcquire: boolean): void {
    if (!this.#enter()) return;
    this.#settle(this.#store);
    if (place.base < 0) {
      // Memory without marks; what is in it counts as known (LAST_RAW).
      this.#load.place = undefined;
      return;
    }
    const from = place.base + offset;
    // Once more the same: a poll loop.
    if (this.#load.lastPieceAt === from) this.#load.place = undefined;
    else this.#settle(this.#load);
    let lookBytes = 0;
    if (isAcquire) lookBytes = byteLength;
    else if (!this.#isRacy) {
      if (this.#loadIsFirst) lookBytes = firstPiece(byteLength);
      this.#loadIsFirst = false;
    }
    const known = this.#loadKnown;
    const newest = newestOf(this.#written, from, byteLength);
    if (newest > known && !this.#isRacy)
      this.#judge(this.#load, this.#written, known, place, from, byteLength, lookBytes);
    if (newest > (this.#control[this.#slot] as number)) this.#control[this.#slot] = newest;
    if (isAcquire && newest > known) this.#loadKnown = newest;
  }

  /** Bytes have been stored. `isRelease`: by writeRelease32. */
  stored(place: RacePlace, offset: number, byteLength: number, isRelease: boolean): void {
    if (!this.#enter()) return;
    this.#settle(this.#store);
    let handOverBytes = 0;
    if (isRelease) handOverBytes = byteLength;
    else if (!this.#isRacy) {
      if (this.#storeIsFirst) handOverBytes = firstPiece(byteLength);
      this.#storeIsFirst = false;
    }
    if (place.base < 0) return;
    const from = place.base + offset;
    const known = this.#control[this.#slot] as number;
    for (const marks of this.#bothMarks) {
      if (newestOf(marks, from, byteLength) <= known) continue;
      if (!this.#isRacy && this.#store.place === undefined)
        this.#judge(this.#store, marks, known, place, from, byteLength, handOverBytes);
      // From here on it is the driver's own store that lies there.
      coverBytes(marks, from, byteLength);
    }
  }

  /** A word was accessed atomically, which is a full barrier. */
  updated(place: RacePlace, offset: number): void {
    if (!this.#enter()) return;
    this.#storeIsFirst = true;
    this.#loadIsFirst = true;
    this.#store.place = undefined;
    this.#load.place = undefined;
    if (place.base >= 0) {
      const from = place.base + offset;
      const newest = newestOf(this.#written, from, 4);
      if (newest > this.#loadKnown && !this.#isRacy)
        this.#judge(this.#load, this.#written, this.#loadKnown, place, from, 4, 4);
      if (newest > (this.#control[this.#slot] as number)) this.#control[this.#slot] = newest;
    }
    this.#loadKnown = this.#control[this.#slot] as number;
  }

  // ---- barriers ------------------------------------------------------------------------------------------------------

  /** rmb, dmaRmb; and a poll of an interrupt. What was looked at in passing is known to the loads from here on. */
  readBarrier(): void {
    if (!this.#enter()) return;
    this.#load.place = undefined;
    this.#loadKnown = this.#control[this.#slot] as number;
  }

  /** wmb, dmaWmb. */
  writeBarrier(): void {
    if (this.#enter()) this.#storeIsFirst = true;
  }

  fullBarrier(): void {
    if (!this.#enter()) return;
    this.#store.place = undefined;
    this.#storeIsFirst = true;
    this.#loadIsFirst = true;
    this.readBarrier();
  }

  /** It has looked in vain and waits: nothing was taken from the load. */
  paused(): void {
    if (this.#enter()) this.#load.place = undefined;
  }

  // ---- the card ------------------------------------------------------------------------------------------------------

  /** A register was written. */
  posted(): void {
    if (this.#enter()) this.#settle(this.#store);
  }

  /** An interrupt was taken, a register read, memory allocated: all that the cards have done is before what follows. */
  answered(): void {
    if (!this.#enter()) return;
    this.#load.place = undefined;
    this.#settle(this.#store);
    this.#learnAll();
  }

  /** A handler begins or ends within an access: what the other one did last is not what stands before its next access. */
  changedThread(): void {
    if (!this.#enter()) return;
    this.#load.place = undefined;
    this.#store.place = undefined;
    this.#storeIsFirst = true;
    this.#loadIsFirst = true;
  }

  // ---- what the driver says ------------------------------------------------------------------------------------------

  get isRacy(): boolean {
    return this.#isRacy;
  }

  set isRacy(isRacy: boolean) {
    this.#isRacy = isRacy;
  }

  /** It takes the raw memory of a buffer, and reads there what it likes. */
  becameRaw(base: number, byteLength: number): void {
    if (base < 0) return;
    const first = Math.floor(base / ARENA_PAGE_BYTES);
    const end = Math.ceil((base + byteLength) / ARENA_PAGE_BYTES);
    if (this.#raw[first] !== 0) return;
    this.#raw.fill(1, first, end);
    Atomics.add(this.#control, t.RAW_REQUESTS, 1);
  }

  /** It maps registers: from here on it looks at the card unheard, and nobody knows what it is behind. */
  mapped(): void {
    Atomics.store(this.#control, t.IS_OFF, 1);
  }

  /** Memory was allocated: zeroed, and raw no more. */
  allocated(base: number, byteLength: number): void {
    if (base < 0) return;
    const first = Math.floor(base / ARENA_PAGE_BYTES);
    this.#raw.fill(0, first, Math.ceil((base + byteLength) / ARENA_PAGE_BYTES));
    this.answered();
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

  /**
   * False when no window is open. In a new one everything up to now counts as known: what the CPU did before it has heard
   * of the window was not followed.
   */
  #enter(): boolean {
    const window = this.#control[t.WINDOW] as number;
    if (window === 0) return false;
    if (window === this.#window) return true;
    this.#window = window;
    Atomics.store(this.#fence, 0, 0);
    this.#lines = LINES_MAX;
    this.#load.place = undefined;
    this.#store.place = undefined;
    this.#storeIsFirst = true;
    this.#loadIsFirst = true;
    this.#learnAll();
    return true;
  }

  #learnAll(): void {
    const newest = Atomics.load(this.#control, t.TRANSFER);
    this.#loadKnown = newest;
    this.#control[this.#slot] = newest;
  }

  /**
   * Finds where the card's transfers beyond `known` make a race of an access. By its first `lookBytes` bytes it synchronises,
   * so they may meet what comes without a flag.
   */
  #judge(
    access: Waiting,
    marks: Int32Array,
    known: number,
    place: RacePlace,
    from: number,
    byteLength: number,
    lookBytes: number,
  ): void {
    const lastPieceAt = from + byteLength - lastPiece(byteLength);
    let met = -1;
    let isOpen = false;
    for (let word = from >> 2; word << 2 < from + byteLength; word++) {
      const mark = marks[word] as number;
      if (mark >> t.NUMBER_SHIFT <= known) continue;
      const kind = (mark >> t.KIND_SHIFT) & t.KIND_MASK;
      // A flag may be looked at in any way, and so may a word that comes alone.
      if ((kind === t.FLAG || kind === t.WORD) && access === this.#load) continue;
      const isAlone = kind < t.FLAGGED;
      const skipped = isAlone ? lookBytes : 0;
      if (skipped === byteLength) continue;
      const bytes = mark & t.bytesOf(word, from + skipped, byteLength - skipped);
      if (bytes === 0) continue;
      const first = (word << 2) + 31 - Math.clz32(bytes & -bytes);
      isOpen = isAlone && first >= lastPieceAt;
      if (met === -1 || !isOpen) met = word;
      if (!isOpen) break;
    }
    if (met === -1) return;
    const mark = marks[met] as number;
    if (!this.#isSure(mark >> t.NUMBER_SHIFT)) return;
    if (!this.#note(access, place, from, byteLength, met, mark, marks === this.#fetched)) return;
    access.lastPieceAt = lastPieceAt;
    // The last word of what comes without a flag is as good as one: this may be the look for it.
    if (!isOpen) this.#settle(access);
    else if (access === this.#load) access.isBehindLook = true;
  }

  /** Whether it is certain that nobody of the driver's side can know of the transfer. Asked last of all. */
  #isSure(number: number): boolean {
    const control = this.#control;
    if (number <= Atomics.load(control, t.START) || number <= Atomics.load(control, t.LAST_RAW)) return false;
    for (let cpu = 0; cpu < t.SLOT_COUNT; cpu++) {
      const slot = t.slotOf(cpu);
      if (slot !== this.#slot && number <= Atomics.load(control, slot)) return false;
    }
    if (Atomics.load(control, t.IS_OFF) !== 0) return false;
    if (Atomics.load(control, t.RAW_REQUESTS) !== Atomics.load(control, t.RAW_SEEN)) return false;
    return Atomics.load(control, t.WINDOW) === this.#window;
  }

  /** False when no more lines are looked up in this window. */
  #note(
    waiting: Waiting,
    place: RacePlace,
    from: number,
    byteLength: number,
    word: number,
    mark: number,
    isFetch: boolean,
  ): boolean {
    if (this.#lines === 0) return false;
    this.#lines--;
    waiting.place = place;
    waiting.at = Math.max(from, word << 2);
    waiting.mark = mark;
    waiting.isFetch = isFetch;
    waiting.from = from;
    waiting.byteLength = byteLength;
    waiting.isBehindLook = mark >> t.NUMBER_SHIFT <= (this.#control[this.#slot] as number);
    waiting.line = this.#finder.lineOf();
    return true;
  }

  /** What waits was no look: it is a race. */
  #settle(waiting: Waiting): void {
    const { place } = waiting;
    if (place === undefined) return;
    waiting.place = undefined;
    const { at, from, byteLength, mark, isFetch, isBehindLook, line } = waiting;
    const isStore = waiting === this.#store;
    recordRace(this.#finder, place, { at, from, byteLength, mark, isFetch, isStore, isBehindLook, line });
  }
}

function firstPiece(byteLength: number): number {
  return 1 << (31 - Math.clz32(Math.min(byteLength, PIECE_BYTES)));
}

function lastPiece(byteLength: number): number {
  return Math.min(byteLength & -byteLength, PIECE_BYTES);
}

/**
 * Takes these bytes out of their marks, unless the card has marked them anew meanwhile. The numbers stay: who finds one counts
 * the transfer as known.
 */
function coverBytes(marks: Int32Array, from: number, byteLength: number): void {
  for (let word = from >> 2; word << 2 < from + byteLength; word++) {
    const mark = Atomics.load(marks, word);
    Atomics.compareExchange(marks, word, mark, mark & ~t.bytesOf(word, from, byteLength));
  }
}

/** The newest transfer that these bytes are marked with, or older ones of their words. */
function newestOf(marks: Int32Array, from: number, byteLength: number): number {
  const last = (from + byteLength - 1) >> 2;
  let newest = marks[from >> 2] as number;
  for (let word = (from >> 2) + 1; word <= last; word++) {
    const mark = marks[word] as number;
    if (mark > newest) newest = mark;
  }
  return newest >> t.NUMBER_SHIFT;
}
