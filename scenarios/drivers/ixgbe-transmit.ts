/** One transmit queue of the 82599: its ring, from setting it up (4.6.8) through frames (7.2) to taking it down. */

import type { DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { RegisterAccess } from "./ixgbe-access.ts";
import * as reg from "./ixgbe-registers.ts";
import { END_OF_PACKET, type PacketBatch, type PacketPool } from "./packet-pool.ts";

/** Frames that one write-back may stand for: few enough that buffers come back in time. */
const FRAMES_PER_REPORT = 32;

/** 7.2.3.4: the card fetches when it holds fewer than 36 descriptors and 8 wait in the ring, or has none left. */
const PREFETCH_THRESHOLD = 36;
const HOST_THRESHOLD = 8;

export class TransmitQueue {
  readonly index: number;
  readonly #registers: RegisterAccess;
  readonly #pool: PacketPool;
  readonly #ring: DmaBuffer;
  readonly #ringSize: number;
  readonly #frameBytesMax: number;
  readonly #bufferOf: Int32Array;
  /** By the first descriptor of a group: its last, the only one with RS, whose DD stands for the group. */
  readonly #groupEnd: Int32Array;
  /** The driver's: where the next frame goes. Equal to TDT. */
  #next = 0;
  /** The driver's: the first descriptor of the oldest group that is not known to be sent. */
  #clean = 0;

  /** `frameBytesMax` with VLAN tag. Throws RangeError when there is no DMA memory. */
  constructor(
    pci: PciFunction,
    registers: RegisterAccess,
    pool: PacketPool,
    index: number,
    ringSize: number,
    frameBytesMax: number,
  ) {
    this.index = index;
    this.#registers = registers;
    this.#pool = pool;
    this.#ringSize = ringSize;
    this.#frameBytesMax = frameBytesMax;
    this.#bufferOf = new Int32Array(ringSize);
    this.#groupEnd = new Int32Array(ringSize);
    this.#ring = pci.dma.alloc(ringSize * reg.DESCRIPTOR_BYTES, { align: 128, label: `tx ring ${index}` });
  }

  /** 4.6.8 "for each transmit queue", what comes before the transmit path is enabled. */
  program(): void {
    const { index } = this;
    const { bar } = this.#registers;
    bar.write32(reg.TDBAL(index), this.#ring.iovaLow);
    bar.write32(reg.TDBAH(index), this.#ring.iovaHigh);
    bar.write32(reg.TDLEN(index), this.#ringSize * reg.DESCRIPTOR_BYTES);
    // WTHRESH stays 0: the card writes DD as soon as a descriptor with RS is done. Otherwise the last frames before a
    // pause would keep their buffers.
    const thresholds = (PREFETCH_THRESHOLD << reg.TXDCTL_PTHRESH_SHIFT) | (HOST_THRESHOLD << reg.TXDCTL_HTHRESH_SHIFT);
    bar.write32(reg.TXDCTL(index), thresholds);
  }

  /** And what comes after. The tail may not be moved before ENABLE reads 1. */
  enable(): void {
    this.#registers.set(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE);
    this.#registers.waitSet(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE, `TXDCTL(${this.index}).ENABLE`);
  }

  /** True when all frames were sent, as far as {@link clean} has seen. */
  get isEmpty(): boolean {
    return this.#clean === this.#next;
  }

  /** See IxgbeDriver.txBatch. */
  send(batch: PacketBatch, count: number): number {
    this.clean();
    const taken = this.#fitting(batch, count);
    if (taken === 0) return 0;
    const ringSize = this.#ringSize;
    let slot = this.#next;
    let group = slot;
    let framesInGroup = 0;
    let frameBytes = batch.frameBytes(0, taken);
    for (let entry = 0; entry < taken; entry++) {
      const isLast = ((batch.status[entry] as number) & END_OF_PACKET) !== 0;
      if (isLast) framesInGroup++;
      // RS on the last descriptor of a group only: one write-back for up to 32 frames, and no frame whose DD never comes.
      const reports = isLast && (framesInGroup === FRAMES_PER_REPORT || entry === taken - 1);
      this.#describe(slot, batch, entry, frameBytes, (isLast ? reg.TXD_DCMD_EOP : 0) | (reports ? reg.TXD_DCMD_RS : 0));
      // PAYLEN is the frame's, and stands in its first descriptor.
      frameBytes = isLast && entry + 1 < taken ? batch.frameBytes(entry + 1, taken) : 0;
      if (reports) this.#groupEnd[group] = slot;
      slot = slot + 1 === ringSize ? 0 : slot + 1;
      if (reports) {
        group = slot;
        framesInGroup = 0;
      }
    }
    this.#next = slot;
    // One doorbell for all of them, ordered behind the stores to the descriptors and to the frames.
    this.#registers.bar.write32(reg.TDT(this.index), slot);
    return taken;
  }

  /** Writes an advanced data descriptor (7.2.3.2.4). Its last word takes the DD of the lap before with it. */
  #describe(slot: number, batch: PacketBatch, entry: number, frameBytes: number, ends: number): void {
    const ring = this.#ring;
    const at = slot * reg.DESCRIPTOR_BYTES;
    const buffer = batch.bufferIndex[entry] as number;
    const command = reg.TXD_DTYP_DATA | reg.TXD_DCMD_DEXT | reg.TXD_DCMD_IFCS | ends;
    this.#bufferOf[slot] = buffer;
    ring.write32(at + reg.TXD_ADDRESS_LOW, this.#pool.iovaLow[buffer] as number);
    ring.write32(at + reg.TXD_ADDRESS_HIGH, this.#pool.iovaHigh[buffer] as number);
    ring.write32(at + reg.TXD_COMMAND, command | (batch.byteLength[entry] as number));
    ring.write32(at + reg.TXD_STATUS, frameBytes << reg.TXD_PAYLEN_SHIFT);
  }

  /** How many entries at the head of the batch are whole frames for which there are descriptors. */
  #fitting(batch: PacketBatch, count: number): number {
    // One descriptor stays free: were TDT equal to TDH, the ring would not be full but empty.
    let free = this.#clean - this.#next - 1;
    if (free < 0) free += this.#ringSize;
    let fitting = 0;
    let frameBytes = 0;
    for (let entry = 0; entry < count && entry < free; entry++) {
      frameBytes += batch.byteLength[entry] as number;
      if (((batch.status[entry] as number) & END_OF_PACKET) === 0) continue;
      if (frameBytes < reg.TX_FRAME_BYTES_MIN || frameBytes > this.#frameBytesMax)
        throw this.#badFrame(entry, frameBytes);
      fitting = entry + 1;
      frameBytes = 0;
    }
    if (fitting === 0 && count > 0 && (count <= free || free === this.#ringSize - 1)) throw this.#noFrame(count);
    return fitting;
  }

  /** Gives the buffers of sent frames back. TDH is not asked: it says what was fetched, and the read would cost a round trip. */
  clean(): void {
    const ringSize = this.#ringSize;
    while (this.#clean !== this.#next) {
      const end = this.#groupEnd[this.#clean] as number;
      const status = this.#ring.readAcquire32(end * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS);
      if ((status & reg.TXD_STA_DD) === 0) return;
      let slot = this.#clean;
      const stop = end + 1 === ringSize ? 0 : end + 1;
      do {
        this.#pool.release(this.#bufferOf[slot] as number);
        slot = slot + 1 === ringSize ? 0 : slot + 1;
      } while (slot !== stop);
      this.#clean = stop;
    }
  }

  /** 4.6.8.1.2, after the ring has run empty. */
  stop(): void {
    this.#registers.clear(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE);
    this.#registers.waitClear(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE, `TXDCTL(${this.index}).ENABLE`);
  }

  free(): void {
    this.#ring.free();
  }

  #badFrame(entry: number, frameBytes: number): RangeError {
    return new RangeError(
      `tx queue ${this.index}: the frame that ends in entry ${entry} has ${frameBytes} bytes; want ${reg.TX_FRAME_BYTES_MIN} to ${this.#frameBytesMax} (maxFrameBytes and a VLAN tag)`,
    );
  }

  #noFrame(count: number): RangeError {
    return new RangeError(
      `tx queue ${this.index}: no frame ends in ${count} entries for a ring of ${this.#ringSize}: does its last entry have END_OF_PACKET?`,
    );
  }
}
