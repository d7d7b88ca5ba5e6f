import type { DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { RX_CHUNK_BYTE_LENGTH, RX_TIMESTAMP_AT } from "./chunks.ts";
import { FEEDBACK_LAYOUT, INFO_LAYOUT } from "./dma-layouts.ts";
import { recordAddressFormat, recordMisaligned, recordRegionChanged } from "./findings.ts";
import * as reg from "./registers.ts";

const PAGE_MASK = reg.PORT_RX_DMA_BASE_LO.fields.PAGE.mask;
const IS_32_BIT = reg.PORT_RX_DMA_BASE_LO.fields.IS_32_BIT.mask;

/** Regions of a port: the default one, then its filter buffers. */
const REGIONS_PER_PORT: number = 1 + reg.FILTER_BUFFER_COUNT;
export const REGION_COUNT: number = reg.PORT_COUNT * REGIONS_PER_PORT;
/** Of a write that goes nowhere. */
const OUTCOME = "it goes on with the next chunk";

/**
 * The receive regions in host memory, and how far each has been written. A region has no end: behind the last chunk comes
 * the first one, in the next generation, whether somebody has read what is there or not.
 */
export class Regions {
  /** Of the address that {@link locate} was asked for. */
  high = 0;
  low = 0;
  readonly chunkCount: number;
  /** Base addresses by region; 0 and 0 where none was given. */
  readonly #highs = new Int32Array(REGION_COUNT);
  readonly #lows = new Int32Array(REGION_COUNT);
  /** By region: the next chunk to write, with its generation above its number. */
  readonly #positions = new Int32Array(REGION_COUNT);
  readonly #generationShift: number;
  readonly #positionMask: number;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;

  constructor(port: DevicePort, registers: RegisterFile, chunkCount: number) {
    this.#port = port;
    this.#registers = registers;
    this.chunkCount = chunkCount;
    this.#generationShift = Math.log2(chunkCount);
    this.#positionMask = 256 * chunkCount - 1;
    const changed = (register: Register) => (index: number, value: number, before: number, written: number) => {
      if (this.isEnabled(index) && value !== before) this.#changeEnabled(register, index, value);
      if (register === reg.PORT_RX_DMA_BASE_LO) this.#checkPage(register, index, written);
    };
    registers.onWrite(reg.PORT_RX_DMA_BASE_HI, changed(reg.PORT_RX_DMA_BASE_HI));
    registers.onWrite(reg.PORT_RX_DMA_BASE_LO, changed(reg.PORT_RX_DMA_BASE_LO));
    registers.onWrite(reg.TX_FEEDBACK_BASE_LO, (index, _value, _before, written) => {
      this.#checkPage(reg.TX_FEEDBACK_BASE_LO, index, written);
    });
    const moved = (index: number): void => {
      const port = Math.floor(index / reg.FILTER_BUFFER_COUNT);
      const region = this.regionOf(port, index % reg.FILTER_BUFFER_COUNT);
      this.#take(region, reg.BUFFER_BASE_HI, reg.BUFFER_BASE_LO, index);
    };
    // Drivers write the lower half first: the buffer is where both say, and begins anew with either.
    registers.onWrite(reg.BUFFER_BASE_HI, moved);
    registers.onWrite(reg.BUFFER_BASE_LO, (index, value) => {
      this.#checkPage(reg.BUFFER_BASE_LO, index, value);
      moved(index);
    });
  }

  /** The region of a port's filter buffer; -1 is the default one. */
  regionOf(port: number, buffer: number): number {
    return port * REGIONS_PER_PORT + 1 + buffer;
  }

  /** The port is enabled: it takes its region from the registers and begins at the first chunk. False when it has none. */
  begin(port: number): boolean {
    const region = this.regionOf(port, -1);
    this.#take(region, reg.PORT_RX_DMA_BASE_HI, reg.PORT_RX_DMA_BASE_LO, port);
    this.checkFormat(reg.PORT_RX_DMA_BASE_HI, reg.PORT_RX_DMA_BASE_LO, port);
    return this.exists(region);
  }

  exists(region: number): boolean {
    return ((this.#highs[region] as number) | (this.#lows[region] as number)) !== 0;
  }

  portOf(region: number): number {
    return Math.floor(region / REGIONS_PER_PORT);
  }

  /** "filter buffer 3 of port 0" */
  nameOf(region: number): string {
    const buffer = region % REGIONS_PER_PORT;
    return `${buffer === 0 ? "the receive region" : `filter buffer ${buffer - 1}`} of port ${this.portOf(region)}`;
  }

  baseOf(region: number): number {
    return ((this.#highs[region] as number) >>> 0) * 2 ** 32 + ((this.#lows[region] as number) >>> 0);
  }

  get byteLength(): number {
    return this.chunkCount * RX_CHUNK_BYTE_LENGTH;
  }

  isEnabled(port: number): boolean {
    return (this.#registers.get(reg.PORT_ENABLED, port) & 1) !== 0;
  }

  /** Whether the card knows where its feedback goes. */
  hasFeedback(): boolean {
    return (this.#registers.get(reg.TX_FEEDBACK_BASE_HI) | this.#registers.get(reg.TX_FEEDBACK_BASE_LO)) !== 0;
  }

  /** The next chunk of a region, with its generation above its number. */
  position(region: number): number {
    return this.#positions[region] as number;
  }

  /** A chunk's place in the order of a region, as {@link position} counts. */
  positionOf(generation: number, chunk: number): number {
    return ((generation << this.#generationShift) | (chunk & (this.chunkCount - 1))) & this.#positionMask;
  }

  /** Whether the chunk at `position` has been written: it lies at most half of all generations back. */
  isWritten(region: number, position: number): boolean {
    const behind = (this.position(region) - 1 - position) & this.#positionMask;
    return behind <= this.#positionMask >>> 1;
  }

  generation(region: number): number {
    return ((this.#positions[region] as number) >>> this.#generationShift) & 0xff;
  }

  /** Puts the address of a region's next chunk into {@link high} and {@link low}. */
  locate(region: number): void {
    const chunk = (this.#positions[region] as number) & (this.chunkCount - 1);
    this.high = this.#highs[region] as number;
    // A region begins on a page and may cross 4 GiB.
    const low = ((this.#lows[region] as number) >>> 0) + chunk * RX_CHUNK_BYTE_LENGTH;
    if (low > 0xffff_ffff) this.high = (this.high + 1) | 0;
    this.low = low | 0;
  }

  advance(region: number): void {
    this.#positions[region] = ((this.#positions[region] as number) + 1) & this.#positionMask;
  }

  /** Puts the address of a feedback slot into {@link high} and {@link low}. */
  locateFeedback(slot: number): void {
    const low = this.#registers.get(reg.TX_FEEDBACK_BASE_LO);
    this.high = (low & IS_32_BIT) !== 0 ? 0 : this.#registers.get(reg.TX_FEEDBACK_BASE_HI);
    this.low = (low & PAGE_MASK) + 2 * slot;
  }

  /** PCI Express has two formats of requests, and each is for one half of the addresses (2.2.4.1). */
  checkFormat(highRegister: Register, lowRegister: Register, index: number): void {
    const high = this.#registers.get(highRegister, index);
    const low = this.#registers.get(lowRegister, index);
    if ((high | low) === 0) return;
    const is32Bit = (low & IS_32_BIT) !== 0;
    if (is32Bit !== (high === 0)) recordAddressFormat(this.#port, lowRegister, index, low, high);
  }

  /** What a DMA write to that address is for. */
  describe(high: number, low: number): DmaDescription | undefined {
    const { byteLength } = this;
    const address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    for (let region = 0; region < REGION_COUNT; region++) {
      const base = this.baseOf(region);
      if (!this.exists(region) || address < base || address >= base + byteLength) continue;
      const chunk = Math.floor((address - base) / RX_CHUNK_BYTE_LENGTH);
      const isInfo = (address - base) % RX_CHUNK_BYTE_LENGTH === RX_TIMESTAMP_AT;
      const purpose = `chunk ${chunk} of ${this.nameOf(region)}`;
      return { purpose, outcome: OUTCOME, ...(isInfo ? { layout: INFO_LAYOUT } : {}) };
    }
    this.locateFeedback(0);
    const slot = (low - this.low) >> 1;
    if (high !== this.high || slot < 0 || slot > 0xff) return undefined;
    return { purpose: `transmit feedback slot ${slot}`, outcome: OUTCOME, layout: FEEDBACK_LAYOUT };
  }

  reset(): void {
    this.#highs.fill(0);
    this.#lows.fill(0);
    this.#positions.fill(0);
  }

  snapshot(): readonly Int32Array[] {
    return [this.#highs.slice(), this.#lows.slice(), this.#positions.slice()];
  }

  restore(state: unknown): void {
    const [highs, lows, positions] = state as readonly [Int32Array, Int32Array, Int32Array];
    this.#highs.set(highs);
    this.#lows.set(lows);
    this.#positions.set(positions);
  }

  /** The card looks at the address when it writes the first chunk. A driver on raw memory may be seen to enable first. */
  #changeEnabled(register: Register, port: number, value: number): void {
    recordRegionChanged(this.#port, register, port, value);
    const region = this.regionOf(port, -1);
    if (this.position(region) === 0) this.#take(region, reg.PORT_RX_DMA_BASE_HI, reg.PORT_RX_DMA_BASE_LO, port);
  }

  #take(region: number, highRegister: Register, lowRegister: Register, index: number): void {
    const low = this.#registers.get(lowRegister, index);
    this.#lows[region] = low & PAGE_MASK;
    // With the short format there is no upper half.
    this.#highs[region] = (low & IS_32_BIT) !== 0 ? 0 : this.#registers.get(highRegister, index);
    this.#positions[region] = 0;
  }

  #checkPage(register: Register, index: number, value: number): void {
    if ((value & ~PAGE_MASK & ~IS_32_BIT) !== 0) recordMisaligned(this.#port, register, index, value);
  }
}
