import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { RegisterAccess } from "./ixgbe-access.ts";
import { checkIdentity, readMacAddress } from "./ixgbe-extras.ts";
import { buffersPerFrame, type IxgbeOptions } from "./ixgbe-options.ts";
import * as reg from "./ixgbe-registers.ts";
import { IxgbeCounters, type IxgbeStatistics } from "./ixgbe-statistics.ts";
import { PacketBatch, PacketPool } from "./packet-pool.ts";

const REFUSALS_PER_RELAX = 256;
/** PCIe 6.6.2: how long nobody may touch a function that was told to reset itself. The next driver may come at once. */
const FUNCTION_LEVEL_RESET_NS = 100_000_000;

/** Memory of the driver, and what the driver knows of it. */
interface Kept {
  free(): void;
  save(): unknown;
  restore(state: unknown): void;
}

/** What a driver of the 82599 owns and offers beside its dealings with the card, which are in ixgbe.ts. */
export abstract class IxgbeBase {
  /** All packet buffers. An application takes those that it sends from here and owns those that `rxBatch` brought. */
  readonly pool: PacketPool;
  readonly options: Required<IxgbeOptions>;
  protected readonly pci: PciFunction;
  protected readonly registers: RegisterAccess;
  protected readonly bar: Bar;
  protected readonly counters: IxgbeCounters;
  /** Absent when polling. */
  protected linkInterrupt: Interrupt | undefined;
  /** As {@link linkChanged} saw the link last. */
  protected wasUp = false;
  #linkMissed = false;
  /** What is allocated before the card comes up, and given back when it is down. */
  readonly #memory: Kept[] = [];
  /** For {@link transmit} and {@link receive}; the inbox keeps frames that were taken and not yet handed out. */
  readonly #outbox: PacketBatch;
  readonly #inbox: PacketBatch;
  #inboxNext = 0;
  #inboxCount = 0;
  #macAddress: string | undefined;
  #refusals = 0;

  /** Throws Error for what is no network card of Intel's, RangeError when there is no DMA memory; nothing is mapped then. */
  protected constructor(pci: PciFunction, options: Required<IxgbeOptions>) {
    checkIdentity(pci);
    this.pci = pci;
    this.options = options;
    this.registers = new RegisterAccess(pci);
    this.bar = this.registers.bar;
    this.counters = new IxgbeCounters(this.registers, options.rxQueueCount);
    const span = buffersPerFrame(options.maxFrameBytes, options.bufferBytes);
    this.#outbox = new PacketBatch(span);
    this.#inbox = new PacketBatch(span);
    this.pool = this.kept(new PacketPool(pci.dma, options.bufferCount, options.bufferBytes));
  }

  /**
   * Takes whole frames that have arrived into `batch`, at most `limit` entries, and returns how many entries it filled.
   * Their buffers are the caller's until {@link release} or {@link txBatch}. Takes no more than the pool can replace, so a
   * caller that keeps all buffers receives nothing. Throws RangeError when not even one whole frame fits, and Error when
   * the card wrote a length that cannot be.
   */
  abstract rxBatch(queueIndex: number, batch: PacketBatch, limit?: number): number;

  /**
   * Sends the frames in the first `count` entries and takes their buffers, which go back to the pool once they are sent.
   * Returns how many entries it took: whole frames, fewer than `count` when the ring is full; the others stay the
   * caller's. Throws RangeError, and takes nothing, for a frame that is too short, too long or has no end.
   */
  abstract txBatch(queueIndex: number, batch: PacketBatch, count: number): number;

  /** From the card's EEPROM: "00:1b:21:…". */
  get macAddress(): string {
    this.#macAddress ??= readMacAddress(this.registers);
    return this.#macAddress;
  }

  get linkUp(): boolean {
    return (this.registers.read(reg.LINKS) & reg.LINKS_LINK_UP) !== 0;
  }

  /** Whether the link went down or came up since the last call. With interrupts it asks the card only if it interrupted. */
  linkChanged(): boolean {
    const interrupt = this.linkInterrupt;
    if (interrupt?.poll() === false && !this.#linkMissed) return false;
    this.#linkMissed = false;
    if (interrupt !== undefined) this.bar.write32(reg.EICR, reg.EICR_LSC); // First: what comes later interrupts again.
    const wasUp = this.wasUp;
    this.wasUp = this.linkUp;
    return interrupt !== undefined || wasUp !== this.wasUp; // An interrupt may stand for down and up again.
  }

  /** Whether the link is up. An interrupt of it may have got lost: then the next {@link linkChanged} asks the card. */
  protected lookAtLink(): boolean {
    const { linkUp } = this;
    this.#linkMissed ||= linkUp !== this.wasUp;
    return linkUp;
  }

  /** Buffers that neither the pool nor a ring nor {@link receive} has: the application's. It has lost those that it does not know of. */
  get lentCount(): number {
    let heldCount = this.#inboxCount - this.#inboxNext;
    for (const memory of this.#memory) if (memory instanceof Ring) heldCount += memory.heldCount;
    return this.pool.bufferCount - this.pool.freeCount - heldCount;
  }

  /** What was counted since probe. Reads registers that the read clears, so it must be the only reader. */
  statistics(): IxgbeStatistics {
    return this.counters.collect();
  }

  /** Gives the buffers of the first `count` entries back to the pool. */
  release(batch: PacketBatch, count: number): void {
    for (let entry = 0; entry < count; entry++) this.pool.release(batch.bufferIndex[entry] as number);
  }

  /** Copies a frame and sends it; false when there is no room at the moment. For tests and tutorials. */
  transmit(frame: Uint8Array, queueIndex = 0): boolean {
    const { pool } = this;
    const outbox = this.#outbox;
    const count = Math.max(1, Math.ceil(frame.byteLength / pool.bufferBytes));
    if (count > outbox.capacity) throw new RangeError(`${frame.byteLength} bytes exceed maxFrameBytes`);
    // Nothing is sent, but what was sent before comes back to the pool.
    this.txBatch(queueIndex, outbox, 0);
    if (pool.freeCount < count) return false;
    for (let entry = 0; entry < count; entry++) {
      const from = entry * pool.bufferBytes;
      const byteLength = Math.min(pool.bufferBytes, frame.byteLength - from);
      const buffer = pool.take();
      pool.memory.copyFrom(buffer * pool.bufferBytes, frame, from, byteLength);
      outbox.set(entry, buffer, byteLength, entry === count - 1);
    }
    let taken = 0;
    try {
      taken = this.txBatch(queueIndex, outbox, count);
    } finally {
      if (taken === 0) this.release(outbox, count);
    }
    return taken > 0;
  }

  /** A copy of the next frame of any queue; undefined when there is none. For tests and tutorials. */
  receive(): Uint8Array | undefined {
    const inbox = this.#inbox;
    const { pool, options } = this;
    for (let index = 0; this.#inboxNext === this.#inboxCount && index < options.rxQueueCount; index++) {
      this.#inboxCount = this.rxBatch(index, inbox);
      this.#inboxNext = 0;
    }
    if (this.#inboxNext === this.#inboxCount) return undefined;
    const frame = new Uint8Array(inbox.frameBytes(this.#inboxNext, this.#inboxCount));
    const end = inbox.endOfFrame(this.#inboxNext, this.#inboxCount);
    for (let at = 0; this.#inboxNext < end; this.#inboxNext++) {
      const buffer = inbox.bufferIndex[this.#inboxNext] as number;
      const byteLength = inbox.byteLength[this.#inboxNext] as number;
      pool.memory.copyTo(buffer * pool.bufferBytes, frame, at, byteLength);
      pool.release(buffer);
      at += byteLength;
    }
    return frame;
  }

  /** What the driver knows besides what is in memory and in the card. With nothing under way, so that no frame is lost. */
  save(): unknown {
    return { memory: this.#memory.map((memory) => memory.save()), counters: this.counters.save() };
  }

  /** Back to what {@link save} gave: for whoever sets memory and card back as well. */
  restore(state: unknown): void {
    const { memory, counters } = state as { memory: unknown[]; counters: IxgbeStatistics };
    for (const [index, kept] of this.#memory.entries()) kept.restore(memory[index]);
    this.counters.restore(counters);
    this.#inboxNext = 0;
    this.#inboxCount = 0;
  }

  /** A full ring took nothing. Relaxes now and then: it costs little if it is not done at every poll. */
  protected refused(): void {
    if (++this.#refusals % REFUSALS_PER_RELAX === 0) this.pci.cpu.relax();
  }

  /** Notes memory that goes when the driver does. */
  protected kept<Memory extends Kept>(memory: Memory): Memory {
    this.#memory.push(memory);
    return memory;
  }

  protected freeMemory(): void {
    for (const memory of this.#memory.splice(0)) memory.free();
  }

  /** Does something with the card, and cuts the card off when it throws. */
  protected orCutOff(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#cutOff();
      throw error;
    }
  }

  /** For a card that does not do as it is told: what it cannot reach it cannot overwrite. */
  #cutOff(): void {
    try {
      this.pci.config.setBusMaster(false);
      this.pci.config.functionLevelReset();
      this.pci.cpu.delay(FUNCTION_LEVEL_RESET_NS);
    } finally {
      this.freeMemory();
    }
  }
}

/** What a ring is made of. */
export interface RingParts {
  readonly pci: PciFunction;
  readonly registers: RegisterAccess;
  readonly pool: PacketPool;
  readonly options: Required<IxgbeOptions>;
}

/** The memory of a descriptor ring, and which packet buffer each of its descriptors holds. */
export abstract class Ring {
  readonly index: number;
  readonly size: number;
  readonly memory: DmaBuffer;
  readonly bufferOf: Int32Array;
  readonly pool: PacketPool;
  readonly registers: RegisterAccess;
  readonly bar: Bar;
  readonly options: Required<IxgbeOptions>;
  /** Descriptors that the longest frame takes. */
  readonly spanMax: number;
  /** The driver's: the descriptor that comes next. */
  next = 0;
  /** The driver's, when sending: the oldest descriptor that is not known to be sent. */
  oldest = 0;

  /** Throws RangeError when there is no DMA memory. */
  constructor(kind: "rx" | "tx", index: number, { pci, registers, pool, options }: RingParts) {
    this.index = index;
    this.size = options.ringSize;
    this.bufferOf = new Int32Array(this.size);
    this.pool = pool;
    this.registers = registers;
    this.bar = registers.bar;
    this.options = options;
    this.spanMax = buffersPerFrame(options.maxFrameBytes, options.bufferBytes);
    this.memory = pci.dma.alloc(this.size * reg.DESCRIPTOR_BYTES, { align: 128, label: `${kind} ring ${index}` });
  }

  /** Packet buffers that descriptors of the ring hold. */
  abstract readonly heldCount: number;

  free(): void {
    this.memory.free();
  }

  save(): unknown {
    return { next: this.next, oldest: this.oldest, bufferOf: this.bufferOf.slice() };
  }

  restore(state: unknown): void {
    const { next, oldest, bufferOf } = state as { next: number; oldest: number; bufferOf: Int32Array };
    this.next = next;
    this.oldest = oldest;
    this.bufferOf.set(bufferOf);
  }

  /** Gives the buffers of the descriptors from `first` to `last` back to the pool; returns the descriptor behind them. */
  protected releaseBuffers(first: number, last: number): number {
    const stop = last + 1 === this.size ? 0 : last + 1;
    let slot = first;
    do {
      this.pool.release(this.bufferOf[slot] as number);
      slot = slot + 1 === this.size ? 0 : slot + 1;
    } while (slot !== stop);
    return stop;
  }
}
