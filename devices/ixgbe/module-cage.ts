import { placed } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { type ModuleKind, moduleImage } from "./module-image.ts";
import * as reg from "./registers.ts";

const { CLK_IN, CLK_OUT, DATA_IN, DATA_OUT } = reg.I2CCTL.fields;
const { SDP_DATA, SDP_IODIR } = reg.ESDP.fields;
/** High while something is plugged in. */
const PRESENT_PIN = 1 << 2;
/** An output: high switches the laser off. */
const LASER_OFF_PIN = 1 << 3;

/** Bits 7–1 of the first byte of a transfer. */
const MODULE_ADDRESS = 0x50;
const BYTE_BITS = 8;
const IMAGE_MASK = 0x7f;

/** What the module is in the midst of: words of its state. */
const CLOCK = 0;
const DATA = 1;
const PHASE = 2;
/** Rising edges of the clock in this byte; the ninth is the acknowledgement's. */
const EDGES = 3;
const SHIFT = 4;
/** The byte that a read gives next. */
const POINTER = 5;
/** 1: the module holds the data line low. */
const PULLS = 6;
const STATE_WORDS = 7;

/** Phases: asleep until a start; taking the address, the offset or data; giving bytes. */
const ASLEEP = 0;
const TAKES_ADDRESS = 1;
const TAKES_OFFSET = 2;
const TAKES_DATA = 3;
const GIVES = 4;

/**
 * The SFP+ cage: the two-wire bus that drivers move edge by edge through I2CCTL, with a module's memory on it, and the pins
 * in ESDP. Lines are open drain: they are low when either side pulls. The module is as quick as its master.
 */
export class ModuleCage {
  readonly #registers: RegisterFile;
  readonly #image: Uint8Array;
  readonly #isFull: boolean;
  readonly #hasCage: boolean;
  readonly #state = new Int32Array(STATE_WORDS);

  /** `kind` is undefined for a card without a cage. */
  constructor(registers: RegisterFile, kind: ModuleKind | undefined) {
    this.#registers = registers;
    this.#image = moduleImage(kind ?? "none");
    this.#isFull = kind !== undefined && kind !== "none";
    this.#hasCage = kind !== undefined;
    registers.onWrite(reg.I2CCTL, (_index, value) => this.#moveLines(value));
    registers.onWrite(reg.ESDP, (_index, value) => this.#movePins(value));
  }

  /** After a reset: the lines are released, and the EEPROM has set the direction of the pins. */
  reset(): void {
    this.#state.fill(0);
    this.#state[CLOCK] = this.#state[DATA] = 1;
    this.#movePins(this.#hasCage ? placed(SDP_IODIR, LASER_OFF_PIN) : 0);
  }

  snapshot(): Int32Array {
    return this.#state.slice();
  }

  restore(state: Int32Array): void {
    this.#state.set(state);
  }

  /** Pins that are inputs read as what is outside, outputs as what was written. */
  #movePins(value: number): void {
    const outputs = (value & SDP_IODIR.mask) >>> SDP_IODIR.low;
    const outside = this.#isFull ? PRESENT_PIN : 0;
    this.#registers.set(reg.ESDP, (value & ~SDP_DATA.mask) | (value & outputs) | (outside & ~outputs));
  }

  #moveLines(value: number): void {
    const state = this.#state;
    const clock = (value & CLK_OUT.mask) === 0 ? 0 : 1;
    const released = (value & DATA_OUT.mask) === 0 ? 0 : 1;
    const before = state[DATA] as number;
    const wasHigh = state[CLOCK] === 1;
    state[CLOCK] = clock;
    // An edge of the clock counts with the data of before, a change of the data with the clock as it is.
    if (this.#isFull && clock === 1 && !wasHigh) this.#rise(released & (1 - (state[PULLS] as number)));
    else if (this.#isFull && clock === 0 && wasHigh) this.#fall();
    const data = released & (1 - (state[PULLS] as number));
    if (this.#isFull && clock === 1 && wasHigh && data !== before) this.#condition(data === 0);
    state[DATA] = data;
    const levels = (clock === 0 ? 0 : CLK_IN.mask) | (data === 0 ? 0 : DATA_IN.mask);
    this.#registers.set(reg.I2CCTL, (value & ~(CLK_IN.mask | DATA_IN.mask)) | levels);
  }

  /** The data line moves while the clock is high: a transfer starts or stops. */
  #condition(isStart: boolean): void {
    const state = this.#state;
    state[PHASE] = isStart ? TAKES_ADDRESS : ASLEEP;
    state[EDGES] = state[SHIFT] = state[PULLS] = 0;
  }

  #rise(data: number): void {
    const state = this.#state;
    if (state[PHASE] === ASLEEP) return;
    const edges = state[EDGES] as number;
    if (edges < BYTE_BITS) state[SHIFT] = ((state[SHIFT] as number) << 1) | data;
    // The master acknowledges what it wants more of.
    else if (state[PHASE] === GIVES && data === 1) state[PHASE] = ASLEEP;
    state[EDGES] = edges + 1;
  }

  #fall(): void {
    const state = this.#state;
    const edges = state[EDGES] as number;
    if (state[PHASE] === ASLEEP) state[PULLS] = 0;
    else if (edges > BYTE_BITS) this.#nextByte();
    else if (state[PHASE] === GIVES) this.#give(edges);
    else if (edges === BYTE_BITS) this.#acknowledge();
  }

  /** Eight bits have been taken. */
  #acknowledge(): void {
    const state = this.#state;
    const byte = (state[SHIFT] as number) & 0xff;
    const isWelcome =
      state[PHASE] === TAKES_OFFSET || (state[PHASE] === TAKES_ADDRESS && byte >>> 1 === MODULE_ADDRESS);
    if (state[PHASE] === TAKES_OFFSET) state[POINTER] = byte;
    // Its memory is read-only, and other addresses are not its own.
    if (!isWelcome) state[PHASE] = ASLEEP;
    state[PULLS] = isWelcome ? 1 : 0;
  }

  /** The acknowledgement is over. */
  #nextByte(): void {
    const state = this.#state;
    const isRead = state[PHASE] === TAKES_ADDRESS && ((state[SHIFT] as number) & 1) === 1;
    if (state[PHASE] === GIVES) state[POINTER] = (state[POINTER] as number) + 1;
    else if (isRead) state[PHASE] = GIVES;
    else state[PHASE] = state[PHASE] === TAKES_ADDRESS ? TAKES_OFFSET : TAKES_DATA;
    state[EDGES] = state[SHIFT] = state[PULLS] = 0;
    if (state[PHASE] === GIVES) this.#give(0);
  }

  /** Puts the next bit onto the line, or lets go of it for the master's acknowledgement. */
  #give(edges: number): void {
    const byte = this.#image[(this.#state[POINTER] as number) & IMAGE_MASK] as number;
    this.#state[PULLS] = edges === BYTE_BITS ? 0 : 1 - ((byte >>> (BYTE_BITS - 1 - edges)) & 1);
  }
}
