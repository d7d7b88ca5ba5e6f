/**
 * What a driver gets: one PCI function as a kernel hands it over. The same interfaces in every way of running; a driver
 * must not know that it is in a testbed.
 */

/**
 * Registers of a BAR. Offsets in bytes, values unsigned. An offset outside of the BAR throws RangeError and reaches no bus: behind a
 * kernel's mapping is no card. One that is misaligned does reach the card, and is a violation (rule `bar-access`).
 */
export interface Bar {
  readonly index: number;
  readonly byteLength: number;
  /** Non-posted: pushes the writes before it, and DMA of the device is in memory when it returns (PCIe 2.4.1). */
  read32(offset: number): number;
  read16(offset: number): number;
  read8(offset: number): number;
  read64(offset: number): bigint;
  /** Posted: returns before the device has seen it. Ordered behind the thread's earlier stores to memory. */
  write32(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write8(offset: number, value: number): void;
  write64(offset: number, value: bigint): void;
  /** As write32, but not ordered behind earlier stores to memory: needs a `wmb` where that matters (writel_relaxed). */
  writeRelaxed32(offset: number, value: number): void;
  /**
   * A store to the BAR as write-combining memory (ioremap_wc): stores to one line of 64 bytes leave the CPU together, when
   * they like, in no order with the stores to other lines nor with ordinary writes. `wmb` drives them out.
   */
  writeCombining32(offset: number, value: number): void;
  /**
   * The BAR's raw memory, for drivers that know only memory. What raw memory cannot do is said once when it is mapped; its
   * accesses are invisible to sanitizers, and data races of threaded runs are not looked for any more. Begins at
   * {@link mappedOffset}.
   */
  map(): SharedArrayBuffer;
  /** 0, but where the driver brought the memory along: a WebAssembly driver's BARs lie in the midst of its own. */
  readonly mappedOffset: number;
}

/**
 * Memory that the device may reach. Offsets in bytes from the buffer's start; values unsigned; out of range throws RangeError.
 *
 * A plain accessor makes exactly one access, which nobody tears, repeats or invents (READ_ONCE, WRITE_ONCE; volatile in C),
 * but orders nothing: a flag is looked at by `readAcquire32`, or by a plain read with `dmaRmb` before the next one, and
 * set by `writeRelease32`, or behind a write barrier. Two accesses that nothing orders, one of them a write, are a data race,
 * unless both synchronise so, or the driver says by `cpu.beginRacy` why it does no harm.
 */
export interface DmaBuffer {
  readonly byteLength: number;
  /** Address for the device, below 2^48. */
  readonly iova: number;
  /** The address as two int32 words: what goes into descriptors without a 64-bit number on the way. */
  readonly iovaHigh: number;
  readonly iovaLow: number;
  /**
   * The raw memory: exactly this buffer, shared with the device. Accesses through it are invisible to sanitizers, which say
   * nothing more of a buffer, nor of a ring in it, once it was asked for.
   */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
  /** A load that later accesses stay behind (smp_load_acquire). What a driver polls a flag with. */
  readAcquire32(offset: number): number;
  /** A store that earlier accesses stay before (smp_store_release). */
  writeRelease32(offset: number, value: number): void;
  /**
   * Stores `value` if the word is `expected`, as one access, ordered with everything before and behind it (cmpxchg).
   * Returns what was there.
   */
  compareExchange32(offset: number, expected: number, value: number): number;
  /**
   * Takes the spin lock that this word is: 0 when free, 1 when taken (spin_lock). Between CPUs only: a handler of this CPU
   * is kept off with `irqSave`. Throws Error when nobody gives it back for ten seconds.
   */
  lock(offset: number): void;
  /**
   * Gives it back: what was stored under the lock is seen by whoever takes it next. Posted writes that were made under it
   * may still be on their way (Linux: mmiowb), unless a read has pushed them.
   */
  unlock(offset: number): void;
  /** Copies bytes in and out; no allocation. */
  copyFrom(offset: number, source: Uint8Array, sourceOffset: number, byteLength: number): void;
  copyTo(offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void;
  /**
   * Unmaps and gives the memory back. The device must not hold it any more. A second call throws, and so does every later
   * access through these accessors, in all runs: both are violations too.
   */
  free(): void;
}

export type DmaDirection = "to-device" | "from-device" | "bidirectional";

export interface DmaAllocOptions {
  /** Power of two; 4096 when absent or smaller. */
  readonly align?: number;
  /** What faults and traces call it: "rx ring 0". */
  readonly label?: string;
  /** What the device may do; both when absent. */
  readonly direction?: DmaDirection;
  /**
   * Where the device is to find it, as with VFIO_IOMMU_MAP_DMA: a multiple of 4096 in the function's window. A driver
   * without an IOMMU knows one physical address for all its cards: map a buffer for each of them at the first one's.
   */
  readonly iova?: number;
  /** Its own SharedArrayBuffer instead of a part of the arena: `bytes.buffer` is then this buffer alone. */
  readonly separate?: boolean;
}

/** DMA memory of the function. */
export interface Dma {
  /** Coherent memory, zeroed. Throws RangeError when there is none left. */
  alloc(byteLength: number, options?: DmaAllocOptions): DmaBuffer;
  /**
   * The buffer that another CPU of this function has allocated at `iova`: addresses go from thread to thread, buffers do
   * not. Not this CPU's to free. Throws RangeError when no mapping begins there, or it is `separate` memory, which stays
   * with its thread.
   */
  open(iova: number): DmaBuffer;
  /** Maps a SharedArrayBuffer that the driver already has. */
  map(buffer: SharedArrayBuffer, options?: DmaAllocOptions): DmaBuffer;
  /** Number of live mappings of the function: 0 after a clean close. */
  readonly mappingCount: number;
}

/** Configuration space. Values unsigned. */
export interface Config {
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
  /** Sets or clears Bus Master Enable in the command register (pci_set_master). Without it the card may not DMA nor send MSI. */
  setBusMaster(enabled: boolean): void;
  /** Offset of a capability, or 0. */
  findCapability(id: number): number;
  /** Asks for a function-level reset and returns when the function answers again. */
  functionLevelReset(): void;
}

export type InterruptKind = "intx" | "msi" | "msix";

/** One interrupt of the function, directed at one CPU. */
export interface Interrupt {
  readonly kind: InterruptKind;
  readonly vector: number;
  /** How many arrived since it was set up. */
  readonly count: number;
  /** True once for each batch that arrived since the last poll, wait or handler run. */
  poll(): boolean;
  /** Waits until one arrives that was not taken yet; false after `limitMs` (default 1,000). */
  wait(limitMs?: number): boolean;
  /** Mask bit of the vector in the MSI-X table, INTx disable for INTx. Posted. */
  mask(): void;
  unmask(): void;
  /** Runs `handler` on this CPU at its next access, `relax()` or wait after an arrival. Undefined takes it away. */
  handle(handler: (() => void) | undefined): void;
}

/** The CPU that a driver runs on: barriers, and protection from its own interrupt handlers. */
export interface Cpu {
  readonly index: number;
  /** Between two polls of a loop that waits for the device (cpu_relax). In virtual time this is where time passes. */
  relax(): void;
  /** Loads before stay before loads after. */
  rmb(): void;
  /** Stores before stay before stores after. */
  wmb(): void;
  mb(): void;
  /** As rmb and wmb, for memory shared with the device (dma_rmb, dma_wmb). */
  dmaRmb(): void;
  dmaWmb(): void;
  /**
   * What this CPU reads or writes in DMA memory from here on, up to {@link endRacy}, others may access meanwhile, and it does
   * no harm for this reason: no data race is reported in which it takes part (the kernel's data_race()). It is no barrier.
   */
  beginRacy(reason: string): void;
  /**
   * `looksBack`: what was read is believed only after a second look, at a sequence or a generation. That one must be behind a
   * read barrier; if it is not, that is reported as the data race that it is.
   */
  endRacy(looksBack: boolean): void;
  /** Holds handlers back; returns whether they were held already. */
  irqSave(): boolean;
  irqRestore(wereHeld: boolean): void;
  /** Returns when no handler of this CPU is running. */
  synchronizeIrq(): void;
  /** Nanoseconds of the testbed's clock. */
  nowNs(): number;
  /** Lets `durationNs` pass: sleeps, or moves virtual time. */
  delay(durationNs: number): void;
}

/** A PCI function in a driver's hands. */
export interface PciFunction {
  readonly name: string;
  readonly cpu: Cpu;
  readonly config: Config;
  readonly dma: Dma;
  /** Throws RangeError for a BAR that the function does not have. */
  bar(index: number): Bar;
  /**
   * Sets up `count` interrupts of one kind, directed at this CPU, and enables that kind in configuration space
   * (pci_alloc_irq_vectors). MSI-X vectors begin unmasked. Throws RangeError for more than the function has.
   */
  interrupts(kind: InterruptKind, count: number): Interrupt[];
}
