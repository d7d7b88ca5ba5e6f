/**
 * How the accesses of one CPU reach one PCI function. Two ways exist: folded (the device runs inside the access) and
 * ring (the device runs in another thread). What the driver holds in its hands is built on this and is the same in both.
 */
export interface CpuLink {
  /** Posted write to a BAR. */
  write(bar: number, offset: number, byteLength: number, low: number, high: number): void;
  /** The same, not ordered behind earlier stores to memory. Where nothing is weaker it is left out. */
  writeRelaxed?(bar: number, offset: number, byteLength: number, low: number, high: number): void;
  /** The same into a write-combining buffer. Where there is none it is left out. */
  writeCombining?(bar: number, offset: number, byteLength: number, low: number, high: number): void;
  /** Read of a BAR: returns the low word as int32, the high word of 8 bytes is in {@link readHigh}. */
  read(bar: number, offset: number, byteLength: number): number;
  readHigh: number;
  configRead(offset: number, byteLength: number): number;
  configWrite(offset: number, byteLength: number, value: number): void;
  /** Tells the device thread of a SharedArrayBuffer that was numbered here; undefined when it is mapped no more. */
  announce(segment: number, buffer: SharedArrayBuffer | undefined): void;
  /** Mirrors a BAR into its shared memory from now on. */
  mapBar(bar: number): SharedArrayBuffer;
  /** The thread has nothing to do until something changes: cpu_relax. */
  relax(): void;
  /**
   * Sleeps until something arrives for the CPU that `irq` is directed at and its sequence differs from `seenSequence`, or
   * until `limitMs` is over. Returns what is left of the limit, in milliseconds; 0 when it is over.
   */
  waitForInterrupt(irq: number, seenSequence: number, limitMs: number): number;
  /** Lets time pass. */
  delay(durationNs: number): void;
  nowNs(): number;
}
