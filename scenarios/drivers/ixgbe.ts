/**
 * A driver for the Intel 82599, from reset to close in the order in which things happen. Sections are those of the data
 * sheet (Intel 331520, rev 3.3). Here is what there is to learn: bring-up, both rings with their doorbells, interrupts,
 * close. Nothing on the paths of frames allocates. The whole driver has 1,423 lines in nine files; beside this one:
 * its register header (ixgbe-registers.ts), waits for bits (-access), checks of options (-options), statistics, jumbo frames
 * and RSS (-extras), memory and frames one by one (-base), a card that stops (-watchdog), and packet buffers (packet-pool.ts).
 */

import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { IxgbeBase, Ring, type RingParts } from "./ixgbe-base.ts";
import * as extra from "./ixgbe-extras.ts";
import { checkedOptions, type IxgbeOptions } from "./ixgbe-options.ts";
import * as reg from "./ixgbe-registers.ts";
import { IxgbeWatchdog } from "./ixgbe-watchdog.ts";
import { END_OF_PACKET, type PacketBatch } from "./packet-pool.ts";

const MS = 1_000_000;
/** Frames that one write-back may stand for: few enough that buffers come back in time. */
const FRAMES_PER_REPORT = 32;
/** 7.2.3.4: the card fetches when it holds fewer than 36 descriptors and 8 wait in the ring, or has none left. */
const TXDCTL_THRESHOLDS = (36 << reg.TXDCTL_PTHRESH_SHIFT) | (8 << reg.TXDCTL_HTHRESH_SHIFT);
const SRRCTL_FORMAT = reg.SRRCTL_DESCTYPE_ADVANCED | reg.SRRCTL_BSIZEHEADER_256;
/** How long {@link IxgbeDriver.close} waits for frames that are still to be sent. Without a link they never are. */
const DRAIN_LIMIT_NS = 10 * MS;
/** A limit for clocks that stand still. */
const POLL_LIMIT = 10_000_000;

export class IxgbeDriver extends IxgbeBase {
  readonly #rxQueues: ReceiveQueue[] = [];
  readonly #txQueues: TransmitQueue[] = [];
  /** By receive queue, and a last one for the link; empty when polling. */
  #interrupts: Interrupt[] = [];
  readonly #watchdog: IxgbeWatchdog = new IxgbeWatchdog(this.registers, this.#rxQueues, this.#txQueues);
  #isClosed = false;

  /** Throws RangeError for options that cannot be, and Error that names the bit when the card does not answer. */
  static probe(pci: PciFunction, options: IxgbeOptions = {}): IxgbeDriver {
    return new IxgbeDriver(pci, checkedOptions(options));
  }

  private constructor(pci: PciFunction, options: Required<IxgbeOptions>) {
    super(pci, options);
    const parts: RingParts = { pci, registers: this.registers, pool: this.pool, options };
    this.orCutOff(() => {
      while (this.#rxQueues.length < options.rxQueueCount)
        this.#rxQueues.push(this.kept(new ReceiveQueue("rx", this.#rxQueues.length, parts)));
      while (this.#txQueues.length < options.txQueueCount)
        this.#txQueues.push(this.kept(new TransmitQueue("tx", this.#txQueues.length, parts)));
      this.#bringUp();
    });
  }

  // ---- 4.6.3 initialization sequence -------------------------------------------------------------------------------
  #bringUp(): void {
    this.#reset();
    this.registers.set(reg.AUTOC, reg.AUTOC_RESTART_AN); // 4.6.4: the link comes up while the rest is set up.
    this.counters.clear(); // 4.6.5
    // FCS and padding are the card's work when sending, the FCS also when receiving.
    this.registers.set(reg.HLREG0, reg.HLREG0_TXCRCEN | reg.HLREG0_TXPADEN | reg.HLREG0_RXCRCSTRP);
    extra.initJumbo(this.registers, this.options);
    this.#initReceive();
    this.#initTransmit();
    const { linkLimitMs, interrupts } = this.options;
    if (linkLimitMs > 0) this.registers.waitSet(reg.LINKS, reg.LINKS_LINK_UP, "LINKS.LINK_UP", linkLimitMs);
    if (interrupts === "msix") this.#initInterrupts();
    this.wasUp = this.linkUp;
  }

  /** 4.6.3.1 and 4.6.3.2: interrupts off, global reset, interrupts off again; then what the card does by itself. */
  #reset(): void {
    this.bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.#disableMaster(); // 4.2.1.7: whatever an earlier driver left running comes to rest first.
    this.bar.write32(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST);
    // 8.2.3.1.1: no register may be touched for 1 ms, and 4.6.3.2 wants 10 ms after the reset is over.
    this.pci.cpu.delay(1 * MS);
    this.registers.waitClear(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST, "CTRL.RST");
    this.pci.cpu.delay(10 * MS);
    this.bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.bar.read32(reg.EICR);
    this.registers.waitSet(reg.EEC, reg.EEC_AUTO_RD, "EEC.AUTO_RD");
    this.registers.waitSet(reg.EEMNGCTL, reg.EEMNGCTL_CFG_DONE0, "EEMNGCTL.CFG_DONE0");
    this.registers.waitSet(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE, "RDRXCTL.DMAIDONE");
    this.bar.write32(reg.FCRTH(0), reg.RXPBSIZE_512KB - 0x6000); // 4.6.3.2: with or without flow control.
    this.pci.config.setBusMaster(true);
  }

  // ---- 4.6.7 receive initialization --------------------------------------------------------------------------------
  #initReceive(): void {
    const bar = this.bar;
    const registers = this.registers;
    registers.clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    // 7.1.1: own address and broadcast pass. The multicast table is memory that no reset clears.
    registers.set(reg.FCTRL, reg.FCTRL_BAM | (this.options.promiscuous ? reg.FCTRL_UPE | reg.FCTRL_MPE : 0));
    for (let index = 0; index < reg.MTA_COUNT; index++) bar.write32(reg.MTA(index), 0);
    // 4.6.11.3.4: without DCB and virtualization one packet buffer has all the memory.
    bar.write32(reg.RXPBSIZE(0), reg.RXPBSIZE_512KB);
    for (let buffer = 1; buffer < reg.PACKET_BUFFER_COUNT; buffer++) bar.write32(reg.RXPBSIZE(buffer), 0);
    registers.set(reg.RDRXCTL, reg.RDRXCTL_CRCSTRIP); // Must agree with HLREG0.RXCRCSTRP.
    registers.clear(reg.RDRXCTL, reg.RDRXCTL_RSCFRSTSIZE); // "As opposed to its hardware default."
    extra.initRss(registers, this.options);
    registers.set(reg.CTRL_EXT, reg.CTRL_EXT_NS_DIS);
    for (const queue of this.#rxQueues) queue.start();
    // No frame may be on its way through the card while RXEN is set: halt, wait until it is empty, enable, go on.
    registers.set(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
    registers.waitSet(reg.SECRXSTAT, reg.SECRXSTAT_SECRX_RDY, "SECRXSTAT.SECRX_RDY");
    registers.set(reg.RXCTRL, reg.RXCTRL_RXEN);
    registers.clear(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
  }

  // ---- 4.6.8 transmit initialization -------------------------------------------------------------------------------
  #initTransmit(): void {
    const bar = this.bar;
    // The arbiter must stand still while the packet buffer is laid out.
    this.registers.set(reg.RTTDCS, reg.RTTDCS_ARBDIS);
    bar.write32(reg.DTXMXSZRQ, reg.DTXMXSZRQ_MAX_BYTES);
    bar.write32(reg.TXPBSIZE(0), reg.TXPBSIZE_160KB);
    for (let buffer = 1; buffer < reg.PACKET_BUFFER_COUNT; buffer++) bar.write32(reg.TXPBSIZE(buffer), 0);
    this.registers.clear(reg.RTTDCS, reg.RTTDCS_ARBDIS);
    for (const queue of this.#txQueues) queue.program();
    // Not before the rings are known: TE enables queue 0 by itself (8.2.3.9.2).
    this.registers.set(reg.DMATXCTL, reg.DMATXCTL_TE);
    for (const queue of this.#txQueues) queue.enable();
  }

  // ---- 4.6.6 interrupt initialization ------------------------------------------------------------------------------
  /** Vector n is receive queue n, masked until somebody waits for it; the one behind them is the link's, never masked. */
  #initInterrupts(): void {
    const { rxQueueCount } = this.options;
    const granted = this.pci.interrupts("msix", rxQueueCount + 1);
    // A kernel short of vectors grants fewer. What does for all of them is polling.
    if (granted.length <= rxQueueCount) return;
    this.#interrupts = granted;
    this.linkInterrupt = granted[rxQueueCount];
    extra.initVectors(this.registers, this.options);
    // The message itself clears the cause of a queue: nobody has to read EICR.
    this.bar.write32(reg.EIAC, (1 << rxQueueCount) - 1);
    this.bar.write32(reg.EICR, reg.EICR_LSC); // The link has come up on the way here.
    this.bar.write32(reg.EIMS, reg.EICR_LSC);
  }

  // ---- running -----------------------------------------------------------------------------------------------------
  /** Asks the card whether it still works; a driver's owner does it some times a second. Throws Error that says what is wrong. */
  check(): void {
    this.#watchdog.check(this.pci.cpu.nowNs(), this.lookAtLink());
  }

  override rxBatch(queueIndex: number, batch: PacketBatch, limit: number = batch.capacity): number {
    return extra.queueAt(this.#rxQueues, queueIndex).receive(batch, limit);
  }

  override txBatch(queueIndex: number, batch: PacketBatch, count: number): number {
    const taken = extra.queueAt(this.#txQueues, queueIndex).send(batch, count);
    // Whoever only sends into a full ring touches the card no more; this is where he hears that it is gone.
    if (taken === 0 && count > 0) this.refused();
    return taken;
  }

  /**
   * Waits until the next descriptor of a queue is filled; false when it was not within `limitMs`. A queue's interrupt is
   * enabled only in here: whoever polls is not interrupted. Call {@link rxBatch} until it returns 0, then wait again.
   */
  waitForTraffic(limitMs: number, queueIndex = 0): boolean {
    const queue = extra.queueAt(this.#rxQueues, queueIndex);
    const interrupt = this.#interrupts[queueIndex];
    const { cpu } = this.pci;
    const deadlineNs = cpu.nowNs() + limitMs * MS;
    for (let polls = 0; polls < POLL_LIMIT; polls++) {
      if (queue.hasTraffic()) return true;
      const leftNs = deadlineNs - cpu.nowNs();
      if (leftNs <= 0) return queue.hasTraffic(); // Who was held up since the last look may have been told meanwhile.
      if (interrupt === undefined) {
        cpu.relax();
        continue;
      }
      this.bar.write32(reg.EIMS, 1 << queueIndex);
      // Look again after unmasking: a frame that came after the empty poll met a masked cause, and although EICR keeps it,
      // any read of EICR would have cleared it. This read pushes the store in front of it and brings all DMA before its
      // answer: older frames are seen here, younger ones interrupt.
      this.bar.read32(reg.STATUS);
      if (!queue.hasTraffic()) interrupt.wait(leftNs / MS);
      this.bar.write32(reg.EIMC, 1 << queueIndex);
    }
    return false;
  }

  // ---- taking it down ----------------------------------------------------------------------------------------------
  /** Stops the card and unmaps all memory, also what the application still holds. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.orCutOff(() => {
      this.bar.write32(reg.EIMC, reg.EIMC_ALL);
      this.#stopQueues();
      this.#disableMaster();
    });
    this.freeMemory();
  }

  #stopQueues(): void {
    for (const queue of this.#rxQueues) queue.stop();
    const { cpu } = this.pci;
    cpu.delay(0.1 * MS); // 4.6.7.1.2: data of the last frame may still be on its way.
    this.registers.clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    const deadlineNs = cpu.nowNs() + DRAIN_LIMIT_NS;
    for (const queue of this.#txQueues) {
      while (!queue.clean() && cpu.nowNs() < deadlineNs) cpu.relax();
      queue.stop();
    }
    this.registers.clear(reg.DMATXCTL, reg.DMATXCTL_TE);
  }

  /** 5.2.5.3.2: the card starts no more requests, and says when the last one is over. Only a reset takes it back. */
  #disableMaster(): void {
    this.registers.set(reg.CTRL, reg.CTRL_PCIE_MASTER_DISABLE);
    this.registers.waitClear(reg.STATUS, reg.STATUS_PCIE_MASTER_ENABLE, "STATUS.PCIE_MASTER_ENABLE_STATUS");
    this.pci.config.setBusMaster(false);
  }
}

/** A receive ring. Descriptors from `next` up to one before RDT are the card's. */
class ReceiveQueue extends Ring {
  heldCount = 0;

  /** 4.6.7 "per each receive queue". */
  start(): void {
    const { index, bar, registers, options } = this;
    bar.write32(reg.RDBAL(index), this.memory.iovaLow);
    bar.write32(reg.RDBAH(index), this.memory.iovaHigh);
    bar.write32(reg.RDLEN(index), this.size * reg.DESCRIPTOR_BYTES);
    // A queue that nobody empties must not hold up the others. A single one may use the card's packet buffer instead.
    const dropEnable = options.rxQueueCount > 1 ? reg.SRRCTL_DROP_EN : 0;
    bar.write32(reg.SRRCTL(index), (options.bufferBytes >> 10) | SRRCTL_FORMAT | dropEnable);
    registers.clear(reg.DCA_RXCTRL(index), reg.DCA_RXCTRL_BIT_12);
    if (options.vlanStrip) registers.set(reg.RXDCTL(index), reg.RXDCTL_VME);
    registers.switchOn(reg.RXDCTL(index), reg.RXDCTL_ENABLE, `RXDCTL(${index}).ENABLE`);
    // "The tail should not be bumped before this bit was read as 1b." RDT ends up one behind the first descriptor: were
    // it equal to RDH, the ring would not be full but empty.
    this.#refill(this.size);
    this.heldCount = this.size;
  }

  hasTraffic(): boolean {
    return (this.memory.readAcquire32(this.next * reg.DESCRIPTOR_BYTES + reg.RXD_STATUS) & reg.RXD_STAT_DD) !== 0;
  }

  /** 7.1.6.2: takes what the card has written back. See {@link IxgbeDriver.rxBatch}. */
  receive(batch: PacketBatch, limit: number): number {
    const { memory, size, bufferOf } = this;
    const { bufferBytes } = this.pool;
    const wanted = Math.min(limit, batch.capacity);
    // No more than the card has, whatever the ring says: a descriptor taken twice would be a buffer with two owners.
    const most = Math.min(wanted, this.pool.freeCount, size - 1);
    let slot = this.next;
    let seen = 0;
    let whole = 0;
    while (seen < most) {
      const at = slot * reg.DESCRIPTOR_BYTES;
      // Acquire: the card writes DD last. Loads that overtook this one could still see what was there before.
      const status = memory.readAcquire32(at + reg.RXD_STATUS) | 0;
      if ((status & reg.RXD_STAT_DD) === 0) break;
      const lengthAndTag = memory.read32(at + reg.RXD_LENGTH_VLAN) | 0;
      const byteLength = lengthAndTag & 0xffff;
      if (byteLength > bufferBytes || byteLength === 0) throw extra.brokenLength(this, slot, byteLength);
      batch.bufferIndex[seen] = bufferOf[slot] as number;
      batch.byteLength[seen] = byteLength;
      batch.status[seen] = status;
      batch.packetType[seen] = memory.read32(at + reg.RXD_PACKET_TYPE) & 0x1_ffff;
      batch.rssHash[seen] = memory.read32(at + reg.RXD_RSS_HASH) | 0;
      batch.vlanTag[seen] = lengthAndTag >>> 16;
      seen++;
      slot = slot + 1 === size ? 0 : slot + 1;
      if ((status & reg.RXD_STAT_EOP) !== 0) whole = seen;
    }
    // A frame without its end stays in the ring, and the next call looks at it again.
    if (seen - whole >= this.spanMax) throw extra.endlessFrame(this.index, slot, seen - whole);
    if (whole > 0) this.#refill(whole);
    else if (seen === wanted && wanted > 0) throw extra.longFrame(this.index, wanted);
    return whole;
  }

  /** 7.1.6.1: gives the next `count` descriptors fresh buffers, which the pool has, and hands them to the card. */
  #refill(count: number): void {
    const { memory, size, pool } = this;
    let slot = this.next;
    let last = slot;
    for (let done = 0; done < count; done++) {
      const buffer = pool.take();
      const at = slot * reg.DESCRIPTOR_BYTES;
      this.bufferOf[slot] = buffer; // The card overwrites its address in the ring.
      memory.write32(at + reg.RXD_READ_ADDRESS_LOW, pool.iovaLow[buffer] as number);
      memory.write32(at + reg.RXD_READ_ADDRESS_HIGH, pool.iovaHigh[buffer] as number);
      // No header buffer; and DD, which lies in the same word, is cleared.
      memory.write32(at + reg.RXD_READ_HEADER_LOW, 0);
      memory.write32(at + reg.RXD_READ_HEADER_HIGH, 0);
      last = slot;
      slot = slot + 1 === size ? 0 : slot + 1;
    }
    this.next = slot;
    // One doorbell for all of them, ordered behind the stores above. The descriptor at `last` itself is not the card's yet.
    this.bar.write32(reg.RDT(this.index), last);
  }

  /** 4.6.7.1.2: when ENABLE reads 0 no descriptor is fetched or written any more; the last data may take 100 µs. */
  stop(): void {
    this.registers.switchOff(reg.RXDCTL(this.index), reg.RXDCTL_ENABLE, `RXDCTL(${this.index}).ENABLE`);
  }
}

/** A transmit ring. `next` is TDT: where the next frame goes. */
class TransmitQueue extends Ring {
  /** By the first descriptor of a group (the oldest not known to be sent is `oldest`): its last, the only one with RS. */
  readonly #groupEnd = new Int32Array(this.size);

  override get heldCount(): number {
    const held = this.next - this.oldest;
    return held < 0 ? held + this.size : held;
  }

  /** 4.6.8 "for each transmit queue", what comes before the transmit path is enabled. */
  program(): void {
    this.bar.write32(reg.TDBAL(this.index), this.memory.iovaLow);
    this.bar.write32(reg.TDBAH(this.index), this.memory.iovaHigh);
    this.bar.write32(reg.TDLEN(this.index), this.size * reg.DESCRIPTOR_BYTES);
    // WTHRESH stays 0: the card writes DD as soon as a descriptor with RS is done. Otherwise the last frames before a
    // pause would keep their buffers.
    this.bar.write32(reg.TXDCTL(this.index), TXDCTL_THRESHOLDS);
  }

  /** And what comes after. The tail may not be moved before ENABLE reads 1. */
  enable(): void {
    this.registers.switchOn(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE, `TXDCTL(${this.index}).ENABLE`);
  }

  /** See {@link IxgbeDriver.txBatch}. */
  send(batch: PacketBatch, count: number): number {
    this.clean();
    const { size } = this;
    // One descriptor stays free: were TDT equal to TDH, the ring would not be full but empty.
    const free = this.oldest - this.next - 1;
    const taken = extra.fittingEntries(this, batch, count, free < 0 ? free + size : free);
    if (taken === 0) return 0;
    let slot = this.next;
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
      const following = slot + 1 === size ? 0 : slot + 1;
      if (reports) {
        this.#groupEnd[group] = slot;
        group = following;
        framesInGroup = 0;
      }
      slot = following;
    }
    this.next = slot;
    // One doorbell for all of them, ordered behind the stores to the descriptors and to the frames.
    this.bar.write32(reg.TDT(this.index), slot);
    return taken;
  }

  /** Writes an advanced data descriptor (7.2.3.2.4). Its last word takes the DD of the lap before with it. */
  #describe(slot: number, batch: PacketBatch, entry: number, frameBytes: number, ends: number): void {
    const { memory, pool } = this;
    const at = slot * reg.DESCRIPTOR_BYTES;
    const buffer = batch.bufferIndex[entry] as number;
    const command = reg.TXD_DTYP_DATA | reg.TXD_DCMD_DEXT | reg.TXD_DCMD_IFCS | ends;
    this.bufferOf[slot] = buffer;
    memory.write32(at + reg.TXD_ADDRESS_LOW, pool.iovaLow[buffer] as number);
    memory.write32(at + reg.TXD_ADDRESS_HIGH, pool.iovaHigh[buffer] as number);
    memory.write32(at + reg.TXD_COMMAND, command | (batch.byteLength[entry] as number));
    memory.write32(at + reg.TXD_STATUS, frameBytes << reg.TXD_PAYLEN_SHIFT);
  }

  /**
   * Gives the buffers of sent frames back; true when all are. TDH is not asked: it says what was fetched, and the read would
   * cost a round trip.
   */
  clean(): boolean {
    while (this.oldest !== this.next) {
      const end = this.#groupEnd[this.oldest] as number;
      const status = this.memory.readAcquire32(end * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS);
      if ((status & reg.TXD_STA_DD) === 0) return false;
      this.oldest = this.releaseBuffers(this.oldest, end);
    }
    return true;
  }

  /** 4.6.8.1.2, after the ring has run empty. */
  stop(): void {
    this.registers.switchOff(reg.TXDCTL(this.index), reg.TXDCTL_ENABLE, `TXDCTL(${this.index}).ENABLE`);
  }
}
