/**
 * A driver for one port of an ExaNIC, from the wait for its start-up to close, in the order in which things happen. The card
 * is simple: there are no descriptors. It streams frames into a region of memory, and sends chunks that the driver writes
 * into the card. How to read the region without being fooled is exanic-reader.ts; the register header is
 * exanic-registers.ts, rules for flows are in exanic-steering.ts. Sources: the headers of libexanic (pcie_if.h, fifo_if.h)
 * and the order in which its kernel module does things. Nothing on the paths of frames allocates.
 */

import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { ExanicReader } from "./exanic-reader.ts";
import * as reg from "./exanic-registers.ts";

const MS = 1_000_000;
/** The kernel module looks five times in half a second. */
const STARTUP_LIMIT_NS = 500 * MS;
/** "Turning off RX does not stop a packet currently being transferred": what the kernel module waits then. */
const DISABLE_NS = 100_000;
/** Room for the largest frame and its header, a whole number of cache lines. */
const TX_SLOT_BYTES = 2048;
const TX_FRAME_BYTES_MAX: number = TX_SLOT_BYTES - reg.TX_HEADER_BYTES - reg.TX_PADDING_BYTES;
/** What a read gives when nobody answers. */
const NOBODY_THERE = 0xffff_ffff;

export interface ExanicDriverOptions {
  /** Default 0. */
  readonly port?: number;
  /**
   * The driver of the card's other port, where there is one: the card has one feedback page and one Bus Master bit for both.
   * It is closed last.
   */
  readonly beside?: ExanicDriver;
  /** Takes frames to any address. Default false: groups and the port's own. */
  readonly promiscuous?: boolean;
  /** How long to wait for the link, 0 not to. Default 1,000. */
  readonly linkLimitMs?: number;
  /** `msi`: {@link ExanicDriver.waitForTraffic} sleeps. Default `none`. */
  readonly interrupts?: "none" | "msi";
  /** Chunks of a receive region. Default 16,384, which a real card insists on. */
  readonly chunkCount?: number;
  /** Default the right one. The others are for those who want to see it fail. */
  readonly reader?: new (
    ...region: ConstructorParameters<typeof ExanicReader>
  ) => ExanicReader;
}

export class ExanicDriver {
  readonly port: number;
  readonly pci: PciFunction;
  readonly bar: Bar;
  /** Frames that no rule steers elsewhere. */
  readonly reader: ExanicReader;
  readonly #txRegion: Bar;
  readonly #options: ExanicDriverOptions;
  readonly #regions: DmaBuffer[] = [];
  readonly #feedback: DmaBuffer;
  readonly #interrupt: Interrupt | undefined;
  readonly #txOffset: number;
  readonly #txSlotCount: number;
  /** Chunks handed over so far; its lower 16 bits are the id of the next one's feedback. */
  #sentCount = 0;
  /** The chunk that {@link check} missed when it was asked last, or -1. */
  #missed = -1;
  #isClosed = false;

  /** Brings the port up. Throws Error that says what is missing when the card is another one or does not answer. */
  static probe(pci: PciFunction, options: ExanicDriverOptions = {}): ExanicDriver {
    return new ExanicDriver(pci, options);
  }

  private constructor(pci: PciFunction, options: ExanicDriverOptions) {
    const { port = 0, promiscuous = false, linkLimitMs = 1000, interrupts = "none", beside } = options;
    this.pci = pci;
    this.port = port;
    this.#options = options;
    this.bar = pci.bar(0);
    this.#txRegion = pci.bar(2);
    this.#identify();
    this.#await(reg.FEATURE_CFG, reg.FEATURE_CFG_HW_STARTUP, 0, "FEATURE_CFG.HW_STARTUP to clear", STARTUP_LIMIT_NS);
    // Whatever an earlier driver left running comes to rest before its memory is somebody else's.
    this.#disable();
    if (interrupts === "msi") this.#interrupt = pci.interrupts("msi", 1)[0];
    this.#txOffset = this.#read(reg.PORT_TX_REGION_OFFSET(port));
    this.#txSlotCount = Math.floor(this.#read(reg.PORT_TX_REGION_SIZE(port)) / TX_SLOT_BYTES);
    this.#checkTxRegion();
    try {
      this.#feedback = beside === undefined ? this.#allocate(4096, "exanic tx feedback") : beside.#feedback;
      const region = this.#receiveRegion(`exanic rx region ${port}`);
      pci.config.setBusMaster(true);
      if (beside === undefined) this.#tell(reg.TX_FEEDBACK_BASE_LO, reg.TX_FEEDBACK_BASE_HI, this.#feedback);
      this.#tell(reg.PORT_RX_DMA_BASE_LO(port), reg.PORT_RX_DMA_BASE_HI(port), region);
      this.bar.write32(reg.PORT_FLAGS(port), promiscuous ? reg.PORT_FLAG_PROMISCUOUS : 0);
      this.reader = this.#readerOf(region);
      // From here on frames come in, whether somebody reads them or not.
      this.bar.write32(reg.PORT_ENABLED(port), 1);
      if (linkLimitMs > 0)
        this.#await(reg.PORT_STATUS(port), reg.PORT_STATUS_LINK, reg.PORT_STATUS_LINK, "the link", linkLimitMs * MS);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  // ---- receive -----------------------------------------------------------------------------------------------------

  /** Lends the port a further buffer, which a rule or the hash fills (exanic-steering.ts), and reads it. */
  addBuffer(buffer: number): ExanicReader {
    const region = this.#receiveRegion(`exanic rx buffer ${buffer} of port ${this.port}`);
    this.#tell(reg.BUFFER_BASE_LO(this.port, buffer), reg.BUFFER_BASE_HI(this.port, buffer), region);
    return this.#readerOf(region);
  }

  /**
   * Sleeps until the next chunk is there; false when it is not within `limitMs`. Without interrupts it polls. The card
   * looks at the chunk when it is armed, too: nothing is lost between the last look at the ring and here.
   */
  waitForTraffic(limitMs: number): boolean {
    const { reader } = this;
    if (this.#interrupt === undefined) {
      const deadlineNs = this.pci.cpu.nowNs() + limitMs * MS;
      while (!reader.isReady() && this.pci.cpu.nowNs() < deadlineNs) this.pci.cpu.relax();
      return reader.isReady();
    }
    this.#interrupt.poll();
    const chunk = (reader.generation << reg.PORT_IRQ_GENERATION_SHIFT) | reader.nextChunk;
    this.bar.write32(reg.PORT_IRQ_CONFIG(this.port), (reg.PORT_IRQ_ENABLE | chunk) >>> 0);
    if (!reader.isReady()) this.#interrupt.wait(limitMs);
    return reader.isReady();
  }

  /**
   * Frames that the card has written into memory, damaged ones too, modulo 2^32. They are there when this returns: the
   * read's completion pushes them. Less those that were read, it says how many a lapped reader has lost.
   */
  writtenCount(): number {
    const { bar, port } = this;
    return (bar.read32(reg.PORT_STAT_RX(port)) + bar.read32(reg.PORT_STAT_RX_ERROR(port))) | 0;
  }

  /**
   * What no frame tells: that none comes any more. A driver's owner asks now and then. Throws Error that says what is wrong
   * with the card: it is gone, it was reset, or it has written a chunk that never arrived. True while the link is up.
   */
  check(): boolean {
    const status = this.#read(reg.PORT_STATUS(this.port));
    if ((status & reg.PORT_STATUS_ENABLED) === 0) throw this.#broken("the port is off: the card was reset");
    const { nextChunk } = this.reader;
    // The read has brought all chunks that were written before it: twice in vain, and one is lost.
    const isMissing = this.reader.isNextMissing();
    if (isMissing && this.#missed === nextChunk) throw this.#broken(`chunk ${nextChunk} has not arrived`);
    this.#missed = isMissing ? nextChunk : -1;
    return (status & reg.PORT_STATUS_LINK) !== 0;
  }

  // ---- transmit ----------------------------------------------------------------------------------------------------

  /** Hands a frame without FCS to the card. False while all chunks are the card's. Throws RangeError for one that is too long. */
  transmit(frame: Uint8Array): boolean {
    if (frame.length > TX_FRAME_BYTES_MAX) throw new RangeError(`a frame of ${frame.length} bytes`);
    // The card has written the id of the newest chunk that it is done with into the port's word of the page. Ids are 16 bits, and so is their difference.
    const underWay = (this.#sentCount - this.#feedback.read16(2 * this.port)) & 0xffff;
    if (underWay >= this.#txSlotCount) {
      // Whoever only sends touches the card no more while it is full; this is where he hears that it is gone.
      this.pci.cpu.relax();
      return false;
    }
    const at = this.#txOffset + (this.#sentCount % this.#txSlotCount) * TX_SLOT_BYTES;
    this.#sentCount = (this.#sentCount + 1) % (this.#txSlotCount * 0x1_0000);
    this.#writeChunk(at, frame, this.#sentCount & 0xffff);
    // The region is write-combining memory: what was stored there leaves when it likes. It has to be on its way first.
    this.pci.cpu.wmb();
    this.bar.write32(reg.PORT_TX_COMMAND(this.port), at);
    return true;
  }

  /** Header, padding and frame, in rising words as write combining likes it. */
  #writeChunk(at: number, frame: Uint8Array, id: number): void {
    const region = this.#txRegion;
    region.writeCombining32(at, id | (this.port << 16));
    region.writeCombining32(at + 4, (frame.length + reg.TX_PADDING_BYTES) | (reg.TX_TYPE_RAW << 16));
    for (let byte = -reg.TX_PADDING_BYTES; byte < frame.length; byte += 4) {
      const word =
        (byte < 0 ? 0 : (frame[byte] as number) | ((frame[byte + 1] ?? 0) << 8)) |
        ((frame[byte + 2] ?? 0) << 16) |
        ((frame[byte + 3] ?? 0) << 24);
      region.writeCombining32(at + reg.TX_HEADER_BYTES + reg.TX_PADDING_BYTES + byte, word);
    }
  }

  // ---- end ---------------------------------------------------------------------------------------------------------

  /** Stops the port and gives all memory back. Once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#disable();
    if (this.#options.beside === undefined) this.pci.config.setBusMaster(false);
    for (const region of this.#regions) region.free();
  }

  // ---- bring-up ----------------------------------------------------------------------------------------------------

  /** A register that is never all ones: that is a completion that timed out, or nobody there. Throws Error when the card is gone. */
  #read(offset: number): number {
    const value = this.bar.read32(offset);
    if (value !== NOBODY_THERE) return value;
    if (this.bar.read32(reg.HW_ID) !== reg.HW_ID_X10) throw this.#broken("the card is gone from the bus");
    return this.bar.read32(offset);
  }

  #broken(what: string): Error {
    return new Error(`${this.pci.name}: ${what}. Close the driver and probe again`);
  }

  /** Where the card says that it takes frames has to be in the card. */
  #checkTxRegion(): void {
    const end = this.#txOffset + this.#txSlotCount * TX_SLOT_BYTES;
    if (this.#txSlotCount > 0 && this.#txSlotCount < 0x1_0000 && end <= this.#txRegion.byteLength) return;
    throw this.#broken(
      `the TX region of ${this.#txSlotCount} frames at 0x${this.#txOffset.toString(16)} is not in BAR 2`,
    );
  }

  #identify(): void {
    const [version, hardware, kind] = [reg.PCIE_IF_VER, reg.HW_ID, reg.FUNCTION_ID].map((at) => this.bar.read32(at));
    if (version === 1 && hardware === reg.HW_ID_X10 && kind === reg.FUNCTION_NIC) return;
    throw new Error(`${this.pci.name}: interface ${version}, hardware ${hardware}, function ${kind}; want 1, 4, 0`);
  }

  #disable(): void {
    this.bar.write32(reg.PORT_IRQ_CONFIG(this.port), 0);
    this.bar.write32(reg.PORT_ENABLED(this.port), 0);
    // The read pushes the writes; then the frame that was under way ends.
    this.bar.read32(reg.PORT_STATUS(this.port));
    this.pci.cpu.delay(DISABLE_NS);
  }

  #receiveRegion(label: string): DmaBuffer {
    const region = this.#allocate((this.#options.chunkCount ?? reg.RX_CHUNK_COUNT) * reg.RX_CHUNK_BYTES, label);
    region.copyFrom(0, new Uint8Array(region.byteLength).fill(reg.RX_FILL), 0, region.byteLength);
    return region;
  }

  #readerOf(region: DmaBuffer): ExanicReader {
    return new (this.#options.reader ?? ExanicReader)(region, this.pci.cpu);
  }

  #allocate(byteLength: number, label: string): DmaBuffer {
    const buffer = this.pci.dma.alloc(byteLength, { label, direction: "from-device" });
    this.#regions.push(buffer);
    return buffer;
  }

  /** Where a region is: the lower half says in bit 0 which kind of address it is. */
  #tell(low: number, high: number, region: DmaBuffer): void {
    this.bar.write32(low, (region.iovaLow | (region.iovaHigh === 0 ? reg.ADDRESS_32_BIT : 0)) >>> 0);
    this.bar.write32(high, region.iovaHigh >>> 0);
  }

  #await(register: number, mask: number, wanted: number, what: string, limitNs: number): void {
    const deadlineNs = this.pci.cpu.nowNs() + limitNs;
    for (;;) {
      // The time before the register: whoever is held up between the two has looked once more when the limit was over.
      const isLate = this.pci.cpu.nowNs() > deadlineNs;
      if ((this.#read(register) & mask) === wanted) return;
      if (isLate) throw new Error(`${this.pci.name}: waited in vain for ${what}`);
      this.pci.cpu.relax();
    }
  }
}
