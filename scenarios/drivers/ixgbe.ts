/**
 * A driver for the Intel 82599, from reset to close in the order in which things happen. Sections are those of the data
 * sheet (Intel 331520, rev 3.3). The rings are in ixgbe-receive.ts and ixgbe-transmit.ts; nothing on their paths allocates.
 */

import type { Bar, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { RegisterAccess } from "./ixgbe-access.ts";
import { buffersPerFrame, checkedOptions, type IxgbeOptions, STANDARD_FRAME_BYTES } from "./ixgbe-options.ts";
import { ReceiveQueue } from "./ixgbe-receive.ts";
import * as reg from "./ixgbe-registers.ts";
import { IxgbeCounters, type IxgbeStatistics } from "./ixgbe-statistics.ts";
import { TransmitQueue } from "./ixgbe-transmit.ts";
import { PacketBatch, PacketPool } from "./packet-pool.ts";

const VENDOR_INTEL = 0x8086;
const CLASS_ETHERNET = 0x02_0000;
const VLAN_TAG_BYTES = 4;
const MS = 1_000_000;

/** How long {@link IxgbeDriver.close} waits for frames that are still to be sent. Without a link they never are. */
const DRAIN_LIMIT_NS = 10 * MS;
/** A limit for clocks that stand still. */
const POLL_LIMIT = 10_000_000;

/** The key of Microsoft's RSS specification, so that hashes can be compared with its tables. Bytes in little-endian words. */
const RSS_KEY = [
  0xda565a6d, 0xc20e5b25, 0x3d256741, 0xb08fa343, 0xcb2bcad0, 0xb4307bae, 0xa32dcb77, 0x0cf23080, 0x3bb7426a,
  0xfa01acbe,
];

/** What is allocated before the card comes up, and given back when it is down. */
interface Memory {
  free(): void;
}

export class IxgbeDriver {
  /** All packet buffers. An application takes those that it sends from here and owns those that {@link rxBatch} brought. */
  readonly pool: PacketPool;
  readonly options: Required<IxgbeOptions>;
  /** From the card's EEPROM: "00:1b:21:…". */
  readonly macAddress: string;
  readonly #pci: PciFunction;
  readonly #registers: RegisterAccess;
  readonly #bar: Bar;
  readonly #counters: IxgbeCounters;
  readonly #memory: Memory[] = [];
  readonly #rxQueues: ReceiveQueue[] = [];
  readonly #txQueues: TransmitQueue[] = [];
  /** By receive queue; empty when polling. */
  #interrupts: Interrupt[] = [];
  #isClosed = false;
  /** For {@link transmit} and {@link receive}; the inbox keeps frames that were taken and not yet handed out. */
  readonly #outbox: PacketBatch;
  readonly #inbox: PacketBatch;
  #inboxNext = 0;
  #inboxCount = 0;

  /**
   * Resets the card and brings it up. Throws RangeError for options that cannot be, and Error that names the bit and the
   * register when the card does not answer; nothing is mapped then.
   */
  static probe(pci: PciFunction, options: IxgbeOptions = {}): IxgbeDriver {
    return new IxgbeDriver(pci, checkedOptions(options));
  }

  private constructor(pci: PciFunction, options: Required<IxgbeOptions>) {
    const [vendor, classCode] = [pci.config.read16(0x0000), pci.config.read32(0x0008) >>> 8];
    if (vendor !== VENDOR_INTEL || classCode !== CLASS_ETHERNET) {
      throw new Error(
        `${pci.name}: vendor 0x${vendor.toString(16)}, class 0x${classCode.toString(16)} is no Intel NIC`,
      );
    }
    this.#pci = pci;
    this.options = options;
    this.#registers = new RegisterAccess(pci);
    this.#bar = this.#registers.bar;
    this.#counters = new IxgbeCounters(this.#bar, options.rxQueueCount);
    const span = buffersPerFrame(options.maxFrameBytes, options.bufferBytes);
    this.#inbox = new PacketBatch(span);
    this.#outbox = new PacketBatch(span);
    try {
      this.pool = this.#allocate();
      this.macAddress = this.#bringUp();
    } catch (error) {
      this.#cutOff();
      throw error;
    }
  }

  #allocate(): PacketPool {
    const { rxQueueCount, txQueueCount, ringSize, bufferCount, bufferBytes, maxFrameBytes } = this.options;
    const [pci, registers] = [this.#pci, this.#registers];
    const pool = new PacketPool(pci.dma, bufferCount, bufferBytes);
    this.#memory.push(pool);
    for (let index = 0; index < rxQueueCount; index++) {
      const queue = new ReceiveQueue(pci, registers, pool, index, ringSize);
      this.#memory.push(queue);
      this.#rxQueues.push(queue);
    }
    for (let index = 0; index < txQueueCount; index++) {
      const queue = new TransmitQueue(pci, registers, pool, index, ringSize, maxFrameBytes + VLAN_TAG_BYTES);
      this.#memory.push(queue);
      this.#txQueues.push(queue);
    }
    return pool;
  }

  // ---- 4.6.3 initialization sequence -------------------------------------------------------------------------------

  #bringUp(): string {
    this.#reset();
    // 4.6.4: the EEPROM has chosen the link mode. Let negotiation run while the rest is set up.
    this.#registers.set(reg.AUTOC, reg.AUTOC_RESTART_AN);
    this.#counters.clear();
    this.#initMac();
    this.#initReceive();
    this.#initTransmit();
    if (this.options.interrupts === "msix") this.#initInterrupts();
    const { linkLimitMs } = this.options;
    if (linkLimitMs > 0) this.#registers.waitSet(reg.LINKS, reg.LINKS_LINK_UP, "LINKS.LINK_UP", linkLimitMs);
    return this.#readMacAddress();
  }

  /** 4.6.3.1 and 4.6.3.2: interrupts off, global reset, interrupts off again; then what the card does by itself. */
  #reset(): void {
    this.#bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.#disableMaster(); // 4.2.1.7: whatever an earlier driver left running comes to rest first.
    this.#bar.write32(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST);
    // 8.2.3.1.1: no register may be touched for 1 ms, and 4.6.3.2 wants 10 ms after the reset is over.
    this.#pci.cpu.delay(1 * MS);
    this.#registers.waitClear(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST, "CTRL.RST");
    this.#pci.cpu.delay(10 * MS);
    this.#bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.#bar.read32(reg.EICR);
    this.#registers.waitSet(reg.EEC, reg.EEC_AUTO_RD, "EEC.AUTO_RD");
    this.#registers.waitSet(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE, "RDRXCTL.DMAIDONE");
    this.#bar.write32(reg.FCRTH(0), reg.RXPBSIZE_512KB - 0x6000); // 4.6.3.2: with or without flow control.
    this.#pci.config.setBusMaster(true);
  }

  #readMacAddress(): string {
    const [low, high] = [this.#bar.read32(reg.RAL(0)), this.#bar.read32(reg.RAH(0))];
    const bytes = [low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8];
    return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join(":");
  }

  /** HLREG0 is for both directions: FCS and padding are the card's work when sending, the FCS also when receiving. */
  #initMac(): void {
    this.#registers.set(reg.HLREG0, reg.HLREG0_TXCRCEN | reg.HLREG0_TXPADEN | reg.HLREG0_RXCRCSTRP);
    const { maxFrameBytes } = this.options;
    if (maxFrameBytes === STANDARD_FRAME_BYTES) return;
    // 8.2.3.22.13: MFS counts the FCS but no VLAN tag, and means nothing until jumbo frames are enabled.
    this.#bar.write32(reg.MAXFRS, (maxFrameBytes + 4) << reg.MAXFRS_MFS_SHIFT);
    this.#registers.set(reg.HLREG0, reg.HLREG0_JUMBOEN);
  }

  // ---- 4.6.7 receive initialization --------------------------------------------------------------------------------

  #initReceive(): void {
    const bar = this.#bar;
    const registers = this.#registers;
    registers.clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    // 7.1.1: own address and broadcast pass. The multicast table is memory that no reset clears.
    registers.set(reg.FCTRL, reg.FCTRL_BAM | (this.options.promiscuous ? reg.FCTRL_UPE | reg.FCTRL_MPE : 0));
    for (let index = 0; index < reg.MTA_COUNT; index++) bar.write32(reg.MTA(index), 0);
    // 4.6.11.3.4: without DCB and virtualization one packet buffer has all the memory.
    bar.write32(reg.RXPBSIZE(0), reg.RXPBSIZE_512KB);
    for (let buffer = 1; buffer < reg.PACKET_BUFFER_COUNT; buffer++) bar.write32(reg.RXPBSIZE(buffer), 0);
    registers.set(reg.RDRXCTL, reg.RDRXCTL_CRCSTRIP); // Must agree with HLREG0.RXCRCSTRP.
    registers.clear(reg.RDRXCTL, reg.RDRXCTL_RSCFRSTSIZE); // "As opposed to its hardware default."
    if (this.options.rxQueueCount > 1) this.#initRss();
    registers.set(reg.CTRL_EXT, reg.CTRL_EXT_NS_DIS);
    for (const queue of this.#rxQueues) queue.start(this.options);
    // No frame may be on its way through the card while RXEN is set: halt, wait until it is empty, enable, go on.
    registers.set(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
    registers.waitSet(reg.SECRXSTAT, reg.SECRXSTAT_SECRX_RDY, "SECRXSTAT.SECRX_RDY");
    registers.set(reg.RXCTRL, reg.RXCTRL_RXEN);
    registers.clear(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
  }

  /** 7.1.2.8: seven bits of a flow's hash pick an entry of the table, which names the queue. */
  #initRss(): void {
    for (const [index, word] of RSS_KEY.entries()) this.#bar.write32(reg.RSSRK(index), word);
    for (let index = 0; index < reg.RETA_COUNT; index++) {
      let entries = 0;
      for (let byte = 0; byte < 4; byte++) entries |= ((4 * index + byte) % this.options.rxQueueCount) << (8 * byte);
      this.#bar.write32(reg.RETA(index), entries);
    }
    // The descriptor has room for the hash or for a fragment's checksum.
    this.#registers.set(reg.RXCSUM, reg.RXCSUM_PCSD);
    this.#bar.write32(reg.MRQC, reg.MRQC_MRQE_RSS | reg.MRQC_RSS_FIELDS);
  }

  // ---- 4.6.8 transmit initialization -------------------------------------------------------------------------------

  #initTransmit(): void {
    const bar = this.#bar;
    // The arbiter must stand still while the packet buffer is laid out.
    this.#registers.set(reg.RTTDCS, reg.RTTDCS_ARBDIS);
    bar.write32(reg.DTXMXSZRQ, reg.DTXMXSZRQ_MAX_BYTES);
    bar.write32(reg.TXPBSIZE(0), reg.TXPBSIZE_160KB);
    for (let buffer = 1; buffer < reg.PACKET_BUFFER_COUNT; buffer++) bar.write32(reg.TXPBSIZE(buffer), 0);
    this.#registers.clear(reg.RTTDCS, reg.RTTDCS_ARBDIS);
    for (const queue of this.#txQueues) queue.program();
    // Not before the rings are known: TE enables queue 0 by itself (8.2.3.9.2).
    this.#registers.set(reg.DMATXCTL, reg.DMATXCTL_TE);
    for (const queue of this.#txQueues) queue.enable();
  }

  // ---- 4.6.6 interrupt initialization ------------------------------------------------------------------------------

  /** Vector n is receive queue n. Every cause stays masked until somebody waits for it. */
  #initInterrupts(): void {
    const { rxQueueCount, interruptIntervalUs } = this.options;
    this.#interrupts = this.#pci.interrupts("msix", rxQueueCount);
    this.#registers.set(reg.GPIE, reg.GPIE_MULTIPLE_MSIX | reg.GPIE_PBA_SUPPORT);
    // Written whole, for two queues at a time: the vectors have no reset value (8.2.3.5.16).
    for (let even = 0; even < rxQueueCount; even += 2) {
      const odd = even + 1 < rxQueueCount ? (even + 1) | reg.IVAR_INT_ALLOC_VAL : 0;
      this.#bar.write32(reg.IVAR(even / 2), even | reg.IVAR_INT_ALLOC_VAL | (odd << 16));
    }
    const throttle = (interruptIntervalUs >> 1) << reg.EITR_ITR_INTERVAL_SHIFT;
    for (let vector = 0; vector < rxQueueCount; vector++) this.#bar.write32(reg.EITR(vector), throttle);
    // The message itself clears its cause: nobody has to read EICR.
    this.#bar.write32(reg.EIAC, (1 << rxQueueCount) - 1);
  }

  // ---- running -----------------------------------------------------------------------------------------------------

  get linkUp(): boolean {
    return (this.#bar.read32(reg.LINKS) & reg.LINKS_LINK_UP) !== 0;
  }

  /** What was counted since probe. Reads registers that the read clears, so it must be the only reader. */
  statistics(): IxgbeStatistics {
    return this.#counters.collect();
  }

  /**
   * Takes whole frames that have arrived into `batch`, at most `limit` entries, and returns how many entries it filled.
   * Their buffers are the caller's until {@link release} or {@link txBatch}. Takes no more than the pool can replace, so a
   * caller that keeps all buffers receives nothing. Throws RangeError when not even one whole frame fits, and Error when
   * the card wrote a length that cannot be.
   */
  rxBatch(queueIndex: number, batch: PacketBatch, limit: number = batch.capacity): number {
    return queueAt(this.#rxQueues, queueIndex).receive(batch, limit);
  }

  /** Gives the buffers of the first `count` entries back to the pool. */
  release(batch: PacketBatch, count: number): void {
    for (let entry = 0; entry < count; entry++) this.pool.release(batch.bufferIndex[entry] as number);
  }

  /**
   * Sends the frames in the first `count` entries and takes their buffers, which go back to the pool once they are sent.
   * Returns how many entries it took: whole frames, fewer than `count` when the ring is full; the others stay the
   * caller's. Throws RangeError, and takes nothing, for a frame that is too short, too long or has no end.
   */
  txBatch(queueIndex: number, batch: PacketBatch, count: number): number {
    const taken = queueAt(this.#txQueues, queueIndex).send(batch, count);
    // Whoever only sends into a full ring touches the card no more; this is where he would hear that it is gone.
    if (taken === 0) this.#pci.cpu.relax();
    return taken;
  }

  /**
   * Waits until the next descriptor of a queue is filled; false when it was not within `limitMs`. A queue's interrupt is
   * enabled only in here: whoever polls is not interrupted. Call {@link rxBatch} until it returns 0, then wait again.
   */
  waitForTraffic(limitMs: number, queueIndex = 0): boolean {
    const queue = queueAt(this.#rxQueues, queueIndex);
    const interrupt = this.#interrupts[queueIndex];
    const { cpu } = this.#pci;
    const deadlineNs = cpu.nowNs() + limitMs * MS;
    for (let polls = 0; polls < POLL_LIMIT; polls++) {
      if (queue.hasTraffic()) return true;
      const leftNs = deadlineNs - cpu.nowNs();
      if (leftNs <= 0) return false;
      if (interrupt === undefined) {
        cpu.relax();
        continue;
      }
      this.#bar.write32(reg.EIMS, 1 << queueIndex);
      // Look again after unmasking: a frame that came after the empty poll met a masked cause, and although EICR keeps it,
      // any read of EICR would have cleared it. This read pushes the store in front of it and brings all DMA before its
      // answer: older frames are seen here, younger ones interrupt.
      this.#bar.read32(reg.STATUS);
      if (!queue.hasTraffic()) interrupt.wait(leftNs / MS);
      this.#bar.write32(reg.EIMC, 1 << queueIndex);
    }
    return false;
  }

  /** Copies a frame and sends it; false when there is no room at the moment. For tests and tutorials. */
  transmit(frame: Uint8Array, queueIndex = 0): boolean {
    const { pool } = this;
    const queue = queueAt(this.#txQueues, queueIndex);
    const count = Math.max(1, Math.ceil(frame.byteLength / pool.bufferBytes));
    if (count > this.#outbox.capacity) throw new RangeError(`${frame.byteLength} bytes exceed maxFrameBytes`);
    queue.clean();
    if (pool.freeCount < count) return false;
    for (let entry = 0; entry < count; entry++) {
      const from = entry * pool.bufferBytes;
      const byteLength = Math.min(pool.bufferBytes, frame.byteLength - from);
      const buffer = pool.take();
      pool.memory.copyFrom(buffer * pool.bufferBytes, frame, from, byteLength);
      this.#outbox.set(entry, buffer, byteLength, entry === count - 1);
    }
    let taken = 0;
    try {
      taken = queue.send(this.#outbox, count);
    } finally {
      if (taken === 0) this.release(this.#outbox, count);
    }
    return taken > 0;
  }

  /** A copy of the next frame of any queue; undefined when there is none. For tests and tutorials. */
  receive(): Uint8Array | undefined {
    const inbox = this.#inbox;
    for (let index = 0; this.#inboxNext === this.#inboxCount && index < this.#rxQueues.length; index++) {
      this.#inboxCount = this.rxBatch(index, inbox);
      this.#inboxNext = 0;
    }
    if (this.#inboxNext === this.#inboxCount) return undefined;
    const frame = new Uint8Array(inbox.frameBytes(this.#inboxNext, this.#inboxCount));
    const end = inbox.endOfFrame(this.#inboxNext, this.#inboxCount);
    for (let at = 0; this.#inboxNext < end; this.#inboxNext++) {
      const buffer = inbox.bufferIndex[this.#inboxNext] as number;
      const byteLength = inbox.byteLength[this.#inboxNext] as number;
      this.pool.memory.copyTo(buffer * this.pool.bufferBytes, frame, at, byteLength);
      this.pool.release(buffer);
      at += byteLength;
    }
    return frame;
  }

  // ---- taking it down ----------------------------------------------------------------------------------------------

  /** Stops the card and unmaps all memory, also what the application still holds. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#bar.write32(reg.EIMC, reg.EIMC_ALL);
      this.#stopQueues();
      this.#disableMaster();
    } catch (error) {
      this.#cutOff();
      throw error;
    }
    this.#freeMemory();
  }

  #stopQueues(): void {
    const { cpu } = this.#pci;
    for (const queue of this.#rxQueues) queue.stop();
    cpu.delay(0.1 * MS); // 4.6.7.1.2: data of the last frame may still be on its way.
    this.#registers.clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    const deadlineNs = cpu.nowNs() + DRAIN_LIMIT_NS;
    for (const queue of this.#txQueues) {
      for (queue.clean(); !queue.isEmpty && cpu.nowNs() < deadlineNs; queue.clean()) cpu.relax();
      queue.stop();
    }
    this.#registers.clear(reg.DMATXCTL, reg.DMATXCTL_TE);
  }

  /** 5.2.5.3.2: the card starts no more requests, and says when the last one is over. Only a reset takes it back. */
  #disableMaster(): void {
    this.#registers.set(reg.CTRL, reg.CTRL_PCIE_MASTER_DISABLE);
    this.#registers.waitClear(reg.STATUS, reg.STATUS_PCIE_MASTER_ENABLE, "STATUS.PCIE_MASTER_ENABLE_STATUS");
    this.#pci.config.setBusMaster(false);
  }

  /** For a card that does not do as it is told: what it cannot reach it cannot overwrite. */
  #cutOff(): void {
    try {
      this.#pci.config.setBusMaster(false);
      this.#pci.config.functionLevelReset();
    } finally {
      this.#freeMemory();
    }
  }

  #freeMemory(): void {
    for (const memory of this.#memory.splice(0)) memory.free();
  }
}

function queueAt<Queue>(queues: readonly Queue[], index: number): Queue {
  const queue = queues[index];
  if (queue === undefined) throw new RangeError(`ixgbe: there is no queue ${index} among ${queues.length}`);
  return queue;
}
