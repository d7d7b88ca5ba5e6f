import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { CompletedReads } from "../../emulator/pcie/read-burst.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as bits from "./descriptors.ts";
import * as findings from "./findings.ts";
import type { Link } from "./link.ts";
import type { RingOwner } from "./queue-control.ts";
import { QUEUE_COUNT, RUNNING as QUEUE_RUNNING, type Rings } from "./queues.ts";
import { ReadyQueues } from "./ready-queues.ts";
import type { Receive } from "./receive.ts";
import * as reg from "./registers.ts";
import type { MasterControl } from "./reset.ts";
import type { TransmitGather } from "./transmit-gather.ts";
import type { TransmitOffload } from "./transmit-offload.ts";
import type { TransmitRoom } from "./transmit-room.ts";
import type { TransmitWriteBack } from "./transmit-write-back.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const RUNNING: number = QUEUE_RUNNING;
const { TX_EOP } = bits;
/** A descriptor is 1 << 2 words. */
const DESCRIPTOR_SHIFT = 2;
/** Descriptors that the card keeps for each queue, and so the most that a frame may have (7.2.3.3). */
export const TRANSMIT_CACHE_SLOTS = 40;
/** Reads of frame data under way: as many as a request tag of 5 bits tells apart. */
const DATA_READS_MAX = 32;
const { PTHRESH, HTHRESH } = reg.TXDCTL.fields;

export interface TransmitParts {
  readonly rings: Rings;
  readonly gather: TransmitGather;
  readonly room: TransmitRoom;
  readonly offload: TransmitOffload;
  readonly writeBack: TransmitWriteBack;
  readonly master: MasterControl;
  readonly link: Link;
  readonly receive: Receive;
}

/**
 * The transmit queues (data sheet 7.2): fetches descriptors as the thresholds say, and lets the queues take turns, frame by
 * frame. What becomes of a frame then is transmit-gather.ts.
 */
export class Transmit implements RingOwner {
  /** DMATXCTL.TE. */
  #enabled = false;
  /** Queues with a frame or a context on the card. */
  readonly #ready = new ReadyQueues();
  /** Complete frames among the descriptors on the card, by queue. */
  readonly #frames: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #prefetch: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #hostThreshold: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #rings: Rings;
  readonly #gather: TransmitGather;
  readonly #room: TransmitRoom;
  readonly #offload: TransmitOffload;
  readonly #writeBack: TransmitWriteBack;
  readonly #master: MasterControl;
  readonly #link: Link;
  readonly #receive: Receive;

  constructor(port: DevicePort, registers: RegisterFile, parts: TransmitParts) {
    this.#port = port;
    this.#registers = registers;
    this.#rings = parts.rings;
    this.#gather = parts.gather;
    this.#room = parts.room;
    this.#offload = parts.offload;
    this.#writeBack = parts.writeBack;
    this.#master = parts.master;
    this.#link = parts.link;
    this.#receive = parts.receive;
  }

  /** Takes over DMATXCTL, TXPBSIZE and the thresholds. */
  refresh(): void {
    this.#room.refresh();
    this.#enabled = (this.#registers.get(reg.DMATXCTL) & reg.DMATXCTL.fields.TE.mask) !== 0;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.#loadThresholds(queue);
  }

  /** The bus may be used again, transmission was enabled, or the link came up. */
  resume(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.#refill(queue);
    this.#pump();
  }

  /** Everything that was under way is gone. */
  reset(): void {
    this.#ready.clear();
    this.#frames.fill(0);
    this.#gather.reset();
  }

  snapshot(): unknown {
    return { ready: this.#ready.snapshot(), frames: this.#frames.slice(), gather: this.#gather.snapshot() };
  }

  restore(state: unknown): void {
    const { ready, frames, gather } = state as { ready: unknown; frames: Uint8Array; gather: unknown };
    this.#ready.restore(ready);
    this.#frames.set(frames);
    this.#gather.restore(gather);
  }

  // ---- descriptors -----------------------------------------------------------------------------------------------------

  onDoorbell(queue: number): void {
    this.#refill(queue);
  }

  onControl(queue: number, written: number): void {
    this.#loadThresholds(queue);
    this.#writeBack.onControl(queue, written);
  }

  isDrained(queue: number): boolean {
    return this.#gather.framesUnderWay[queue] === 0;
  }

  onStopped(queue: number): void {
    this.#writeBack.flush(queue);
    this.#frames[queue] = 0;
    this.#ready.remove(queue);
  }

  onDescriptors(queue: number, memory: MemoryView, offset: number, byteLength: number): void {
    const rings = this.#rings;
    const known = rings.cached[queue] as number;
    const count = rings.store(queue, memory, offset, byteLength);
    const { cache, cacheSlots } = rings;
    const firstSlot = Math.imul(queue, cacheSlots);
    let frames = 0;
    let slot = ((rings.cacheStart[queue] as number) + known) | 0;
    if (slot >= cacheSlots) slot = (slot - cacheSlots) | 0;
    for (let nth = 0; nth < count; nth++) {
      const command = cache[((firstSlot + slot) << DESCRIPTOR_SHIFT) | 2] as number;
      if ((command & TX_EOP) !== 0 && !bits.isContext(command)) frames = (frames + 1) | 0;
      slot = (slot + 1) | 0;
      if (slot === cacheSlots) slot = 0;
    }
    this.#frames[queue] = (this.#frames[queue] as number) + frames;
    this.#ready.add(queue);
    this.#pump();
  }

  onDescriptorError(queue: number): void {
    this.#rings.fetchFailed(queue);
  }

  /**
   * Asks for descriptors: when none is on the card, or those there end in the middle of a frame, or few are left
   * (PTHRESH) and enough wait in the ring (HTHRESH).
   */
  #refill(queue: number): void {
    const rings = this.#rings;
    if (rings.state[queue] !== RUNNING || rings.fetching[queue] !== 0) return;
    if (!this.#enabled || !this.#master.dmaAllowed) return;
    if (rings.next[queue] === rings.tail[queue]) return;
    const cached = rings.cached[queue] as number;
    if (cached !== 0 && this.#frames[queue] !== 0) {
      if (cached >= (this.#prefetch[queue] as number)) return;
      if (rings.waiting(queue) < (this.#hostThreshold[queue] as number)) return;
    }
    rings.fetch(queue, TRANSMIT_CACHE_SLOTS - cached);
  }

  #loadThresholds(queue: number): void {
    const control = this.#registers.get(reg.TXDCTL, queue);
    this.#prefetch[queue] = control & PTHRESH.mask;
    this.#hostThreshold[queue] = (control & HTHRESH.mask) >>> HTHRESH.low;
  }

  // ---- frames ----------------------------------------------------------------------------------------------------------

  /** Begins frames while there is room, queue by queue. */
  #pump(): void {
    // Without a link the card stops its DMA (and drivers then reset it to get their frames back).
    if (!this.#enabled || !this.#master.dmaAllowed || !(this.#link.isUp || this.#receive.loopback)) return;
    const room = this.#room;
    while (this.#gather.readsUnderWay < DATA_READS_MAX) {
      const queue = this.#ready.next();
      if (queue < 0 || (room.freeBytes <= 0 && !room.ask())) return;
      if (!this.#serve(queue)) return;
    }
  }

  /** The wire has taken enough for the next frame. */
  onTimer(): void {
    this.#room.onTimer();
    this.#pump();
  }

  /** A piece of a frame arrived. */
  onData(context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#gather.onData(context, memory, offset, byteLength);
    this.#pump();
  }

  /** Several pieces arrived. */
  onDataBurst(reads: CompletedReads): void {
    this.#gather.onDataBurst(reads);
    this.#pump();
  }

  onDataError(context: number): void {
    this.#gather.onDataError(context);
    this.#pump();
  }

  /** Takes in leading contexts and begins one frame. False when there is no room for it now. */
  #serve(queue: number): boolean {
    this.#takeContexts(queue);
    if (this.#rings.state[queue] !== RUNNING || this.#frames[queue] === 0) {
      this.#ready.remove(queue);
      this.#checkOverlong(queue);
      this.#refill(queue);
      return true;
    }
    let begun = this.#gather.beginPlain(queue, this.#burstLimit(queue));
    if (begun === 0) {
      if (!this.#gather.begin(queue)) return false;
      begun = 1;
    }
    this.#frames[queue] = (this.#frames[queue] as number) - begun;
    this.#ready.tookTurn(queue);
    this.#refill(queue);
    return true;
  }

  /** How many frames may begin before it is another queue's turn, or before {@link #refill} would ask for descriptors. */
  #burstLimit(queue: number): number {
    if (!this.#ready.isAtMostOne) return 1;
    const rings = this.#rings;
    const frames = this.#frames[queue] as number;
    const reads = DATA_READS_MAX - this.#gather.readsUnderWay;
    const limit = Math.min(frames, reads);
    if (rings.fetching[queue] !== 0 || rings.waiting(queue) < (this.#hostThreshold[queue] as number)) return limit;
    const untilRefill = (rings.cached[queue] as number) - (this.#prefetch[queue] as number) + 1;
    if (untilRefill >= limit) return limit;
    return Math.max(untilRefill, 1);
  }

  #takeContexts(queue: number): void {
    const rings = this.#rings;
    while (rings.cached[queue] !== 0) {
      const at = rings.cacheAt(queue, 0);
      if (!bits.isContext(rings.cache[at + 2] as number)) return;
      this.#offload.loadContext(queue, rings.cache, at);
      const index = rings.firstCachedIndex(queue);
      rings.consume(queue, 1);
      // With frames still on their way, the head follows the last of them.
      if (this.#gather.framesUnderWay[queue] === 0) rings.moveHead(queue, rings.after(queue, index));
    }
  }

  /** A full card without the end of a frame can never go on. */
  #checkOverlong(queue: number): void {
    const rings = this.#rings;
    if (rings.state[queue] !== RUNNING || (rings.cached[queue] as number) < TRANSMIT_CACHE_SLOTS) return;
    findings.recordTooManyDescriptors(this.#port, queue, rings.firstCachedIndex(queue), TRANSMIT_CACHE_SLOTS);
    rings.halt(queue);
  }
}
