import type { Endpoint } from "../pcie/endpoint.ts";
import type { Register } from "../registers/declare.ts";
import type { RegisterFile } from "../registers/register-file.ts";
import { NO_REGISTER, type RegisterMap } from "../registers/register-map.ts";
import type { EventSource } from "./device-host.ts";

/** Registers compared in one turn: a whole card is gone through in some tens of turns. */
const SLICE_COUNT = 48;
/** Doorbells that have rung are looked at every turn, this many at most. */
const HOT_LIMIT = 64;
/**
 * A driver on raw memory reads its own store back and cannot wait until a queue is up. So a doorbell that follows a
 * control write is looked at this much later: longer than a card takes to enable a queue.
 */
const SETTLE_NS = 20_000;
/** The registers of one ring usually stand in one block of this size: they are compared together. */
const RING_BLOCK_WORDS = 16;

/**
 * A BAR as raw shared memory. The driver stores and loads without a call; the device compares the memory with what it
 * last put there. A word that differs was written by the driver: the write happens, and what a read would give goes
 * back. A register that the device changed is copied out.
 *
 * Raw memory keeps no order between registers. What a driver writes of a ring before it enables it is compared together
 * with the enabling, and a doorbell is written last: before one rings, the registers of its ring are compared, and all
 * registers of the card when it rings for the first time.
 *
 * What raw memory cannot do: a read has no side effect, two writes between two looks are one, and writing the value
 * that stands there already is no write.
 */
export class Mirror implements EventSource {
  readonly #bar: number;
  readonly #endpoint: Endpoint;
  readonly #file: RegisterFile;
  readonly #memory: Int32Array;
  /** The words of the BAR that reach a register, aliases included: BAR word, ordinal and what the device last put there. */
  readonly #words: Int32Array;
  readonly #ordinals: Int32Array;
  readonly #shadow: Int32Array;
  readonly #isDoorbell: Uint8Array;
  /** What a read gives is the register's value under this mask; 0 for a register that is brought up to date first. */
  readonly #masks: Int32Array;
  /** BAR word → index into the arrays above, or -1. */
  readonly #indexOfWord: Int32Array;
  readonly #hot = new Int32Array(HOT_LIMIT);
  readonly #isHot: Uint8Array;
  /** `[0]`: doorbells are held until the devices have had a turn at or after this time; Infinity when none are. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  #holdsDoorbells = false;
  /** Everything that was stored is being taken, held doorbells too. */
  #isPushed = false;
  #hotCount = 0;
  #next = 0;

  /** The BAR's memory begins at `memoryOffset` of `memory`. */
  constructor(bar: number, endpoint: Endpoint, file: RegisterFile, memory: ArrayBufferLike, memoryOffset: number = 0) {
    this.#bar = bar;
    this.#endpoint = endpoint;
    this.#file = file;
    const { map } = file;
    this.#memory = new Int32Array(memory, memoryOffset, map.byteLength >>> 2);
    const words: number[] = [];
    this.#indexOfWord = new Int32Array(map.byteLength >>> 2).fill(-1);
    for (let word = 0; word < map.byteLength >>> 2; word++) {
      if (map.ordinalAt(word << 2) === NO_REGISTER) continue;
      this.#indexOfWord[word] = words.length;
      words.push(word);
    }
    this.#words = Int32Array.from(words);
    this.#ordinals = Int32Array.from(words, (word) => map.ordinalAt(word << 2));
    this.#isDoorbell = Uint8Array.from(this.#ordinals, (ordinal) => +(map.registerOf(ordinal).mirror === "doorbell"));
    this.#masks = Int32Array.from(this.#ordinals, (ordinal) => file.visibleMask(ordinal) ?? 0);
    this.#isHot = new Uint8Array(words.length);
    this.#shadow = new Int32Array(words.length);
    this.restart();
  }

  /** Puts out what a read gives, whatever a driver has stored: the next one begins anew. */
  restart(): void {
    for (let index = 0; index < this.#words.length; index++) {
      const value = this.#file.visible(this.#ordinals[index] as number);
      this.#shadow[index] = value;
      Atomics.store(this.#memory, this.#words[index] as number, value);
    }
    this.#holdsDoorbells = false;
    this.next[0] = Number.POSITIVE_INFINITY;
    this.#hotCount = 0;
    this.#isHot.fill(0);
  }

  poll(): boolean {
    // Held for one look more: timers that are due run after this look, not before it.
    const wasSettled = this.#isSettled();
    let busy = this.#holdsDoorbells && !this.#waitsForTime();
    for (let at = 0; at < this.#hotCount; at++) {
      const index = this.#hot[at] as number;
      if (!this.#isUnchanged(index) && this.#compare(index)) busy = true;
    }
    if (this.#compareSlice()) busy = true;
    if (wasSettled && this.#isSettled()) {
      this.#holdsDoorbells = false;
      this.next[0] = Number.POSITIVE_INFINITY;
    }
    return busy;
  }

  /**
   * Compares the next registers. Nearly all are as they were, which two plain loads tell; what has changed goes the way
   * of {@link #compare}, whose load is atomic. With a call for each register a look cost 1.2 µs, as much as ten frames.
   */
  #compareSlice(): boolean {
    const words = this.#words;
    const memory = this.#memory;
    const shadow = this.#shadow;
    const ordinals = this.#ordinals;
    const masks = this.#masks;
    const { values } = this.#file;
    const count = words.length;
    let busy = false;
    let index = this.#next;
    for (let budget = Math.min(SLICE_COUNT, count); budget > 0; budget--) {
      const put = shadow[index] as number;
      const mask = masks[index] as number;
      const isSame =
        memory[words[index] as number] === put && ((values[ordinals[index] as number] as number) & mask) === put;
      if ((mask === 0 || !isSame) && this.#compare(index)) busy = true;
      index = (index + 1) | 0;
      if (index === count) index = 0;
    }
    this.#next = index;
    return busy;
  }

  /** Takes what the driver stored, and puts out what a read gives, for the whole BAR at once. */
  compareAll(): void {
    for (let index = 0; index < this.#words.length; index++) this.#compare(index);
  }

  /**
   * A request follows that stores do not overtake and that does not overtake them: takes all that the driver stored, the
   * doorbells last and without waiting. One that was held would otherwise ring behind the reset that came after it.
   */
  push(): void {
    const { length } = this.#words;
    for (let index = 0; index < length; index++) if (this.#isDoorbell[index] === 0) this.#compare(index);
    this.#isPushed = true;
    for (let index = 0; index < length; index++) if (this.#isDoorbell[index] === 1) this.#compare(index);
    this.#isPushed = false;
  }

  isIdle(): boolean {
    const held = this.#waitsForTime();
    for (let index = 0; index < this.#words.length; index++) {
      if (held && this.#isDoorbell[index] === 1) continue;
      if (this.#memory[this.#words[index] as number] !== this.#shadow[index]) return false;
    }
    return true;
  }

  /** True when the driver had written the word, or the device changed its register. */
  #compare(index: number): boolean {
    const word = this.#words[index] as number;
    const written = Atomics.load(this.#memory, word);
    const shadow = this.#shadow[index] as number;
    if (written !== shadow) {
      if (this.#isDoorbell[index] === 0) {
        this.#settleLater();
        this.#compareBlock(word, word);
      } else {
        this.#compareBeforeDoorbell(index);
        if (this.#holdsDoorbells && !this.#isPushed) return !this.#waitsForTime();
      }
      this.#endpoint.orderIsUnknown = true;
      this.#endpoint.write(this.#bar, word << 2, 4, written, 0);
      this.#endpoint.orderIsUnknown = false;
      this.#publish(index, word, written);
      return true;
    }
    if (this.#file.visible(this.#ordinals[index] as number) === shadow) return false;
    this.#publish(index, word, shadow);
    return true;
  }

  /** What the driver stored before the doorbell is in memory by now, and has to be known before it rings. */
  #compareBeforeDoorbell(doorbell: number): void {
    if (this.#isHot[doorbell] === 0) {
      this.#heat(doorbell);
      for (let index = 0; index < this.#words.length; index++) if (this.#isDoorbell[index] === 0) this.#compare(index);
      return;
    }
    const word = this.#words[doorbell] as number;
    this.#compareBlock(word, word | (RING_BLOCK_WORDS - 1));
  }

  /**
   * The control registers of a ring up to the word `end`, which has been loaded already. Those of a ring stand before the
   * one that enables it, which a driver stores last; but a slice may begin between them, and would see it first.
   */
  #compareBlock(word: number, end: number): void {
    for (let other = word & ~(RING_BLOCK_WORDS - 1); other < end; other++) {
      const index = this.#indexOfWord[other] as number;
      if (index >= 0 && this.#isDoorbell[index] === 0 && !this.#isUnchanged(index)) this.#compare(index);
    }
  }

  /** Tells at little cost that there is nothing to {@link #compare}. False when it cannot tell. */
  #isUnchanged(index: number): boolean {
    const put = this.#shadow[index] as number;
    const mask = this.#masks[index] as number;
    if (this.#memory[this.#words[index] as number] !== put || mask === 0) return false;
    return ((this.#file.values[this.#ordinals[index] as number] as number) & mask) === put;
  }

  /** Puts out what a read gives now, unless the driver has written again since: that write is taken at the next look. */
  #publish(index: number, word: number, expected: number): void {
    const value = this.#file.visible(this.#ordinals[index] as number);
    this.#shadow[index] = value;
    if (value !== expected) Atomics.compareExchange(this.#memory, word, expected, value);
  }

  #isSettled(): boolean {
    return this.#holdsDoorbells && (this.next[0] as number) <= (this.#endpoint.clock.now[0] as number);
  }

  /** Held doorbells keep a thread on the wall clock awake; virtual time moves only when nobody is busy. */
  #waitsForTime(): boolean {
    return this.#holdsDoorbells && this.#endpoint.clock.kind === "virtual" && !this.#isSettled();
  }

  #settleLater(): void {
    this.#holdsDoorbells = true;
    this.next[0] = (this.#endpoint.clock.now[0] as number) + SETTLE_NS;
  }

  #heat(index: number): void {
    this.#isHot[index] = 1;
    if (this.#hotCount === HOT_LIMIT) return;
    this.#hot[this.#hotCount++] = index;
  }
}

/** What a driver that maps this BAR has to know, in lines for a person. */
export function mappedAccessLimits(device: string, bar: number, map: RegisterMap): string[] {
  const exact = map.registers.filter((register) => register.mirror === "exact");
  return [
    `${device} BAR${bar} is mapped as raw memory: the device sees stores when it next looks, and no loads at all.`,
    ...(exact.length === 0 ? [] : [`- A read has no side effect. Needs the accessors to be exact: ${namesOf(exact)}.`]),
    "- What a store brings about (a busy bit, a result) is there when the device has looked: a poll right behind the store sees the state before it.",
    "- Several stores to one register between two looks are one write; storing the value that is there is no write.",
    "- What goes through raw memory is judged by the device alone: sanitizers see accessors. Data races are not looked for any more.",
  ];
}

function namesOf(registers: readonly Register[]): string {
  const names = registers.map((register) => register.name);
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`;
}
