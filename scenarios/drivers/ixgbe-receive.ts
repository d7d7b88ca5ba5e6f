/** One receive queue of the 82599: its ring, from setting it up (4.6.7) through frames (7.1) to taking it down. */

import type { DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { RegisterAccess } from "./ixgbe-access.ts";
import type { IxgbeOptions } from "./ixgbe-options.ts";
import * as reg from "./ixgbe-registers.ts";
import type { PacketBatch, PacketPool } from "./packet-pool.ts";

export class ReceiveQueue {
  readonly index: number;
  readonly #registers: RegisterAccess;
  readonly #pool: PacketPool;
  readonly #ring: DmaBuffer;
  readonly #ringSize: number;
  /** The packet buffer of each descriptor; the card overwrites its address in there. */
  readonly #bufferOf: Int32Array;
  /** The driver's: the descriptor that the card fills next. Those up to one before RDT are the card's. */
  #next = 0;

  /** Throws RangeError when there is no DMA memory. */
  constructor(pci: PciFunction, registers: RegisterAccess, pool: PacketPool, index: number, ringSize: number) {
    this.index = index;
    this.#registers = registers;
    this.#pool = pool;
    this.#ringSize = ringSize;
    this.#bufferOf = new Int32Array(ringSize);
    this.#ring = pci.dma.alloc(ringSize * reg.DESCRIPTOR_BYTES, { align: 128, label: `rx ring ${index}` });
  }

  /** The steps of 4.6.7 "per each receive queue". */
  start(options: Required<IxgbeOptions>): void {
    const { index } = this;
    const { bar } = this.#registers;
    bar.write32(reg.RDBAL(index), this.#ring.iovaLow);
    bar.write32(reg.RDBAH(index), this.#ring.iovaHigh);
    bar.write32(reg.RDLEN(index), this.#ringSize * reg.DESCRIPTOR_BYTES);
    // A queue that nobody empties must not hold up the others. A single one may use the card's packet buffer instead.
    const dropEnable = options.rxQueueCount > 1 ? reg.SRRCTL_DROP_EN : 0;
    const format = reg.SRRCTL_DESCTYPE_ADVANCED | reg.SRRCTL_BSIZEHEADER_256;
    bar.write32(reg.SRRCTL(index), (options.bufferBytes >> 10) | format | dropEnable);
    this.#registers.clear(reg.DCA_RXCTRL(index), reg.DCA_RXCTRL_BIT_12);
    this.#registers.set(reg.RXDCTL(index), reg.RXDCTL_ENABLE | (options.vlanStrip ? reg.RXDCTL_VME : 0));
    this.#registers.waitSet(reg.RXDCTL(index), reg.RXDCTL_ENABLE, `RXDCTL(${index}).ENABLE`);
    // "The tail should not be bumped before this bit was read as 1b." RDT ends up one behind the first descriptor: were
    // it equal to RDH, the ring would not be full but empty.
    this.#refill(this.#ringSize);
  }

  /** True when the card has filled the next descriptor. */
  hasTraffic(): boolean {
    const status = this.#ring.readAcquire32(this.#next * reg.DESCRIPTOR_BYTES + reg.RXD_STATUS);
    return (status & reg.RXD_STAT_DD) !== 0;
  }

  /** See IxgbeDriver.rxBatch. */
  receive(batch: PacketBatch, limit: number): number {
    const ring = this.#ring;
    const ringSize = this.#ringSize;
    const bufferOf = this.#bufferOf;
    const bufferBytes = this.#pool.bufferBytes;
    const wanted = Math.min(limit, batch.capacity);
    const most = Math.min(wanted, this.#pool.freeCount);
    let slot = this.#next;
    let seen = 0;
    let whole = 0;
    while (seen < most) {
      const at = slot * reg.DESCRIPTOR_BYTES;
      // Acquire: the card writes DD last. Loads that overtook this one could still see what was there before.
      const status = ring.readAcquire32(at + reg.RXD_STATUS) | 0;
      if ((status & reg.RXD_STAT_DD) === 0) break;
      const lengthAndTag = ring.read32(at + reg.RXD_LENGTH_VLAN) | 0;
      const byteLength = lengthAndTag & 0xffff;
      if (byteLength > bufferBytes) throw this.#brokenLength(slot, byteLength);
      batch.bufferIndex[seen] = bufferOf[slot] as number;
      batch.byteLength[seen] = byteLength;
      batch.status[seen] = status;
      batch.packetType[seen] = ring.read32(at + reg.RXD_PACKET_TYPE) & 0x1_ffff;
      batch.rssHash[seen] = ring.read32(at + reg.RXD_RSS_HASH) | 0;
      batch.vlanTag[seen] = lengthAndTag >>> 16;
      seen++;
      slot = slot + 1 === ringSize ? 0 : slot + 1;
      if ((status & reg.RXD_STAT_EOP) !== 0) whole = seen;
    }
    // A frame without its end stays in the ring, and the next call looks at it again.
    if (whole > 0) this.#refill(whole);
    else if (seen === wanted && wanted > 0) throw this.#longFrame(wanted);
    return whole;
  }

  /** Gives the next `count` descriptors fresh buffers, which the pool has, and hands them to the card. */
  #refill(count: number): void {
    const ring = this.#ring;
    const ringSize = this.#ringSize;
    const pool = this.#pool;
    let slot = this.#next;
    let last = slot;
    for (let done = 0; done < count; done++) {
      const buffer = pool.take();
      const at = slot * reg.DESCRIPTOR_BYTES;
      this.#bufferOf[slot] = buffer;
      ring.write32(at + reg.RXD_READ_ADDRESS_LOW, pool.iovaLow[buffer] as number);
      ring.write32(at + reg.RXD_READ_ADDRESS_HIGH, pool.iovaHigh[buffer] as number);
      // No header buffer; and DD, which lies in the same word, is cleared.
      ring.write32(at + reg.RXD_READ_HEADER_LOW, 0);
      ring.write32(at + reg.RXD_READ_HEADER_HIGH, 0);
      last = slot;
      slot = slot + 1 === ringSize ? 0 : slot + 1;
    }
    this.#next = slot;
    // One doorbell for all of them, ordered behind the stores above. The descriptor at `last` itself is not the card's yet.
    this.#registers.bar.write32(reg.RDT(this.index), last);
  }

  /** 4.6.7.1.2: when ENABLE reads 0 no descriptor is fetched or written any more; the last data may take 100 µs. */
  stop(): void {
    this.#registers.clear(reg.RXDCTL(this.index), reg.RXDCTL_ENABLE);
    this.#registers.waitClear(reg.RXDCTL(this.index), reg.RXDCTL_ENABLE, `RXDCTL(${this.index}).ENABLE`);
  }

  free(): void {
    this.#ring.free();
  }

  #brokenLength(slot: number, byteLength: number): Error {
    return new Error(
      `rx queue ${this.index}: the card says that descriptor ${slot} holds ${byteLength} bytes, but its buffer has ${this.#pool.bufferBytes}. The write-back is broken: close the driver and probe again`,
    );
  }

  #longFrame(wanted: number): RangeError {
    return new RangeError(
      `rx queue ${this.index}: the next frame lies in more than ${wanted} buffers: pass a batch and limit with room for a whole frame`,
    );
  }
}
