/**
 * A driver for the Intel 82599, from reset to close in the order in which things happen. Sections are those of the data
 * sheet (331520, rev 3.3). Receive and transmit paths allocate nothing; everything else is written to be read.
 */

import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { buffersPerFrame, checkedOptions, type IxgbeOptions } from "./ixgbe-options.ts";
import * as reg from "./ixgbe-registers.ts";
import { IxgbeCounters, type IxgbeStatistics } from "./ixgbe-statistics.ts";
import { END_OF_PACKET, PacketBatch, PacketPool } from "./packet-pool.ts";

const VENDOR_INTEL = 0x8086;
const CLASS_ETHERNET = 0x020000;
const ALL_ONES = 0xffff_ffff;
const MS = 1_000_000;

/** How long a card may take for a bit that it sets or clears by itself. Far more than it needs. */
const ANSWER_LIMIT_NS = 100 * MS;
/** A limit for clocks that stand still. */
const POLL_LIMIT = 10_000_000;

/** A descriptor written back for the transmit ring's cleaning at least this often. */
const FRAMES_PER_REPORT = 32;

/** The key that Microsoft's RSS specification uses in its examples, so that hashes can be compared with its tables. */
const RSS_KEY = [
  0xda565a6d, 0xc20e5b25, 0x3d256741, 0xb08fa343, 0xcb2bcad0, 0xb4307bae, 0xa32dcb77, 0x0cf23080, 0x3bb7426a,
  0xfa01acbe,
];

/** A receive ring. Descriptors from `next` up to one before RDT belong to the card. */
interface RxQueue {
  readonly index: number;
  readonly ring: DmaBuffer;
  /** Packet buffer of each descriptor: the address in the descriptor is overwritten by the card. */
  readonly bufferOf: Int32Array;
  /** The driver's: the descriptor that the card fills next. */
  next: number;
}

/** A transmit ring. Descriptors from `clean` up to one before `next` belong to the card. */
interface TxQueue {
  readonly index: number;
  readonly ring: DmaBuffer;
  readonly bufferOf: Int32Array;
  /** By the first descriptor of a group: its last one, the only one with RS, whose DD stands for all of them. */
  readonly groupEnd: Int32Array;
  /** The driver's: where the next frame goes; equal to TDT. */
  next: number;
  /** The driver's: the oldest descriptor whose buffer was not given back yet. */
  clean: number;
}

export class IxgbeDriver {
  /** All packet buffers. An application takes its buffers here and owns what {@link rxBatch} brought. */
  readonly pool: PacketPool;
  readonly options: Required<IxgbeOptions>;
  /** "00:1b:21:…": from the card's EEPROM. */
  macAddress = "";
  readonly #pci: PciFunction;
  readonly #bar: Bar;
  readonly #counters: IxgbeCounters;
  readonly #rxQueues: RxQueue[] = [];
  readonly #txQueues: TxQueue[] = [];
  /** By receive queue; empty when polling. */
  #interrupts: Interrupt[] = [];
  #isClosed = false;
  /** What {@link receive} has taken from a ring and not handed out yet. */
  readonly #inbox: PacketBatch;
  #inboxNext = 0;
  #inboxCount = 0;
  readonly #outbox: PacketBatch;

  private constructor(pci: PciFunction, options: Required<IxgbeOptions>) {
    this.#pci = pci;
    this.options = options;
    this.#bar = pci.bar(0);
    this.#counters = new IxgbeCounters(this.#bar, options.rxQueueCount);
    const span = buffersPerFrame(options.maxFrameBytes, options.bufferBytes);
    this.#inbox = new PacketBatch(span);
    this.#outbox = new PacketBatch(span);
    this.pool = new PacketPool(pci.dma, options.bufferCount, options.bufferBytes);
  }

  /**
   * Resets the card and brings it up (4.6.3). Throws RangeError for options that cannot be, and Error naming the register
   * and bit when the card does not answer; nothing stays mapped then.
   */
  static probe(pci: PciFunction, options: IxgbeOptions = {}): IxgbeDriver {
    const [vendor, classCode] = [pci.config.read16(0x0000), pci.config.read32(0x0008) >>> 8];
    if (vendor !== VENDOR_INTEL || classCode !== CLASS_ETHERNET) {
      throw new Error(`${pci.name}: vendor 0x${vendor.toString(16)}, class 0x${classCode.toString(16)} is no Intel NIC`);
    }
    const driver = new IxgbeDriver(pci, checkedOptions(options));
    try {
      driver.#bringUp();
    } catch (error) {
      driver.#cutOff();
      throw error;
    }
    return driver;
  }

  // ---- 4.6.3 initialization sequence -------------------------------------------------------------------------------

  #bringUp(): void {
    this.#reset();
    this.#readMacAddress();
    // 4.6.4: the EEPROM has chosen the link mode; start negotiation, and let it run while the rest is set up.
    this.#set(reg.AUTOC, reg.AUTOC_RESTART_AN);
    this.#counters.clear();
    this.#initMac();
    this.#initReceive();
    this.#initTransmit();
    if (this.options.interrupts === "msix") this.#initInterrupts();
    const { linkLimitMs } = this.options;
    if (linkLimitMs > 0) this.#waitSet(reg.LINKS, reg.LINKS_LINK_UP, "LINKS.LINK_UP", linkLimitMs * MS);
  }

  /** 4.6.3.1, 4.6.3.2: interrupts off, global reset, interrupts off again, then wait for what the card does alone. */
  #reset(): void {
    const { config, cpu } = this.#pci;
    this.#bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.#bar.write32(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST);
    this.#bar.read32(reg.STATUS); // Posted writes must not start their wait in a buffer: the read pushes them out.
    cpu.delay(1 * MS);
    this.#waitClear(reg.CTRL, reg.CTRL_LRST | reg.CTRL_RST, "CTRL.RST");
    cpu.delay(10 * MS);
    this.#bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.#bar.read32(reg.EICR);
    this.#waitSet(reg.EEC, reg.EEC_AUTO_RD, "EEC.AUTO_RD");
    this.#waitSet(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE, "RDRXCTL.DMAIDONE");
    // Only now: rings that an earlier owner left in the registers are gone.
    config.setBusMaster(true);
  }

  #readMacAddress(): void {
    const [low, high] = [this.#bar.read32(reg.RAL(0)), this.#bar.read32(reg.RAH(0))];
    const bytes = [low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8];
    this.macAddress = bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join(":");
  }

  /** HLREG0 belongs to both directions. CRC is the card's: made when sending, checked and cut off when receiving. */
  #initMac(): void {
    this.#set(reg.HLREG0, reg.HLREG0_TXCRCEN | reg.HLREG0_TXPADEN | reg.HLREG0_RXCRCSTRP);
    const { maxFrameBytes } = this.options;
    if (maxFrameBytes <= 1514) return;
    // 8.2.3.22.13: MFS counts the FCS, not the VLAN tag, and holds only when jumbo frames are enabled.
    this.#bar.write32(reg.MAXFRS, (maxFrameBytes + 4) << reg.MAXFRS_MFS_SHIFT);
    this.#set(reg.HLREG0, reg.HLREG0_JUMBOEN);
  }

  // ---- 4.6.7 receive initialization --------------------------------------------------------------------------------

  #initReceive(): void {
    const bar = this.#bar;
    const { rxQueueCount, promiscuous } = this.options;
    this.#clear(reg.RXCTRL, reg.RXCTRL_RXEN);
    // 7.1.1: broadcast, and what RAL0 says. The multicast table is memory without a reset value: clear it.
    this.#set(reg.FCTRL, reg.FCTRL_BAM | (promiscuous ? reg.FCTRL_UPE | reg.FCTRL_MPE : 0));
    for (let index = 0; index < reg.MTA_COUNT; index++) bar.write32(reg.MTA(index), 0);
    // 4.6.11.3.4: neither DCB nor virtualization: one packet buffer has it all.
    bar.write32(reg.RXPBSIZE(0), reg.RXPBSIZE_512KB);
    for (let buffer = 1; buffer < reg.PACKET_BUFFER_COUNT; buffer++) bar.write32(reg.RXPBSIZE(buffer), 0);
    this.#set(reg.RDRXCTL, reg.RDRXCTL_CRCSTRIP); // Must agree with HLREG0.RXCRCSTRP.
    if (rxQueueCount > 1) this.#initRss();
    this.#set(reg.CTRL_EXT, reg.CTRL_EXT_NS_DIS);
    for (let index = 0; index < rxQueueCount; index++) this.#rxQueues.push(this.#startRxQueue(index));
    // Frames must not be on their way through the card while it is enabled: halt, drain, enable, go on.
    this.#set(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
    this.#waitSet(reg.SECRXSTAT, reg.SECRXSTAT_SECRX_RDY, "SECRXSTAT.SECRX_RDY");
    this.#set(reg.RXCTRL, reg.RXCTRL_RXEN);
    this.#clear(reg.SECRXCTRL, reg.SECRXCTRL_RX_DIS);
  }

  /** 7.1.2.8: the hash of a flow picks one of 128 entries, which names the queue. */
  #initRss(): void {
    for (const [index, word] of RSS_KEY.entries()) this.#bar.write32(reg.RSSRK(index), word);
    for (let index = 0; index < reg.RETA_COUNT; index++) {
      let entries = 0;
      for (let byte = 0; byte < 4; byte++) entries |= ((4 * index + byte) % this.options.rxQueueCount) << (8 * byte);
      this.#bar.write32(reg.RETA(index), entries);
    }
    // The descriptor has room for the hash or for a fragment checksum, not for both.
    this.#set(reg.RXCSUM, reg.RXCSUM_PCSD);
    this.#bar.write32(reg.MRQC, reg.MRQC_MRQE_RSS | reg.MRQC_RSS_FIELDS);
  }

  #startRxQueue(index: number): RxQueue {
    const bar = this.#bar;
    const { ringSize, bufferBytes, rxQueueCount, vlanStrip } = this.options;
    const ring = this.#pci.dma.alloc(ringSize * reg.DESCRIPTOR_BYTES, { label: `rx ring ${index}` });
    const queue: RxQueue = { index, ring, bufferOf: new Int32Array(ringSize), next: 0 };
    this.#rxQueues[index] = queue;
    return queue;
  }
}
