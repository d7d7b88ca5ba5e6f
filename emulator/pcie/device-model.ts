import type { Clock } from "../clock/clock.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import type { RegisterFile } from "../registers/register-file.ts";
import type { RegisterMap } from "../registers/register-map.ts";
import type { FindingKind } from "../run/findings.ts";
import type { Handover, MemoryOwnership } from "../sanitize/ownership.ts";
import type { Rule } from "../sanitize/rule.ts";
import type { BarDeclaration, FunctionIdentity, MsixDeclaration } from "./config-space.ts";
import type { DmaLayout, RingDeclaration } from "./dma-layout.ts";
import type { CompletedReads } from "./read-burst.ts";
import type { Slot } from "./slot.ts";

/** `power-on`: everything; `function-level`: what a write to Initiate FLR asks for. Software resets are the device's own registers'. */
export type ResetKind = "power-on" | "function-level";

/** A frame whose FCS does not match: a receiver counts it and drops it. */
export const FRAME_BAD_FCS = 1;

/** What a DMA was for, in words for a finding or a trace. */
export interface DmaDescription {
  /** Behind "for": "descriptors 4–7 of transmit queue 0". */
  readonly purpose: string;
  /** What the device does when it fails, as the second half of a sentence: "queue 0 is halted". */
  readonly outcome: string;
  /** What lies in the transferred bytes, one record behind the other: a name in {@link DeviceDeclaration.dmaLayouts}. */
  readonly layout?: string;
}

/** What the machine has to know of a device before it runs. */
export interface DeviceDeclaration {
  /** As it is called in findings and on the command line: "ixgbe". */
  readonly name: string;
  /** One line for lists. */
  readonly about: string;
  readonly identity: FunctionIdentity;
  readonly bars: readonly BarDeclaration[];
  readonly msix?: MsixDeclaration;
  /** False: the function has no MSI. */
  readonly msi?: boolean;
  /** Register tables by BAR, for findings, traces and mapped access. */
  readonly registerMaps: Readonly<Record<number, RegisterMap>>;
  /**
   * Rules about the order of writes. Raw memory keeps none between registers, so for a mapped BAR they are not judged.
   */
  readonly orderRules?: readonly string[];
  /** The rules that the device itself minds, for the catalogue. */
  readonly rules?: readonly Rule[];
  readonly timerCount: number;
  /** Number of wire ports; 0 for a device without a network. */
  readonly wirePortCount: number;
  /** Line rate of the ports in Gb/s. */
  readonly gigabitsPerSecond?: number;
  /** Records of the device in host memory, by the names that its {@link DmaDescription}s use; the first layout that fits is meant. */
  readonly dmaLayouts?: Readonly<Record<string, readonly DmaLayout[]>>;
  /** Its descriptor rings, for traces. */
  readonly rings?: readonly RingDeclaration[];
  /** How many address bits the device can drive; IOVAs are handed out below. Default 48. */
  readonly dmaAddressBits?: number;
}

/**
 * A device: a class that reacts to events and asks for transactions. It never touches host memory by itself and never
 * waits. No request completes inside the handler that made it.
 *
 * Values are int32 words; the upper word is 0 for accesses up to 4 bytes. Everything here runs on the data plane and
 * must not allocate.
 */
export interface DeviceModel {
  /** A write to a BAR arrived. `byteLength` is 1, 2, 4 or 8. */
  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void;
  /** A read of a BAR arrived; returns the low word. An 8-byte read puts the high word into {@link readHigh}. */
  onRead(bar: number, offset: number, byteLength: number): number;
  readHigh: number;
  /** A DMA read completed: `byteLength` bytes of host memory at `offset` of `memory`, to be used before returning. */
  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void;
  /**
   * Several reads with the tag {@link burstTag} completed, one behind the other: as {@link onDmaRead} for each. They come
   * one by one all the same where orders are explored, while data races are looked for, or where something stands between the
   * device and the machine. To be used before returning.
   */
  onDmaReads?(reads: CompletedReads): void;
  /** Which reads may come together. Both or neither. */
  readonly burstTag?: number;
  /** A DMA read was answered with Unsupported Request: nothing was read. The finding is already recorded. */
  onDmaReadError(tag: number, context: number): void;
  /**
   * What a read is for that the device has just asked for, or that fails. Asked only for a finding, before
   * {@link onDmaReadError}, and by traces: it may take its time.
   */
  describeRead?(tag: number, context: number): DmaDescription | undefined;
  /** What a write to that address, which the device is just making, is for. Asked only for a finding and by traces. */
  describeWrite?(high: number, low: number): DmaDescription | undefined;
  /** A DMA write hit no mapping and went nowhere. Posted: a real card learns it only from its error registers. */
  onDmaWriteError(): void;
  /** A frame without FCS arrived at a wire port; the memory is the wire's and must not be kept. */
  onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void;
  /** A timer that the device started has run out. */
  onTimer(timer: number): void;
  /** What a timer stands for, for whoever makes one late: "the end of the reset". */
  describeTimer?(timer: number): string | undefined;
  /** The far end of a wire port is gone, or is there again. It is there when the device is plugged in. */
  onCarrier?(port: number, isThere: boolean): void;
  /** Bus master, MSI-X or another configuration bit changed. */
  onConfigChanged?(): void;
  onReset(kind: ResetKind): void;
  /** True when nothing would happen without a new event: no fetch under way, nothing to write back. Timers are not asked about. */
  isIdle(): boolean;
  /** Counters for people, by name. */
  statistics(): Record<string, number>;
  /** The registers behind a BAR: what mapped access mirrors. Absent for a BAR without a register table. */
  registerFile?(bar: number): RegisterFile | undefined;
  /** True when a frame of that length arriving now would not be lost for want of room, whichever queue it went to. */
  hasRoomForFrame?(port: number, byteLength: number): boolean;
  /**
   * What of the driver's memory is the device's, and since when not any more. Asked once, by the sanitizers of folded and
   * explored runs; without it they know nothing of rings and buffers.
   */
  ownership?(handover: Handover): MemoryOwnership | undefined;
  /** All state as structured-cloneable data, and back. */
  snapshot(): unknown;
  restore(state: unknown): void;
  /** The control plane asks for something of a wrapper's own: faults to arm, say. Structured-cloneable, both ways. */
  control?(command: unknown): unknown;
}

/** What a device may ask of the machine. Implemented by the endpoint; a tracer or a fault wraps it. */
export interface DevicePort {
  readonly clock: Clock;
  /** The slot that the card sits in: for wrappers that pull it out. */
  readonly slot?: Slot | undefined;
  /** Asks for host memory; {@link DeviceModel.onDmaRead} brings it later with the same tag and context. The address comes as two int32 words, as in a TLP header. */
  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void;
  /**
   * Posts a write of on-card memory to host memory. The bytes are taken at once. Writes and interrupts land in the order
   * of the calls. With `flagOffset` >= 0 the word at that offset of the write is stored last, atomically: what a driver
   * polls (a descriptor's DD, a phase bit) is never seen before what it stands for.
   */
  dmaWrite(high: number, low: number, memory: MemoryView, offset: number, byteLength: number, flagOffset: number): void;
  /**
   * The same without a flag and with the relaxed-ordering attribute (PCIe 2.4.1): the link may let it land before writes
   * that were posted earlier, though not before one to the same bytes. It does where orders are explored; elsewhere it keeps
   * its place, and so it does while the driver has Enable Relaxed Ordering off.
   */
  dmaWriteRelaxed?(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void;
  /** Sends MSI-X message `vector`; ordered behind earlier DMA writes. */
  raise(vector: number): void;
  /**
   * The cause of a message is gone. If its vector is masked and the message still pending, it is dropped: it would be a
   * spurious interrupt at unmasking (PCI 3.0, 6.8.3.5). Absent where nothing is ever pending.
   */
  withdraw?(vector: number): void;
  /** Drives INTx, or sends the single MSI on a rising edge when MSI is enabled. */
  setLegacyInterrupt(asserted: boolean): void;
  /** Which of the three the driver has enabled. */
  interruptMode(): "intx" | "msi" | "msix";
  /** Puts a frame (no FCS) on the wire. The bytes are taken at once. */
  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void;
  /**
   * How long the wire of a port is busy with what was put on it, in whole nanoseconds; 0 when it is free. A device that
   * minds it sends at line rate and loses nothing. As of the clock's last look: refresh the clock before waiting for it.
   */
  wireBacklogNs(port: number): number;
  /** Arms one of the device's timers; one that runs is set anew. */
  startTimer(timer: number, delayNs: number): void;
  stopTimer(timer: number): void;
  isTimerArmed(timer: number): boolean;
  /** Number of DMA reads asked for and not yet answered. */
  readonly outstandingReads: number;
  /** Drops every outstanding DMA read: what a reset does. */
  cancelDma(): void;
  readonly busMasterEnabled: boolean;
  /** Records that the driver broke a rule, or (`note`) touched what is not modelled. The text is made only the first time a (rule, place) is seen. */
  record(kind: FindingKind, rule: string, place: string, text: () => string): void;
}

/** What a module of a device exports, loaded by URL in the device worker. */
export interface DeviceModule<Options = unknown> {
  readonly declaration: DeviceDeclaration | ((options: Options) => DeviceDeclaration);
  create(port: DevicePort, options: Options): DeviceModel;
}

/** Names a device to plug in: what `ixgbe({ … })` returns. Structured-cloneable. */
export interface DeviceSpec<Options = unknown> {
  readonly name: string;
  /** URL of the {@link DeviceModule}, or of the module that exports `wrapDevice` if there is a device to wrap. */
  readonly moduleUrl: string;
  readonly options: Options;
  /** The device that this one is a wrapper around: it is plugged in with something between it and its port. */
  readonly around?: DeviceSpec;
}
