import { ACTOR_COUNT } from "./clocks.ts";

/** Words of host memory that one run may touch. Those beyond it are not looked at. */
const CELL_LIMIT = 1 << 15;
/** Words of an access that are looked at: the longest DMA write, and more than any access of a CPU. */
const ACCESS_LIMIT = 1 << 14;

// Words of a cell.
const WRITE_EPOCH = 0;
const WRITE_SITE = 1;
const WRITE_MARK = 2;
const WRITE_RELEASE = 3;
/** One bit for each actor that has read since the last write. */
const READERS = 4;
/** The first of four cells, one for each byte, or 0. */
const SPLIT = 5;
/** From here on what TaskRaces notes. */
const NOTES = 6;
const NOTE_COUNT = 8;
const READ_EPOCHS: number = NOTES + NOTE_COUNT;
const READ_SITES: number = READ_EPOCHS + ACTOR_COUNT;
const READ_MARKS: number = READ_SITES + ACTOR_COUNT;
const CELL_SHIFT = 6;

/**
 * Who has accessed each word of host memory last, in this run: the last write, and each actor's last read since. A word
 * that somebody accesses in parts is kept byte for byte. Nothing is cleared between two runs: a cell that was not handed out
 * in this one is not believed.
 */
export class Shadow {
  /** The cells of the access that {@link find} was asked for last. */
  readonly found: Int32Array = new Int32Array(ACCESS_LIMIT);
  /** True when this run touched more words than are looked at. */
  isFull = false;
  readonly #cellOfWord: Int32Array;
  /** Address of a word; of a byte, complemented. */
  readonly #addressOfCell = new Int32Array(CELL_LIMIT);
  readonly #words = new Int32Array(CELL_LIMIT << CELL_SHIFT);
  /** Cell 0 is nobody's. */
  #used = 1;

  /** For memory of so many bytes. */
  constructor(byteLength: number) {
    this.#cellOfWord = new Int32Array((byteLength + 3) >> 2);
  }

  reset(): void {
    this.#used = 1;
    this.isFull = false;
  }

  /** Puts the cells of a byte range into {@link found}; returns how many. */
  find(address: number, byteLength: number): number {
    let count = 0;
    const end = address + byteLength;
    for (let word = address >> 2; word << 2 < end && count < ACCESS_LIMIT - 4; word++) {
      const from = Math.max(address, word << 2) & 3;
      const to = Math.min(end - (word << 2), 4);
      const cell = this.#cellOf(word);
      if (cell === 0) return count;
      const isWhole = to - from === 4;
      const bytes = isWhole ? this.#get(cell, SPLIT) : this.#split(cell);
      if (bytes === 0) {
        if (isWhole) this.found[count++] = cell;
        continue;
      }
      for (let byte = from; byte < to; byte++) this.found[count++] = bytes + byte;
    }
    return count;
  }

  // ---- the last write -----------------------------------------------------------------------------------------------

  /** 0 when nobody has written there. */
  writeEpoch(cell: number): number {
    return this.#get(cell, WRITE_EPOCH);
  }
  writeSite(cell: number): number {
    return this.#get(cell, WRITE_SITE);
  }
  writeMark(cell: number): number {
    return this.#get(cell, WRITE_MARK);
  }
  /** Name of what the write has published, for {@link Clocks.acquire}; 0 for nothing. */
  writeRelease(cell: number): number {
    return this.#get(cell, WRITE_RELEASE);
  }

  setWrite(cell: number, epoch: number, site: number, mark: number, release: number): void {
    const at = cell << CELL_SHIFT;
    const words = this.#words;
    words[at + WRITE_EPOCH] = epoch;
    words[at + WRITE_SITE] = site;
    words[at + WRITE_MARK] = mark;
    words[at + WRITE_RELEASE] = release;
    words[at + READERS] = 0;
  }

  /** The write turns out to be of another kind, if it is still the last one. */
  remarkWrite(cell: number, site: number, mark: number): void {
    if (this.#get(cell, WRITE_SITE) === site) this.#words[(cell << CELL_SHIFT) + WRITE_MARK] = mark;
  }

  // ---- reads since --------------------------------------------------------------------------------------------------

  readers(cell: number): number {
    return this.#get(cell, READERS);
  }
  readEpoch(cell: number, actor: number): number {
    return this.#get(cell, READ_EPOCHS + actor);
  }
  readSite(cell: number, actor: number): number {
    return this.#get(cell, READ_SITES + actor);
  }
  readMark(cell: number, actor: number): number {
    return this.#get(cell, READ_MARKS + actor);
  }

  setRead(cell: number, actor: number, epoch: number, site: number, mark: number): void {
    const at = cell << CELL_SHIFT;
    const words = this.#words;
    words[at + READERS] = (words[at + READERS] as number) | (1 << actor);
    words[at + READ_EPOCHS + actor] = epoch;
    words[at + READ_SITES + actor] = site;
    words[at + READ_MARKS + actor] = mark;
  }

  remarkRead(cell: number, actor: number, site: number, mark: number): void {
    if (this.#get(cell, READ_SITES + actor) === site) this.#words[(cell << CELL_SHIFT) + READ_MARKS + actor] = mark;
  }

  // ---- what TaskRaces notes of a cell; 0 until it has ----------------------------------------------------------------

  note(cell: number, which: number): number {
    return this.#get(cell, NOTES + which);
  }
  setNote(cell: number, which: number, value: number): void {
    this.#words[(cell << CELL_SHIFT) + NOTES + which] = value;
  }

  // ---- where it is ---------------------------------------------------------------------------------------------------

  addressOf(cell: number): number {
    const at = this.#addressOfCell[cell] as number;
    return at < 0 ? ~at : at;
  }
  byteLengthOf(cell: number): number {
    return (this.#addressOfCell[cell] as number) < 0 ? 1 : 4;
  }

  // ---- inside -------------------------------------------------------------------------------------------------------

  #get(cell: number, field: number): number {
    return this.#words[(cell << CELL_SHIFT) + field] as number;
  }

  #cellOf(word: number): number {
    const known = this.#cellOfWord[word] as number;
    if (known > 0 && known < this.#used && this.#addressOfCell[known] === word << 2) return known;
    const cell = this.#take(1);
    if (cell === 0) return 0;
    this.#cellOfWord[word] = cell;
    this.#addressOfCell[cell] = word << 2;
    const at = cell << CELL_SHIFT;
    // So few that a call costs more than they do.
    for (let field = 0; field < READ_EPOCHS; field++) this.#words[at + field] = 0;
    return cell;
  }

  /** The cells of the bytes of a word; they begin as what is known of the word. */
  #split(cell: number): number {
    const known = this.#get(cell, SPLIT);
    if (known !== 0) return known;
    const first = this.#take(4);
    if (first === 0) return 0;
    const from = cell << CELL_SHIFT;
    for (let byte = 0; byte < 4; byte++) {
      this.#addressOfCell[first + byte] = ~(this.addressOf(cell) + byte);
      this.#words.copyWithin((first + byte) << CELL_SHIFT, from, from + (1 << CELL_SHIFT));
    }
    this.#words[from + SPLIT] = first;
    return first;
  }

  #take(count: number): number {
    if (this.#used + count > CELL_LIMIT) {
      this.isFull = true;
      return 0;
    }
    this.#used += count;
    return this.#used - count;
  }
}
