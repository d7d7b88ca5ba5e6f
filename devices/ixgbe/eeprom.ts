import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, placed } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { eepromImage } from "./eeprom-image.ts";
import { SerialEeprom } from "./eeprom-serial.ts";
import * as reg from "./registers.ts";
import { EEPROM_TIMER, MDIO_TIMER } from "./timers.ts";

/** One word over SPI. */
const READ_NS = 2_000;
/** One clause 45 transaction: 64 bits at 2.4 MHz. */
const MDIO_NS = 27_000;

/** Throws RangeError for a text that is no unicast MAC address. */
export function parseMacAddress(text: string): readonly number[] {
  const bytes = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)
    ? text.split(":").map((byte) => Number.parseInt(byte, 16))
    : [];
  if (bytes.length !== 6 || ((bytes[0] as number) & 1) !== 0) {
    throw new RangeError(`macAddress "${text}": want a unicast address like 02:00:00:82:59:90`);
  }
  return bytes;
}

interface State {
  readonly serial: Int32Array;
  /** Absent while it is what the card came with. */
  readonly words: Uint16Array | undefined;
}

/** What is read over slow wires: the EEPROM through EERD or EEC, and a management bus without a PHY through MSCA. */
export class Eeprom {
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #macAddress: readonly number[];
  readonly #words = eepromImage();
  readonly #serial: SerialEeprom;

  constructor(port: DevicePort, registers: RegisterFile, macAddress: readonly number[]) {
    this.#port = port;
    this.#registers = registers;
    this.#macAddress = macAddress;
    this.#serial = new SerialEeprom(registers, this.#words);
    registers.onWrite(reg.EERD, (_index, value) => this.#startRead(value));
    registers.onWrite(reg.MSCA, (_index, value) => {
      if ((value & reg.MSCA.fields.MDICMD.mask) !== 0) this.#port.startTimer(MDIO_TIMER, MDIO_NS);
    });
  }

  /** What was written stays. */
  reset(): void {
    this.#serial.reset();
  }

  snapshot(): unknown {
    const words = this.#serial.isChanged ? this.#words.slice() : undefined;
    return { serial: this.#serial.snapshot(), words } satisfies State;
  }

  restore(state: unknown): void {
    const { serial, words } = state as State;
    if (this.#serial.isChanged || words !== undefined) this.#words.set(words ?? eepromImage());
    this.#serial.isChanged = words !== undefined;
    this.#serial.restore(serial);
  }

  /** The auto-read puts the station address into receive address 0. */
  loadStationAddress(): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = this.#macAddress;
    this.#registers.set(reg.RAL, a | (b << 8) | (c << 16) | (d << 24), 0);
    this.#registers.set(reg.RAH, e | (f << 8) | reg.RAH.fields.AV.mask, 0);
  }

  onTimer(timer: number): void {
    if (timer === EEPROM_TIMER) this.#finishRead();
    else this.#finishMdio();
  }

  #startRead(value: number): void {
    const { START, DONE } = reg.EERD.fields;
    if ((value & START.mask) === 0) return;
    this.#registers.set(reg.EERD, value & ~DONE.mask);
    this.#port.startTimer(EEPROM_TIMER, READ_NS);
  }

  #finishRead(): void {
    const { START, DONE, ADDR, DATA } = reg.EERD.fields;
    const value = this.#registers.get(reg.EERD);
    const word = this.#words[fieldOf(value, ADDR)] ?? 0;
    this.#registers.set(reg.EERD, (value & ~(START.mask | DATA.mask)) | DONE.mask | placed(DATA, word));
  }

  /** Nobody drives the bus: a read finds it pulled up. */
  #finishMdio(): void {
    const { MDICMD } = reg.MSCA.fields;
    const { MDIRDDATA } = reg.MSRWD.fields;
    this.#registers.set(reg.MSCA, this.#registers.get(reg.MSCA) & ~MDICMD.mask);
    this.#registers.set(reg.MSRWD, this.#registers.get(reg.MSRWD) | MDIRDDATA.mask);
  }
}
