/**
 * The edu device: QEMU's teaching card. It inverts a word, computes factorials, copies between host memory and a buffer
 * of its own, and interrupts. DATASHEET.md and registers.ts come first; this file says what the card does about each
 * access, dma-engine.ts how it copies. A device is a class that reacts to events (its `on…` methods) and asks for
 * transactions (`port`); it never waits.
 */

import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import { checkOptionNames, type OptionNames } from "../../emulator/option-names.ts";
import type { DeviceDeclaration, DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { recordRegisterFindings } from "../../emulator/registers/finding-text.ts";
import { RegisterFile } from "../../emulator/registers/register-file.ts";
import { NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type { Handover, MemoryOwnership } from "../../emulator/sanitize/ownership.ts";
import { DmaEngine } from "./dma-engine.ts";
import { recordBusyWrite, recordEarlyRead, recordWrongWidth } from "./findings.ts";
import { EduOwnership } from "./ownership.ts";
import * as reg from "./registers.ts";
import { EDU_RULES } from "./rules.ts";

export interface EduOptions {
  /** Address bits that the card drives, 16 to 48; 28 when absent. */
  readonly dmaAddressBits?: number;
  /** From the write of FACTORIAL to its result, in nanoseconds; 10 µs when absent. */
  readonly factorialNs?: number;
  /** From the start of a DMA transfer to its first request, in nanoseconds; 100 µs when absent. */
  readonly dmaNs?: number;
}

const OPTION_NAMES: OptionNames<EduOptions> = { dmaAddressBits: true, factorialNs: true, dmaNs: true };

/** Throws RangeError for an option that there is not, and a number of address bits that the card cannot be built with. */
export function declaration(options: EduOptions): DeviceDeclaration {
  checkOptionNames("edu", options, OPTION_NAMES);
  const { dmaAddressBits = 28 } = options;
  if (!(Number.isInteger(dmaAddressBits) && dmaAddressBits >= 16 && dmaAddressBits <= 48)) {
    throw new RangeError(`edu: dmaAddressBits is ${dmaAddressBits}; want an integer from 16 to 48`);
  }
  return {
    name: "edu",
    about: "QEMU's teaching device: factorials, a DMA buffer of 4 KiB, one interrupt",
    identity: { vendorId: 0x1234, deviceId: 0x11e8, revisionId: 0x10, classCode: 0xff0000, interruptPin: 1 },
    bars: [{ index: 0, byteLength: reg.BAR0_BYTE_LENGTH, kind: "memory32", about: "registers" }],
    registerMaps: { 0: reg.EDU_REGISTERS },
    rules: EDU_RULES,
    timerCount: 2,
    wirePortCount: 0,
    dmaAddressBits,
  };
}

export function create(port: DevicePort, options: EduOptions): DeviceModel {
  return new Edu(port, options);
}

const FACTORIAL_TIMER = 0;
const DMA_TIMER = 1;

const FACTORIAL_AT = reg.FACTORIAL.at();
const FIRST_DMA_AT = reg.DMA_SOURCE.at();
const LAST_DMA_AT = reg.DMA_COMMAND.at();

/** All that the card remembers. */
interface EduState {
  readonly registers: Int32Array;
  readonly buffer: Uint8Array;
  readonly readsUnderWay: number;
  readonly factorialCount: number;
  readonly transferCount: number;
}

class Edu implements DeviceModel {
  readHigh = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #dma: DmaEngine;
  readonly #factorialNs: number;
  #factorialCount = 0;
  #transferCount = 0;

  constructor(port: DevicePort, { dmaAddressBits = 28, factorialNs = 10_000, dmaNs = 100_000 }: EduOptions) {
    this.#port = port;
    this.#factorialNs = factorialNs;
    const registers = new RegisterFile(reg.EDU_REGISTERS, recordRegisterFindings(port, reg.EDU_REGISTERS));
    const timing = { timer: DMA_TIMER, delayNs: dmaNs, addressBits: dmaAddressBits };
    this.#dma = new DmaEngine(port, registers, timing, (interrupt) => this.#onTransferred(interrupt));
    this.#registers = registers;

    registers.onWrite(reg.LIVENESS, (_index, value) => registers.set(reg.LIVENESS, ~value));
    registers.onWrite(reg.FACTORIAL, () => this.#startFactorial());
    registers.onWrite(reg.INTERRUPT_RAISE, (_index, causes) => this.#raise(causes));
    registers.onWrite(reg.INTERRUPT_ACKNOWLEDGE, (_index, causes) => this.#acknowledge(causes));
    registers.onWrite(reg.DMA_COMMAND, (_index, _value, before, written) => this.#dma.command(written, before));
  }

  // ---- accesses ----------------------------------------------------------------------------------------------------

  onRead(_bar: number, offset: number, byteLength: number): number {
    this.readHigh = reg.ALL_ONES;
    if (!this.#decodes(offset, byteLength)) return reg.ALL_ONES;
    if (byteLength === 8) this.readHigh = this.#readWord(offset + 4);
    return this.#readWord(offset);
  }

  onWrite(_bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#decodes(offset, byteLength)) return;
    const isBusy = isDmaRegister(offset) ? this.#dma.isRunning : offset === FACTORIAL_AT && this.#isComputing();
    if (isBusy) recordBusyWrite(this.#port, offset, low);
    else if (byteLength === 8) this.#registers.write64(offset, low, high);
    else this.#registers.write(offset, low);
  }

  /** Whether the card takes an access of this width. */
  #decodes(offset: number, byteLength: number): boolean {
    if (byteLength === 4 || (byteLength === 8 && offset >= FIRST_DMA_AT)) return true;
    recordWrongWidth(this.#port, offset, byteLength);
    return false;
  }

  #readWord(offset: number): number {
    if (offset === FACTORIAL_AT && this.#isComputing()) recordEarlyRead(this.#port);
    const value = this.#registers.read(offset);
    return isReadable(offset) ? value : reg.ALL_ONES;
  }

  // ---- factorial ---------------------------------------------------------------------------------------------------

  #startFactorial(): void {
    this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) | reg.COMPUTING.mask);
    this.#port.startTimer(FACTORIAL_TIMER, this.#factorialNs);
  }

  #finishFactorial(): void {
    const status = this.#registers.get(reg.STATUS);
    this.#registers.set(reg.FACTORIAL, factorialModulo32(this.#registers.get(reg.FACTORIAL)));
    this.#registers.set(reg.STATUS, status & ~reg.COMPUTING.mask);
    this.#factorialCount++;
    // Looked at now, not at the start: a driver that sets the bit in the meantime is interrupted, one that clears it not.
    if (fieldOf(status, reg.INTERRUPT_WHEN_COMPUTED) === 1) this.#raise(reg.FACTORIAL_COMPUTED);
  }

  #isComputing(): boolean {
    return fieldOf(this.#registers.get(reg.STATUS), reg.COMPUTING) === 1;
  }

  // ---- DMA ---------------------------------------------------------------------------------------------------------

  /** The context of a request is where in the buffer its bytes go. */
  onDmaRead(_tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#dma.store(context, memory, offset, byteLength);
  }

  onDmaReadError(): void {
    this.#dma.countAnswer();
  }

  onDmaWriteError(): void {}

  /** The interrupt goes out behind the writes to host memory: whoever gets it finds the data there. */
  #onTransferred(interrupt: boolean): void {
    this.#transferCount++;
    if (interrupt) this.#raise(reg.DMA_COMPLETE);
  }

  // ---- interrupts --------------------------------------------------------------------------------------------------

  #raise(causes: number): void {
    const pending = this.#registers.get(reg.INTERRUPT_STATUS) | causes;
    this.#registers.set(reg.INTERRUPT_STATUS, pending);
    if (pending === 0) return;
    // INTx is a level and stays up until the last cause is acknowledged. MSI is a message for each event, even while
    // older causes wait: falling first makes the edge that sends it.
    if (this.#port.interruptMode() === "msi") this.#port.setLegacyInterrupt(false);
    this.#port.setLegacyInterrupt(true);
  }

  #acknowledge(causes: number): void {
    const pending = this.#registers.get(reg.INTERRUPT_STATUS) & ~causes;
    this.#registers.set(reg.INTERRUPT_STATUS, pending);
    if (pending === 0) this.#port.setLegacyInterrupt(false);
  }

  // ---- time, reset, state ------------------------------------------------------------------------------------------

  onTimer(timer: number): void {
    if (timer === FACTORIAL_TIMER) this.#finishFactorial();
    else this.#dma.transfer();
  }

  /** Both kinds of reset alike. */
  onReset(): void {
    this.#dma.reset();
    this.#port.stopTimer(FACTORIAL_TIMER);
    this.#registers.reset();
    this.#port.setLegacyInterrupt(false);
  }

  /** The card has no wire. */
  onFrame(): void {}

  isIdle(): boolean {
    return this.#dma.readsUnderWay === 0;
  }

  /** Since the card was plugged in: a reset does not clear them. */
  statistics(): Record<string, number> {
    return { factorials: this.#factorialCount, transfers: this.#transferCount };
  }

  registerFile(): RegisterFile {
    return this.#registers;
  }

  ownership(handover: Handover): MemoryOwnership {
    return new EduOwnership(this.#port, this.#registers, handover);
  }

  snapshot(): EduState {
    return {
      registers: this.#registers.values.slice(),
      buffer: this.#dma.buffer.bytes.slice(),
      readsUnderWay: this.#dma.readsUnderWay,
      factorialCount: this.#factorialCount,
      transferCount: this.#transferCount,
    };
  }

  restore(state: unknown): void {
    const from = state as EduState;
    this.#registers.values.set(from.registers);
    this.#dma.buffer.bytes.set(from.buffer);
    this.#dma.readsUnderWay = from.readsUnderWay;
    this.#factorialCount = from.factorialCount;
    this.#transferCount = from.transferCount;
  }
}

function isDmaRegister(offset: number): boolean {
  return offset >= FIRST_DMA_AT && offset < LAST_DMA_AT + 8;
}

function isReadable(offset: number): boolean {
  const ordinal = reg.EDU_REGISTERS.ordinalAt(offset);
  return ordinal !== NO_REGISTER && !reg.EDU_REGISTERS.registerOf(ordinal).access.includes("wo");
}

/** As 32-bit multiplications give it. 34! has 32 factors of two, so from there on it is 0. */
function factorialModulo32(n: number): number {
  if (n >>> 0 >= 34) return 0;
  let product = 1;
  for (let factor = 2; factor <= n; factor++) product = Math.imul(product, factor);
  return product;
}
