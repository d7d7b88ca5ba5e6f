import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { recordLostAddressBits, recordNoStart, recordOutsideBuffer } from "./findings.ts";
import {
  DMA_COMMAND,
  DMA_COUNT,
  DMA_DESTINATION,
  DMA_SOURCE,
  EDU_REGISTERS,
  INTERRUPT_WHEN_COMPLETE,
  START,
  TO_HOST,
} from "./registers.ts";

/** Where the buffer lies for this engine. It is not in the BAR. */
const BUFFER_ADDRESS = 0x0004_0000;
const BUFFER_BYTE_LENGTH = 4096;
/** The largest payload that every link carries. Requests are aligned to it, so none crosses 4 KiB (PCIe 2.2.7). */
const REQUEST_BYTE_LENGTH = 128;

/** Copies between host memory and the card's buffer, one transfer at a time (data sheet, "DMA"). */
export class DmaEngine {
  readonly buffer: MemoryView = MemoryView.ofSize(BUFFER_BYTE_LENGTH);
  /** Reads of host memory that were not answered yet. */
  readsUnderWay = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #timer: number;
  readonly #delayNs: number;
  /** Host addresses are below this. */
  readonly #addressSpace: number;
  readonly #onComplete: (interrupt: boolean) => void;

  constructor(
    port: DevicePort,
    registers: RegisterFile,
    { timer, delayNs, addressBits }: { timer: number; delayNs: number; addressBits: number },
    onComplete: (interrupt: boolean) => void,
  ) {
    this.#port = port;
    this.#registers = registers;
    this.#timer = timer;
    this.#delayNs = delayNs;
    this.#addressSpace = 2 ** addressBits;
    this.#onComplete = onComplete;
  }

  get isRunning(): boolean {
    return fieldOf(this.#registers.get(DMA_COMMAND), START) === 1;
  }

  /** DMA_COMMAND was written, while nothing ran. */
  command(written: number, before: number): void {
    if (fieldOf(written, START) === 0) {
      this.#registers.set(DMA_COMMAND, before);
      recordNoStart(this.#port, written);
      return;
    }
    this.#judge();
    this.#port.startTimer(this.#timer, this.#delayNs);
  }

  /** The timer ran out: sends all requests. A write is done when it is sent, a read when its answer is here. */
  transfer(): void {
    const byteLength = this.#isInBuffer() ? this.#get64(DMA_COUNT) : 0;
    const bufferOffset = this.#get64(this.#cardSide()) - BUFFER_ADDRESS;
    const hostAddress = this.#hostAddress();
    let done = 0;
    while (done < byteLength) {
      const address = hostAddress + done;
      const high = Math.floor(address / 2 ** 32);
      const requestLength = Math.min(byteLength - done, REQUEST_BYTE_LENGTH - (address % REQUEST_BYTE_LENGTH));
      if (this.#isToHost()) {
        this.#port.dmaWrite(high, address | 0, this.buffer, bufferOffset + done, requestLength, -1);
      } else {
        this.readsUnderWay++;
        this.#port.dmaRead(high, address | 0, requestLength, 0, bufferOffset + done);
      }
      done += requestLength;
    }
    if (this.readsUnderWay === 0) this.#complete();
  }

  /** Bytes of host memory are here; the request said where in the buffer they go. */
  store(bufferOffset: number, memory: MemoryView, offset: number, byteLength: number): void {
    copyMemory(this.buffer, bufferOffset, memory, offset, byteLength);
    this.countAnswer();
  }

  /** A read was answered, with data or without: then the bytes stay as they were. The card has no error register. */
  countAnswer(): void {
    this.readsUnderWay--;
    if (this.readsUnderWay === 0) this.#complete();
  }

  /** A transfer that ran does not go on. The function's next owner must not find the data of this one (PCIe 6.6.2). */
  reset(): void {
    this.#port.cancelDma();
    this.#port.stopTimer(this.#timer);
    this.readsUnderWay = 0;
    this.buffer.bytes.fill(0);
  }

  #complete(): void {
    const command = this.#registers.get(DMA_COMMAND);
    this.#registers.set(DMA_COMMAND, command & ~START.mask);
    this.#onComplete(fieldOf(command, INTERRUPT_WHEN_COMPLETE) === 1);
  }

  /** Says what is wrong where the driver did it. The registers are locked from here on, so `transfer` finds the same. */
  #judge(): void {
    const card = this.#cardSide();
    if (!this.#isInBuffer()) {
      recordOutsideBuffer(this.#port, card, this.#get64(card), this.#get64(DMA_COUNT));
    }
    const host = this.#hostSide();
    if (this.#get64(host) >= this.#addressSpace) {
      recordLostAddressBits(this.#port, host, this.#get64(host), this.#hostAddress());
    }
  }

  #isToHost(): boolean {
    return fieldOf(this.#registers.get(DMA_COMMAND), TO_HOST) === 1;
  }

  #cardSide(): Register {
    return this.#isToHost() ? DMA_SOURCE : DMA_DESTINATION;
  }

  #hostSide(): Register {
    return this.#isToHost() ? DMA_DESTINATION : DMA_SOURCE;
  }

  #isInBuffer(): boolean {
    const offset = this.#get64(this.#cardSide()) - BUFFER_ADDRESS;
    return offset >= 0 && offset + this.#get64(DMA_COUNT) <= BUFFER_BYTE_LENGTH;
  }

  /** What the card drives of the host's address. Cut to 48 bits first: so far a Number is exact. */
  #hostAddress(): number {
    const host = this.#hostSide();
    return ((this.#high(host) & 0xffff) * 2 ** 32 + (this.#registers.get(host) >>> 0)) % this.#addressSpace;
  }

  /** A 64-bit register. Above 2^53 it is rounded: good for a comparison, and no driver has such memory. */
  #get64(register: Register): number {
    return (this.#high(register) >>> 0) * 2 ** 32 + (this.#registers.get(register) >>> 0);
  }

  #high(register: Register): number {
    return this.#registers.values[EDU_REGISTERS.ordinal(register) + 1] as number;
  }
}
