/**
 * The page of shared memory between the engine and one CPU that runs in a worker. Whoever TURN names may write; the other
 * waits. So nothing on the page is ever looked at by two.
 */
const WORD_COUNT = 48;
const TEXT_AT = 256;
const PAGE_BYTES = 2048;
export const TEXT_BYTES_MAX: number = PAGE_BYTES - TEXT_AT;
const NUMBERS_AT = 8 * Math.ceil((4 * WORD_COUNT) / 8);

/** Looks before a wait goes to sleep: some microseconds, ten times what a hand-over takes while both are awake. */
const SPINS = 4000;

// ---- words ----------------------------------------------------------------------------------------------------------
const TURN = 0;
/** What the engine wants. */
export const COMMAND = 1;
/** What the worker has to say. */
export const REPORT = 2;
/** The operation that the worker publishes; all but the operand as the explorer's state has it. */
export const KIND = 3;
export const ADDRESS = 4;
export const BYTE_LENGTH = 5;
export const LOW = 6;
export const HIGH = 7;
export const OPERAND = 8;
/** What the engine answers, or asks about. */
export const ANSWER = 9;
export const ANSWER_HIGH = 10;
export const TIMED_OUT = 11;
/** The thread number of the CPU in the program. */
export const THREAD = 12;
/** A bit for each outcome that the program has noted since the last turn; the values follow. */
export const OUTCOME_MASK = 13;
const TEXT_LENGTH = 14;
/** What the CPU does about interrupts, up to this operation: {@link HANDLES} and so on, or-ed. */
export const INTERRUPTS = 15;
export const OUTCOMES = 16;

// ---- numbers of 64 bits ---------------------------------------------------------------------------------------------
export const NOW_NS = 0;
export const LIMIT_NS = 1;

// ---- commands -------------------------------------------------------------------------------------------------------
/** Run the program from its beginning. */
export const RUN = 1;
/** The published operation has happened. */
export const GO_ON = 2;
/** The run is over: leave the program. */
export const LEAVE = 3;
/** Does the value in ANSWER satisfy the predicate of the published poll? */
export const ASK = 4;

/** Take an interrupt: run the handler on top of the published operation. */
export const HANDLE = 5;

// ---- what a CPU does about interrupts -------------------------------------------------------------------------------
/** It has a handler. */
export const HANDLES = 1;
/** It holds its handlers back. */
export const HOLDS = 2;
/** Something has arrived that its handler has not been called for: from before there was one. */
export const IS_BEHIND = 4;
/** It has taken one by asking: what it reads from here on is not older. */
export const TOOK = 8;
/** What it accesses others may access meanwhile, as the driver says; or it has to look back at what was accessed so. */
export const IS_RACY = 16;
export const LOOKS_BACK = 32;

// ---- reports --------------------------------------------------------------------------------------------------------
/** The module is loaded; no program runs. */
export const IDLE = 1;
/** An operation is published. */
export const PENDING = 2;
/** The program has returned. */
export const RETURNED = 3;
/** It threw; the text says what. */
export const THREW = 4;
/** An assertion of the program does not hold; the text says which. */
export const BROKEN = 5;
/** The module could not be loaded; the text says why. */
export const NOT_LOADED = 6;
/** The thread ends: the program has called process.exit, or something outside of it threw. */
export const GONE = 7;
export const YES = 8;
export const NO = 9;
/** The handler has returned; the operation below it is still published. */
export const HANDLED = 10;

/** Who holds the token. */
export const ENGINE = 0;
export const WORKER = 1;

export class TokenPage {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly #text: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(PAGE_BYTES)) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, WORD_COUNT);
    this.numbers = new Float64Array(buffer, NUMBERS_AT, 2);
    this.#text = new Uint8Array(buffer, TEXT_AT);
  }

  get turn(): number {
    return Atomics.load(this.words, TURN);
  }

  /** Gives the token to the other side. */
  handTo(side: number): void {
    Atomics.store(this.words, TURN, side);
    Atomics.notify(this.words, TURN);
  }

  /** Waits until `side` has the token; false when `limitMs` is over before. */
  waitFor(side: number, limitMs: number): boolean {
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(this.words, TURN) === side) return true;
    while (Atomics.load(this.words, TURN) !== side) {
      if (Atomics.wait(this.words, TURN, 1 - side, limitMs) === "timed-out") return false;
    }
    return true;
  }

  get text(): string {
    const length = this.words[TEXT_LENGTH] as number;
    // A decoder refuses shared memory.
    return new TextDecoder().decode(this.#text.slice(0, length));
  }

  set text(text: string) {
    this.words[TEXT_LENGTH] = 0;
    if (text === "") return;
    const bytes = new TextEncoder().encode(text).subarray(0, TEXT_BYTES_MAX);
    this.#text.set(bytes);
    this.words[TEXT_LENGTH] = bytes.length;
  }
}
