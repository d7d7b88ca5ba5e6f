import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { ItchBook } from "../../emulator/wire/books/itch-book.ts";
import { ASK, BID, NO_LEVEL } from "../../emulator/wire/books/price-ladders.ts";
import { BOOK_BYTE_LENGTH, BOOK_ENTRY_BYTE_LENGTH } from "./declaration.ts";
import * as reg from "./registers.ts";

/** Words of an entry of the table (data sheet, Book). */
const ENTRY_SEQUENCE = 0;
const ENTRY_LOCATE = 1;
export const ENTRY_BID_PRICE = 2;
export const ENTRY_BID_SIZE = 3;
export const ENTRY_ASK_PRICE = 4;
export const ENTRY_ASK_SIZE = 5;
const ENTRY_MESSAGE = 6;
const ENTRY_TIME = 7;

const WORDS: number = BOOK_ENTRY_BYTE_LENGTH / 4;
/** No slot follows the stock, or none has to change. */
export const NO_SLOT = -1;
const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const [FAULTS, TIME_LOW, TIME_HIGH] = [
  ordinal(reg.BOOK_FAULTS),
  ordinal(reg.FEED_TIME_LOW),
  ordinal(reg.FEED_TIME_HIGH),
];
const { VALID, LOCATE } = reg.SLOT_FILTER.fields;

/**
 * The books of the stocks that the slots follow, and the table of their tops in BAR2. An entry is written as two halves
 * between an odd and an even sequence: a driver that reads while the sequence is odd, or has moved on, has nothing.
 */
export class BookTable {
  /** The part of BAR2 that is the table. */
  readonly window: MemoryView = MemoryView.ofSize(BOOK_BYTE_LENGTH);
  readonly #registers: RegisterFile;
  readonly #book: ItchBook;
  readonly #locateCount: number;
  readonly #slotOfLocate: Int8Array;
  /** The top as the book has it and the table is about to: bid price, bid size, ask price, ask size. */
  readonly #top = new Int32Array(4);

  constructor(registers: RegisterFile, { orderCapacity, locateCount }: { orderCapacity: number; locateCount: number }) {
    this.#registers = registers;
    this.#locateCount = locateCount;
    this.#book = new ItchBook({
      instrumentCount: locateCount,
      orderCapacity: Math.min(orderCapacity, 65_536),
      orderLimit: orderCapacity,
      levelCapacity: Math.min(orderCapacity, 16_384),
    });
    this.#slotOfLocate = new Int8Array(locateCount).fill(NO_SLOT);
    registers.onWrite(reg.SLOT_FILTER, (slot) => this.#follow(slot));
  }

  /** The slot that follows a stock, or -1. */
  slotOf(locate: number): number {
    return locate < this.#locateCount ? (this.#slotOfLocate[locate] as number) : NO_SLOT;
  }

  /** Applies a message of a stock that is followed. Returns the slot whose entry has to change, by {@link begin} and so on, or -1. */
  apply(bytes: Uint8Array, offset: number, byteLength: number): number {
    const { book, reader } = this.#book;
    const { values } = this.#registers;
    if (this.#book.apply(bytes, offset, byteLength) > 0) values[FAULTS] = ((values[FAULTS] as number) + 1) | 0;
    values[TIME_LOW] = reader.timestampLow;
    values[TIME_HIGH] = reader.timestampHigh;
    if (!book.topChanged) return NO_SLOT;
    // The order's stock, should the message name another one.
    const locate = book.touchedInstrument;
    const slot = this.slotOf(locate);
    if (slot === NO_SLOT) return NO_SLOT;
    const top = this.#top;
    this.#readSide(locate, BID, 0);
    this.#readSide(locate, ASK, 2);
    const at = slot * WORDS + ENTRY_BID_PRICE;
    const { words } = this.window;
    const isSame =
      words[at] === top[0] && words[at + 1] === top[1] && words[at + 2] === top[2] && words[at + 3] === top[3];
    return isSame ? NO_SLOT : slot;
  }

  /** First step: the entry is being written. */
  begin(slot: number): void {
    this.#advance(slot);
  }

  writeBid(slot: number): void {
    const at = slot * WORDS;
    this.window.words[at + ENTRY_BID_PRICE] = this.#top[0] as number;
    this.window.words[at + ENTRY_BID_SIZE] = this.#top[1] as number;
  }

  writeAsk(slot: number): void {
    const at = slot * WORDS;
    this.window.words[at + ENTRY_ASK_PRICE] = this.#top[2] as number;
    this.window.words[at + ENTRY_ASK_SIZE] = this.#top[3] as number;
  }

  /** Last step: which message it was, when, and that the entry is whole. */
  end(slot: number, message: number, cyclesLow: number): void {
    const at = slot * WORDS;
    this.window.words[at + ENTRY_MESSAGE] = message;
    this.window.words[at + ENTRY_TIME] = cyclesLow;
    this.#advance(slot);
  }

  /** The stock that a slot follows. */
  locateOf(slot: number): number {
    return this.word(slot, ENTRY_LOCATE);
  }

  /** A word of a slot's entry. */
  word(slot: number, word: number): number {
    return this.window.words[slot * WORDS + word] as number;
  }

  /** Forgets all orders; empties the entries, whose sequences go on. */
  clear(): void {
    if (this.#book.book.orderCount > 0) this.#book.book.clearAll();
    for (let slot = 0; slot < reg.SLOT_COUNT; slot++) this.#empty(slot);
  }

  reset(): void {
    this.clear();
    this.window.words.fill(0);
    this.#refresh();
  }

  snapshot(): BookTableState {
    return { window: this.window.words.slice(), top: this.#top.slice(), orders: this.#book.book.snapshot() };
  }

  /** The registers were restored before. */
  restore(state: BookTableState): void {
    this.window.words.set(state.window);
    this.#top.set(state.top);
    this.#book.book.restore(state.orders);
    this.#refresh();
  }

  #readSide(locate: number, side: number, at: number): void {
    const { levels } = this.#book.book;
    const level = levels.best(locate, side);
    this.#top[at] = level === NO_LEVEL ? 0 : levels.priceOf(level) | 0;
    // The sum of a level may be more than 32 bits hold.
    const size = level === NO_LEVEL ? 0 : levels.sizeOf(level);
    this.#top[at + 1] = size > 0xffff_ffff ? -1 : size | 0;
  }

  #follow(slot: number): void {
    // What the stock's book was before is not known, so its orders go, and those of the stock that was there.
    const { words } = this.window;
    const before = words[slot * WORDS + ENTRY_LOCATE] as number;
    const filter = this.#registers.get(reg.SLOT_FILTER, slot);
    const after = (filter & VALID.mask) !== 0 ? filter & LOCATE.mask : 0;
    if (this.#book.book.orderCount > 0)
      for (const locate of [before, after]) if (locate < this.#locateCount) this.#book.book.clear(locate);
    this.#empty(slot);
    words[slot * WORDS + ENTRY_LOCATE] = after;
    this.#refresh();
  }

  #empty(slot: number): void {
    const at = slot * WORDS;
    this.window.words.fill(0, at + ENTRY_BID_PRICE, at + WORDS);
    // Even again, whatever was being written, and another one than before.
    this.window.words[at + ENTRY_SEQUENCE] = ((this.window.words[at + ENTRY_SEQUENCE] as number) + 2) & ~1;
  }

  #advance(slot: number): void {
    const at = slot * WORDS + ENTRY_SEQUENCE;
    this.window.words[at] = ((this.window.words[at] as number) + 1) | 0;
  }

  #refresh(): void {
    this.#slotOfLocate.fill(NO_SLOT);
    for (let slot = reg.SLOT_COUNT - 1; slot >= 0; slot--) {
      const filter = this.#registers.get(reg.SLOT_FILTER, slot);
      if ((filter & VALID.mask) === 0) continue;
      const locate = filter & LOCATE.mask;
      if (locate < this.#locateCount) this.#slotOfLocate[locate] = slot;
    }
  }
}

export interface BookTableState {
  readonly window: Int32Array;
  readonly top: Int32Array;
  readonly orders: Float64Array;
}
