/**
 * A driver for the 82599 that knows only memory: BAR 0 and every DMA allocation are typed arrays, as published userspace
 * drivers have them. No call tells the device anything, so it looks; and because nothing is called, this driver may not
 * count on what a read or a single write would do (DATASHEET.md, "Mapped access"). Bring-up order as in the data sheet.
 */

import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import * as reg from "./ixgbe-registers.ts";

const RING_SIZE = 512;
const BUFFER_BYTES = 2048;
const CLEAN_BATCH = 32;
/** The card looks at all of its registers, and enables its queues, in a small part of this; its thread may have to wait for a processor. */
const BRING_UP_NS = 50_000_000;
const RESET_NS = 1_000_000;
/** Polls of one bit before the driver gives up: seconds. */
const POLL_LIMIT = 2_000_000_000;

/** Polls in a row that found nothing before the driver relaxes: some ten microseconds. */
const POLLS_PER_RELAX = 256;

/** Memory of its own for one purpose, and where the device finds it. */
interface DmaMemory {
  readonly words: Int32Array;
  readonly iovaHigh: number;
  readonly iovaLow: number;
}

interface Ring {
  readonly memory: DmaMemory;
  readonly buffers: DmaMemory;
  next: number;
  clean: number;
}

/** One receive and one transmit ring; buffer n belongs to descriptor n for good. */
export class MappedIxgbeDriver {
  readonly #bar: Int32Array;
  readonly #pci: PciFunction;
  #emptyPolls = 0;
  readonly rx: Ring;
  readonly tx: Ring;

  /** Throws Error naming the register whose bit never came. */
  constructor(pci: PciFunction) {
    this.#pci = pci;
    pci.config.setBusMaster(true);
    this.#bar = new Int32Array(pci.bar(0).map());
    this.#reset();
    this.rx = this.#ring("rx");
    this.tx = this.#ring("tx");
    this.#startReceive();
    this.#startTransmit();
    this.#waitFor(reg.LINKS, reg.LINKS_LINK_UP, "LINKS.LINK_UP");
    // ENABLE reads back as what was stored, so the driver cannot see when the queues are up. It gives the card time.
    pci.cpu.delay(BRING_UP_NS);
  }

  /** Hands out received frames: calls `use(words, firstWord, byteLength)` for each of at most `limit` and returns how many there were. */
  receive(limit: number, use: (words: Int32Array, firstWord: number, byteLength: number) => void): number {
    const { rx } = this;
    const ring = rx.memory.words;
    let slot = rx.next;
    let count = 0;
    for (; count < limit; count++) {
      const at = slot * 4;
      if ((Atomics.load(ring, at + 2) & reg.RXD_STAT_DD) === 0) break;
      use(rx.buffers.words, (slot * BUFFER_BYTES) >> 2, (ring[at + 3] as number) & 0xffff);
      this.#arm(rx, slot);
      slot = (slot + 1) & (RING_SIZE - 1);
    }
    if (count > 0) {
      rx.next = slot;
      // One behind: RDT equal to RDH would mean that the card has no descriptor at all.
      this.#write(reg.RDT(0), (slot - 1) & (RING_SIZE - 1));
      this.#emptyPolls = 0;
    } else this.#polledInVain();
    return count;
  }

  /** Sends `count` frames of `byteLength` bytes; `fill(words, firstWord, n)` writes the n-th. Returns how many found room. */
  transmit(count: number, byteLength: number, fill: (words: Int32Array, firstWord: number, n: number) => void): number {
    const { tx } = this;
    this.#clean();
    let sent = 0;
    let slot = tx.next;
    for (; sent < count; sent++) {
      const following = (slot + 1) & (RING_SIZE - 1);
      if (following === tx.clean) break;
      fill(tx.buffers.words, (slot * BUFFER_BYTES) >> 2, sent);
      this.#arm(tx, slot);
      const flags = reg.TXD_DTYP_DATA | reg.TXD_DCMD_DEXT | reg.TXD_DCMD_IFCS | reg.TXD_DCMD_EOP | reg.TXD_DCMD_RS;
      tx.memory.words[slot * 4 + 2] = flags | byteLength;
      tx.memory.words[slot * 4 + 3] = byteLength << reg.TXD_PAYLEN_SHIFT;
      slot = following;
    }
    if (sent > 0) {
      tx.next = slot;
      this.#write(reg.TDT(0), slot);
      this.#emptyPolls = 0;
    } else this.#polledInVain();
    return sent;
  }

  /** True when the card has reported every frame that was sent, but for a last part batch that is not looked at. */
  get isDrained(): boolean {
    const last = (this.tx.next - 1) & (RING_SIZE - 1);
    return this.tx.next === this.tx.clean || (Atomics.load(this.tx.memory.words, last * 4 + 3) & reg.TXD_STA_DD) !== 0;
  }

  // ---- 4.6.3 reset and general initialization ----------------------------------------------------------------------

  #reset(): void {
    this.#write(reg.EIMC, reg.EIMC_ALL);
    this.#write(reg.CTRL, reg.CTRL_RST | reg.CTRL_LRST);
    // The driver's own store is what it reads back at first; the card takes the bits away when it has looked, and from then
    // on no register may be touched for 1 ms (8.2.3.1.1).
    this.#waitFor(reg.CTRL, 0, "CTRL.RST", reg.CTRL_RST | reg.CTRL_LRST);
    this.#pci.cpu.delay(RESET_NS);
    this.#write(reg.EIMC, reg.EIMC_ALL);
    this.#waitFor(reg.EEC, reg.EEC_AUTO_RD, "EEC.AUTO_RD");
    this.#waitFor(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE, "RDRXCTL.DMAIDONE");
    this.#set(reg.AUTOC, reg.AUTOC_RESTART_AN);
  }

  // ---- 4.6.7 receive -----------------------------------------------------------------------------------------------

  #startReceive(): void {
    this.#clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    this.#set(reg.HLREG0, reg.HLREG0_RXCRCSTRP | reg.HLREG0_TXCRCEN | reg.HLREG0_TXPADEN);
    this.#set(reg.RDRXCTL, reg.RDRXCTL_CRCSTRIP);
    this.#set(reg.FCTRL, reg.FCTRL_BAM | reg.FCTRL_MPE | reg.FCTRL_UPE);
    this.#write(reg.SRRCTL(0), (BUFFER_BYTES >> 10) | reg.SRRCTL_BSIZEHEADER_256 | reg.SRRCTL_DESCTYPE_ADVANCED);
    this.#write(reg.RDBAL(0), this.rx.memory.iovaLow);
    this.#write(reg.RDBAH(0), this.rx.memory.iovaHigh);
    this.#write(reg.RDLEN(0), RING_SIZE * reg.DESCRIPTOR_BYTES);
    this.#set(reg.CTRL_EXT, reg.CTRL_EXT_NS_DIS);
    this.#clear(reg.DCA_RXCTRL(0), reg.DCA_RXCTRL_BIT_12);
    this.#set(reg.RXCTRL, reg.RXCTRL_RXEN);
    for (let slot = 0; slot < RING_SIZE; slot++) this.#arm(this.rx, slot);
    this.#set(reg.RXDCTL(0), reg.RXDCTL_ENABLE);
    this.#write(reg.RDT(0), RING_SIZE - 1);
  }

  // ---- 4.6.8 transmit ----------------------------------------------------------------------------------------------

  #startTransmit(): void {
    this.#write(reg.DTXMXSZRQ, reg.DTXMXSZRQ_MAX_BYTES);
    this.#clear(reg.RTTDCS, reg.RTTDCS_ARBDIS);
    this.#write(reg.TDBAL(0), this.tx.memory.iovaLow);
    this.#write(reg.TDBAH(0), this.tx.memory.iovaHigh);
    this.#write(reg.TDLEN(0), RING_SIZE * reg.DESCRIPTOR_BYTES);
    this.#set(reg.DMATXCTL, reg.DMATXCTL_TE);
    this.#set(reg.TXDCTL(0), reg.TXDCTL_ENABLE);
  }

  #ring(name: string): Ring {
    const memory = this.#allocate(RING_SIZE * reg.DESCRIPTOR_BYTES, `${name} ring`);
    return { memory, buffers: this.#allocate(RING_SIZE * BUFFER_BYTES, `${name} buffers`), next: 0, clean: 0 };
  }

  /** Each allocation is a SharedArrayBuffer of its own. */
  #allocate(byteLength: number, label: string): DmaMemory {
    const buffer = this.#pci.dma.alloc(byteLength, { label, separate: true });
    return { words: new Int32Array(buffer.bytes.buffer), iovaHigh: buffer.iovaHigh, iovaLow: buffer.iovaLow };
  }

  /** Read format: the address of the slot's buffer, everything else zero. */
  #arm(ring: Ring, slot: number): void {
    const { words } = ring.memory;
    const low = (ring.buffers.iovaLow + slot * BUFFER_BYTES) | 0;
    words[slot * 4] = low;
    words[slot * 4 + 1] = ring.buffers.iovaHigh + (low >>> 0 < ring.buffers.iovaLow >>> 0 ? 1 : 0);
    words[slot * 4 + 2] = 0;
    words[slot * 4 + 3] = 0;
  }

  /** Memory says nothing when the card is gone; relaxing does, and costs little if it is not done at every poll. */
  #polledInVain(): void {
    if (++this.#emptyPolls < POLLS_PER_RELAX) return;
    this.#emptyPolls = 0;
    this.#pci.cpu.relax();
  }

  #clean(): void {
    const { tx } = this;
    while (((tx.next - tx.clean) & (RING_SIZE - 1)) >= CLEAN_BATCH) {
      const last = (tx.clean + CLEAN_BATCH - 1) & (RING_SIZE - 1);
      if ((Atomics.load(tx.memory.words, last * 4 + 3) & reg.TXD_STA_DD) === 0) return;
      tx.clean = (last + 1) & (RING_SIZE - 1);
    }
  }

  #write(offset: number, value: number): void {
    // A store to shared memory is all there is. Atomic, so that the descriptors before it are seen before it.
    Atomics.store(this.#bar, offset >> 2, value);
  }

  #set(offset: number, bits: number): void {
    this.#write(offset, (this.#bar[offset >> 2] as number) | bits);
  }

  #clear(offset: number, bits: number): void {
    this.#write(offset, (this.#bar[offset >> 2] as number) & ~bits);
  }

  #waitFor(offset: number, value: number, name: string, bits: number = value): void {
    for (let polls = 0; (Atomics.load(this.#bar, offset >> 2) & bits) !== value; polls++) {
      this.#pci.cpu.relax();
      if (polls === POLL_LIMIT) throw new Error(`${name} at 0x${offset.toString(16).padStart(5, "0")} never came`);
    }
  }
}
