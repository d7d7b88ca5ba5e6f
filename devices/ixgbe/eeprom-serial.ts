import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";

const { EE_SK, EE_CS, EE_DI, EE_DO, EE_REQ, EE_GNT } = reg.EEC.fields;

/** Commands of a serial EEPROM with 16 address bits (Atmel AT25080A, table 3). */
const READ = 0x03;
const WRITE = 0x02;
const WRITE_ENABLE = 0x06;
const WRITE_DISABLE = 0x04;
const READ_STATUS = 0x05;
/** In the status: writing is enabled. Bit 0 would be "busy", which this one never is. */
const STATUS_ENABLED = 0x02;
const BYTE_BITS = 8;
/** From the selection on: a command, and two bytes of address. */
const ADDRESS_END = 24;
/** A write stays within a page, round and round. */
const PAGE_MASK = 0x1f;

/** Words of the state. */
const SELECTED = 0;
const CLOCK = 1;
/** Rising edges of the clock since the selection. */
const EDGES = 2;
const SHIFT = 3;
const COMMAND = 4;
/** Of a byte. */
const ADDRESS = 5;
const ENABLED = 6;
const STATE_WORDS = 7;

/**
 * The EEPROM as drivers reach it through EEC, edge by edge (data sheet 6.3, 8.2.3.2.1): what EERD cannot do, writing above
 * all. Whoever asks for the lines gets them at once, as the firmware does nothing. What is written counts at once, too.
 */
export class SerialEeprom {
  readonly #registers: RegisterFile;
  readonly #words: Uint16Array;
  readonly #state = new Int32Array(STATE_WORDS);
  /** Something was written. */
  isChanged = false;

  /** `words` is the EEPROM's content, which stays the caller's. */
  constructor(registers: RegisterFile, words: Uint16Array) {
    this.#registers = registers;
    this.#words = words;
    registers.onWrite(reg.EEC, (_index, value) => this.#move(value));
  }

  reset(): void {
    this.#state.fill(0);
  }

  snapshot(): Int32Array {
    return this.#state.slice();
  }

  restore(state: Int32Array): void {
    this.#state.set(state);
  }

  #move(value: number): void {
    const state = this.#state;
    const isGranted = (value & EE_REQ.mask) !== 0;
    const selected = isGranted && (value & EE_CS.mask) === 0 ? 1 : 0;
    const clock = (value & EE_SK.mask) === 0 ? 0 : 1;
    const wasSelected = state[SELECTED];
    const before = state[CLOCK] as number;
    state[SELECTED] = selected;
    state[CLOCK] = clock;
    if (selected !== wasSelected) {
      if (selected === 0 && state[COMMAND] === WRITE) state[ENABLED] = 0;
      state[EDGES] = state[SHIFT] = state[COMMAND] = 0;
    } else if (selected === 1 && clock > before) this.#rise((value & EE_DI.mask) === 0 ? 0 : 1);
    const output = selected === 0 ? 0 : clock < before ? this.#output() : value & EE_DO.mask;
    const kept = value & ~(EE_DO.mask | EE_GNT.mask);
    this.#registers.set(reg.EEC, kept | output | (isGranted ? EE_GNT.mask : 0));
  }

  /** The clock has risen: the EEPROM takes a bit. */
  #rise(data: number): void {
    const state = this.#state;
    const shift = ((state[SHIFT] as number) << 1) | data;
    const edges = (state[EDGES] as number) + 1;
    state[SHIFT] = shift;
    state[EDGES] = edges;
    if (edges === BYTE_BITS) this.#begin(shift & 0xff);
    else if (edges === ADDRESS_END) state[ADDRESS] = shift & 0xffff;
    else if (edges > ADDRESS_END && edges % BYTE_BITS === 0) this.#endByte(shift & 0xff);
  }

  #begin(command: number): void {
    this.#state[COMMAND] = command;
    if (command === WRITE_ENABLE) this.#state[ENABLED] = 1;
    else if (command === WRITE_DISABLE) this.#state[ENABLED] = 0;
  }

  #endByte(byte: number): void {
    const state = this.#state;
    const address = state[ADDRESS] as number;
    if (state[COMMAND] === READ) state[ADDRESS] = address + 1;
    if (state[COMMAND] !== WRITE || state[ENABLED] === 0) return;
    const word = (address >>> 1) % this.#words.length;
    const before = this.#words[word] as number;
    this.#words[word] = (address & 1) === 0 ? (before & 0xff00) | byte : (before & 0x00ff) | (byte << BYTE_BITS);
    this.isChanged = true;
    state[ADDRESS] = (address & ~PAGE_MASK) | ((address + 1) & PAGE_MASK);
  }

  /** The clock has fallen: the EEPROM puts out its next bit, the highest first. */
  #output(): number {
    const state = this.#state;
    const edges = state[EDGES] as number;
    let byte = 0;
    if (state[COMMAND] === READ_STATUS && edges >= BYTE_BITS) byte = state[ENABLED] === 0 ? 0 : STATUS_ENABLED;
    else if (state[COMMAND] === READ && edges >= ADDRESS_END) {
      const address = state[ADDRESS] as number;
      byte = (this.#words[(address >>> 1) % this.#words.length] as number) >>> (BYTE_BITS * (address & 1));
    }
    return ((byte >>> (BYTE_BITS - 1 - (edges % BYTE_BITS))) & 1) === 0 ? 0 : EE_DO.mask;
  }
}
