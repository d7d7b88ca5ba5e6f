import { copyMemory, copyWordsExcept, type MemoryView } from "../memory/memory-view.ts";

/** Write-backs that wait for one barrier. A burst of descriptors fits; more would keep the driver waiting. */
const WRITE_BACK_LIMIT = 32;
/** Longest write that is kept back whole: a descriptor. */
const KEPT_WORDS = 4;

/** Words of an entry: index of the first word, number of words, which of them is the flag; then their values. */
const ENTRY_SHIFT = 3;
const ENTRY_FIRST = 0;
const ENTRY_COUNT = 1;
const ENTRY_FLAG = 2;
const ENTRY_VALUES = 4;

/**
 * DMA writes with a flag, which the driver polls and must see last: descriptors that are written back. They are kept here
 * and land together, as a card combines write-backs: the payload of all of them first, one barrier, then their flags.
 * A barrier waits until every earlier store has reached the other core, so one before each flag would cost more than
 * the rest; and a driver that polls a descriptor takes its cache line away from a device that still fills it.
 */
export class WriteBacks {
  count = 0;
  readonly #memories: (Int32Array | undefined)[] = new Array(WRITE_BACK_LIMIT).fill(undefined);
  readonly #entries = new Int32Array(WRITE_BACK_LIMIT << ENTRY_SHIFT);
  /** All kept writes lie in these words between `#low` and `#high`, unless there are several memories. */
  #memory: Int32Array | undefined;
  #severalMemories = false;
  #low = 0;
  #high = 0;
  /** A word of its own: a sequentially consistent store to it is the barrier. */
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));

  /** Writes `byteLength` bytes to host memory, the word at `flagOffset` last. Lands now or later, behind those before it. */
  write(
    target: MemoryView,
    targetOffset: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    const first = targetOffset >> 2;
    const wordCount = byteLength >> 2;
    if (((targetOffset | offset | flagOffset | byteLength) & 3) !== 0) {
      // A misaligned descriptor cannot be stored word by word; the driver has been told about the alignment already.
      this.land();
      copyMemory(target, targetOffset, memory, offset, byteLength);
    } else if (wordCount <= KEPT_WORDS) {
      this.#put(target.words, first, memory, offset >> 2, wordCount, flagOffset >> 2);
    } else {
      this.land();
      copyWordsExcept(target, targetOffset, memory, offset, byteLength, flagOffset);
      this.#put(target.words, first + (flagOffset >> 2), memory, (offset + flagOffset) >> 2, 1, 0);
    }
  }

  /** Keeps `wordCount` words back until {@link land}; lands the others first when there is no room. */
  #put(
    words: Int32Array,
    first: number,
    source: MemoryView,
    sourceFirst: number,
    wordCount: number,
    flag: number,
  ): void {
    // What was kept lands in its order, but all flags behind all payload: a payload must not fall back behind a flag.
    if (this.count === WRITE_BACK_LIMIT || (wordCount > 1 && this.touches(words, first, wordCount))) this.land();
    const at = this.count;
    // Compared first: storing an object into a list costs the collector's barrier, and it is the same one for long.
    if (this.#memories[at] !== words) this.#memories[at] = words;
    this.#note(at === 0, words, first, (first + wordCount) | 0);
    const entries = this.#entries;
    const from = source.words;
    const entry = at << ENTRY_SHIFT;
    entries[entry + ENTRY_FIRST] = first;
    entries[entry + ENTRY_COUNT] = wordCount;
    entries[entry + ENTRY_FLAG] = flag;
    const value = entry + ENTRY_VALUES;
    if (wordCount === KEPT_WORDS) {
      entries[value] = from[sourceFirst] as number;
      entries[(value + 1) | 0] = from[(sourceFirst + 1) | 0] as number;
      entries[(value + 2) | 0] = from[(sourceFirst + 2) | 0] as number;
      entries[(value + 3) | 0] = from[(sourceFirst + 3) | 0] as number;
    } else {
      for (let word = 0; word < wordCount; word++) entries[value + word] = from[sourceFirst + word] as number;
    }
    this.count = (at + 1) | 0;
  }

  /** Stores everything that was kept back, in its order, each flag behind all that was written before. */
  land(): void {
    const count = this.count;
    if (count === 0) return;
    const entries = this.#entries;
    for (let at = 0; at < count; at++) {
      const entry = at << ENTRY_SHIFT;
      const wordCount = entries[entry + ENTRY_COUNT] as number;
      if (wordCount === 1) continue;
      const words = this.#memories[at] as Int32Array;
      const first = entries[entry + ENTRY_FIRST] as number;
      const flag = entries[entry + ENTRY_FLAG] as number;
      const value = entry + ENTRY_VALUES;
      // Nearly all are whole descriptors, and a loop over so few words costs more than the words.
      if (wordCount === KEPT_WORDS) {
        if (flag !== 0) words[first] = entries[value] as number;
        if (flag !== 1) words[(first + 1) | 0] = entries[(value + 1) | 0] as number;
        if (flag !== 2) words[(first + 2) | 0] = entries[(value + 2) | 0] as number;
        if (flag !== 3) words[(first + 3) | 0] = entries[(value + 3) | 0] as number;
        continue;
      }
      for (let word = 0; word < wordCount; word++) {
        if (word !== flag) words[first + word] = entries[value + word] as number;
      }
    }
    // A full barrier in both halves: on Arm a release store alone lets later stores pass it.
    Atomics.store(this.#fence, 0, 0);
    Atomics.load(this.#fence, 0);
    for (let at = 0; at < count; at++) {
      const entry = at << ENTRY_SHIFT;
      const flag = entries[entry + ENTRY_FLAG] as number;
      const index = ((entries[entry + ENTRY_FIRST] as number) + flag) | 0;
      (this.#memories[at] as Int32Array)[index] = entries[(entry + ENTRY_VALUES + flag) | 0] as number;
    }
    this.count = 0;
  }

  /** True when one of them lies in a range of words: whoever is about to read or to write there lands them first. */
  touches(words: Int32Array, first: number, wordCount: number): boolean {
    if (this.count === 0) return false;
    const end = (first + wordCount) | 0;
    if (!this.#severalMemories && (this.#memory !== words || first >= this.#high || end <= this.#low)) return false;
    for (let at = 0; at < this.count; at++) {
      const entry = at << ENTRY_SHIFT;
      const kept = this.#entries[entry + ENTRY_FIRST] as number;
      const keptEnd = kept + (this.#entries[entry + ENTRY_COUNT] as number);
      if (this.#memories[at] === words && kept < end && first < keptEnd) return true;
    }
    return false;
  }

  #note(isFirst: boolean, words: Int32Array, first: number, end: number): void {
    if (isFirst) {
      this.#memory = words;
      this.#severalMemories = false;
      this.#low = first;
      this.#high = end;
      return;
    }
    if (this.#memory !== words) this.#severalMemories = true;
    if (first < this.#low) this.#low = first;
    if (end > this.#high) this.#high = end;
  }
}
