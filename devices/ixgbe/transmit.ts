import { copyMemory, type MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as bits from "./descriptors.ts";
import { recordTransmit } from "./findings.ts";
import type { Link } from "./link.ts";
import type { RingOwner } from "./queue-control.ts";
import { QUEUE_COUNT, type Rings, RUNNING } from "./queues.ts";
import { ReadyQueues } from "./ready-queues.ts";
import type { Receive } from "./receive.ts";
import * as reg from "./registers.ts";
import type { MasterControl } from "./reset.ts";
import type { Statistics } from "./statistics.ts";
import * as statistics from "./statistics.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";
import * as buffer from "./transmit-buffer.ts";
import type { TransmitOffload } from "./transmit-offload.ts";
import type { TransmitWriteBack } from "./transmit-write-back.ts";

/** Descriptors that the card keeps for each queue, and so the most that a frame may have (7.2.3.3). */
export const TRANSMIT_CACHE_SLOTS = 40;
/** Reads of frame data under way: as many as a request tag of 5 bits tells apart. */
const DATA_READS_MAX = 32;
/** A read's context: where the bytes go (19 bits), and above it the slot of the frame. */
const SLOT_SHIFT = 19;
const OFFSET_MASK: number = (1 << SLOT_SHIFT) - 1;
/** Shortest and longest frame that descriptors may describe, VLAN tag and FCS not counted (7.2.3.2.4). */
const FRAME_BYTES_MIN = 17;
const FRAME_BYTES_MAX = 15_872;
const SEGMENTED_BYTES_MAX = 262_144;
const { PTHRESH, HTHRESH } = reg.TXDCTL.fields;
const NEEDS_WORK: number = bits.TX_VLE | bits.TX_TSE | bits.TX_IC;

export interface TransmitParts {
  readonly rings: Rings;
  readonly buffer: TransmitBuffer;
  readonly offload: TransmitOffload;
  readonly writeBack: TransmitWriteBack;
  readonly master: MasterControl;
  readonly link: Link;
  readonly receive: Receive;
  readonly statistics: Statistics;
  /** Marks the reads of frame data. */
  readonly dataTag: number;
}

/**
 * The transmit queues (data sheet 7.2): fetches descriptors as the thresholds say, gathers whole frames into the card's
 * buffer with several reads under way, and sends them in the order in which they were begun. Queues take turns, frame
 * by frame.
 */
export class Transmit implements RingOwner {
  /** DMATXCTL.TE. */
  #enabled = false;
  #readsUnderWay = 0;
  /** Queues with a frame or a context on the card. */
  readonly #ready = new ReadyQueues();
  /** Complete frames among the descriptors on the card, by queue. */
  readonly #frames: Uint8Array = new Uint8Array(QUEUE_COUNT);
  /** Frames begun and not done, by queue. */
  readonly #underWay: Uint16Array = new Uint16Array(QUEUE_COUNT);
  readonly #prefetch: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #hostThreshold: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #parts: TransmitParts;
  readonly #rings: Rings;
  readonly #buffer: TransmitBuffer;

  constructor(port: DevicePort, registers: RegisterFile, parts: TransmitParts) {
    this.#port = port;
    this.#registers = registers;
    this.#parts = parts;
    this.#rings = parts.rings;
    this.#buffer = parts.buffer;
  }

  /** Takes over DMATXCTL and the thresholds. */
  refresh(): void {
    this.#enabled = (this.#registers.get(reg.DMATXCTL) & reg.DMATXCTL.fields.TE.mask) !== 0;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.#loadThresholds(queue);
  }

  /** The bus may be used again, transmission was enabled, or the link came up. */
  resume(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.#refill(queue);
    this.#pump();
  }

  isIdle(): boolean {
    return this.#buffer.count === 0;
  }

  /** Everything that was under way is gone. */
  reset(): void {
    this.#readsUnderWay = 0;
    this.#ready.clear();
    this.#frames.fill(0);
    this.#underWay.fill(0);
    this.#buffer.clear();
  }

  snapshot(): unknown {
    return {
      readsUnderWay: this.#readsUnderWay,
      ready: this.#ready.snapshot(),
      frames: this.#frames.slice(),
      underWay: this.#underWay.slice(),
    };
  }

  restore(state: unknown): void {
    const saved = state as { readsUnderWay: number; ready: unknown; frames: Uint8Array; underWay: Uint16Array };
    this.#readsUnderWay = saved.readsUnderWay;
    this.#ready.restore(saved.ready);
    this.#frames.set(saved.frames);
    this.#underWay.set(saved.underWay);
  }

  // ---- descriptors -----------------------------------------------------------------------------------------------------

  onDoorbell(queue: number): void {
    this.#refill(queue);
  }

  onControl(queue: number, written: number): void {
    this.#loadThresholds(queue);
    this.#parts.writeBack.onControl(queue, written);
  }

  isDrained(queue: number): boolean {
    return this.#underWay[queue] === 0;
  }

  onStopped(queue: number): void {
    this.#parts.writeBack.flush(queue);
    this.#frames[queue] = 0;
    this.#ready.remove(queue);
  }

  onDescriptors(queue: number, memory: MemoryView, offset: number, byteLength: number): void {
    const rings = this.#rings;
    const known = rings.cached[queue] as number;
    const count = rings.store(queue, memory, offset, byteLength);
    let frames = 0;
    for (let nth = known; nth < known + count; nth++) {
      const command = rings.cache[rings.cacheAt(queue, nth) + 2] as number;
      if (!isContext(command) && (command & bits.TX_EOP) !== 0) frames++;
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
    if (!this.#enabled || !this.#parts.master.dmaAllowed) return;
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
    const { master, link, receive } = this.#parts;
    // Without a link the card stops its DMA (and drivers then reset it to get their frames back).
    if (!this.#enabled || !master.dmaAllowed || !(link.isUp || receive.loopback)) return;
    while (this.#readsUnderWay < DATA_READS_MAX) {
      const queue = this.#ready.next();
      if (queue < 0) return;
      if (!this.#serve(queue)) return;
    }
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
    if (!this.#begin(queue)) return false;
    this.#ready.tookTurn(queue);
    this.#sendFinished();
    return true;
  }

  #takeContexts(queue: number): void {
    const rings = this.#rings;
    while (rings.cached[queue] !== 0) {
      const at = rings.cacheAt(queue, 0);
      if (!isContext(rings.cache[at + 2] as number)) return;
      this.#parts.offload.loadContext(queue, rings.cache, at);
      const index = rings.firstCachedIndex(queue);
      rings.consume(queue, 1);
      // With frames still on their way, the head follows the last of them.
      if (this.#underWay[queue] === 0) rings.moveHead(queue, this.#after(queue, index));
    }
  }

  /** A full card without the end of a frame can never go on. */
  #checkOverlong(queue: number): void {
    const rings = this.#rings;
    if (rings.state[queue] !== RUNNING || (rings.cached[queue] as number) < TRANSMIT_CACHE_SLOTS) return;
    const what = `a frame of more than ${TRANSMIT_CACHE_SLOTS} descriptors`;
    const advice = "Copy the pieces together, or set EOP earlier (7.2.3.3).";
    const index = rings.firstCachedIndex(queue);
    recordTransmit(this.#port, "too-many-descriptors", queue, index, what, "stopped the queue", advice);
    rings.halt(queue);
  }

  /** Asks for all pieces of the oldest frame on the card. False when the buffer has no room for it. */
  #begin(queue: number): boolean {
    const rings = this.#rings;
    const { cache } = rings;
    const first = rings.cacheAt(queue, 0);
    const command = cache[first + 2] as number;
    let byteLength = 0;
    let count = 0;
    let lastCommand = 0;
    let lastAt = first;
    do {
      lastAt = rings.cacheAt(queue, count);
      lastCommand = cache[lastAt + 2] as number;
      byteLength += lastCommand & bits.TX_LENGTH_MASK;
      count++;
    } while ((lastCommand & bits.TX_EOP) === 0);
    const isSegmented = (command & bits.TX_TSE) !== 0;
    const isLegal =
      byteLength >= FRAME_BYTES_MIN && byteLength <= (isSegmented ? SEGMENTED_BYTES_MAX : FRAME_BYTES_MAX);
    const slot = this.#buffer.begin(isLegal ? byteLength : 0);
    if (slot < 0) return false;
    const firstIndex = rings.firstCachedIndex(queue);
    const slotCount = rings.slotCount[queue] as number;
    let lastIndex = firstIndex + count - 1;
    if (lastIndex >= slotCount) lastIndex -= slotCount;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    frames[at + buffer.FRAME_QUEUE] = queue;
    frames[at + buffer.FRAME_COMMAND] = command;
    frames[at + buffer.FRAME_OPTIONS] = cache[first + 3] as number;
    frames[at + buffer.FRAME_LAST] = lastIndex;
    frames[at + buffer.FRAME_LAST_COMMAND] = lastCommand;
    frames[at + buffer.FRAME_KEPT] =
      (lastCommand & bits.TX_DEXT) !== 0 ? 0 : (cache[lastAt + 3] as number) | bits.TX_DD;
    frames[at + buffer.FRAME_DEAD] = isLegal ? 0 : 1;
    frames[at + buffer.FRAME_PENDING] = 0;
    const isAdvanced = (command & bits.TX_DEXT) !== 0;
    const wantsOffload = (command & NEEDS_WORK) !== 0 || (isAdvanced && ((cache[first + 3] as number) & OPTIONS) !== 0);
    frames[at + buffer.FRAME_PLAIN] = count === 1 && !wantsOffload ? 1 : 0;
    if (!isLegal) this.#recordLength(queue, firstIndex, byteLength, isSegmented);
    if (isAdvanced) this.#parts.offload.prepare(frames, at, firstIndex, byteLength, wantsOffload);
    if (isLegal) this.#read(queue, slot, count);
    rings.consume(queue, count);
    this.#frames[queue] = (this.#frames[queue] as number) - 1;
    this.#underWay[queue] = (this.#underWay[queue] as number) + 1;
    this.#refill(queue);
    return true;
  }

  #read(queue: number, slot: number, count: number): void {
    const rings = this.#rings;
    const { cache } = rings;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    let offset = frames[at + buffer.FRAME_OFFSET] as number;
    let reads = 0;
    for (let nth = 0; nth < count; nth++) {
      const from = rings.cacheAt(queue, nth);
      const length = (cache[from + 2] as number) & bits.TX_LENGTH_MASK;
      if (length === 0) continue;
      const context = (slot << SLOT_SHIFT) | offset;
      this.#port.dmaRead(cache[from + 1] as number, cache[from] as number, length, this.#parts.dataTag, context);
      offset += length;
      reads++;
    }
    frames[at + buffer.FRAME_PENDING] = reads;
    this.#readsUnderWay += reads;
  }

  /** A piece of a frame arrived. */
  onData(context: number, memory: MemoryView, offset: number, byteLength: number): void {
    const slot = context >>> SLOT_SHIFT;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    this.#readsUnderWay--;
    frames[at + buffer.FRAME_PENDING] = (frames[at + buffer.FRAME_PENDING] as number) - 1;
    if (frames[at + buffer.FRAME_PLAIN] !== 0 && slot === this.#buffer.first) {
      const queue = frames[at + buffer.FRAME_QUEUE] as number;
      this.#parts.offload.sendPlain(queue, memory, offset, byteLength, frames[at + buffer.FRAME_COMMAND] as number);
      this.#finish(at);
    } else {
      copyMemory(this.#buffer.memory, context & OFFSET_MASK, memory, offset, byteLength);
    }
    this.#sendFinished();
    this.#pump();
  }

  /** A piece could not be read: the frame is lost and its queue stops. */
  onDataError(context: number): void {
    const at = this.#buffer.at(context >>> SLOT_SHIFT);
    const frames = this.#buffer.frames;
    this.#readsUnderWay--;
    frames[at + buffer.FRAME_PENDING] = (frames[at + buffer.FRAME_PENDING] as number) - 1;
    frames[at + buffer.FRAME_DEAD] = 1;
    // Its descriptors are not reported: what a driver sees of such an error is a queue that stands still.
    frames[at + buffer.FRAME_LAST_COMMAND] = (frames[at + buffer.FRAME_LAST_COMMAND] as number) & ~bits.TX_RS;
    this.#rings.halt(frames[at + buffer.FRAME_QUEUE] as number);
    this.#sendFinished();
    this.#pump();
  }

  /** Sends the oldest frames as far as they are whole. */
  #sendFinished(): void {
    const frames = this.#buffer.frames;
    while (this.#buffer.count !== 0) {
      const at = this.#buffer.at(this.#buffer.first);
      if (frames[at + buffer.FRAME_PENDING] !== 0) return;
      if (frames[at + buffer.FRAME_DEAD] === 0) this.#parts.offload.send(this.#buffer, at);
      else this.#parts.statistics.dropped(statistics.TX_DROPPED);
      this.#finish(at);
    }
  }

  /** The oldest frame is done: its descriptors go back to the driver. */
  #finish(at: number): void {
    const frames = this.#buffer.frames;
    const queue = frames[at + buffer.FRAME_QUEUE] as number;
    const last = frames[at + buffer.FRAME_LAST] as number;
    const rings = this.#rings;
    const hasFailed = frames[at + buffer.FRAME_DEAD] !== 0 && rings.state[queue] !== RUNNING;
    this.#underWay[queue] = (this.#underWay[queue] as number) - 1;
    if (!hasFailed) rings.moveHead(queue, this.#after(queue, last));
    if (((frames[at + buffer.FRAME_LAST_COMMAND] as number) & bits.TX_RS) !== 0) {
      this.#parts.writeBack.report(queue, last, frames[at + buffer.FRAME_KEPT] as number);
    }
    this.#buffer.release();
    rings.noteProgress(queue);
  }

  #after(queue: number, index: number): number {
    return index + 1 === this.#rings.slotCount[queue] ? 0 : index + 1;
  }

  #recordLength(queue: number, index: number, byteLength: number, isSegmented: boolean): void {
    const most = isSegmented ? SEGMENTED_BYTES_MAX : FRAME_BYTES_MAX;
    const what = `a frame of ${byteLength} bytes, where ${FRAME_BYTES_MIN} to ${most} are allowed`;
    const advice = "Pad shorter frames in memory; split longer ones.";
    const rule = byteLength < FRAME_BYTES_MIN ? "transmit-too-short" : "transmit-too-long";
    recordTransmit(this.#port, rule, queue, index, what, "dropped it and reports it as done", advice);
  }
}

/** POPTS: checksums and IPsec. */
const OPTIONS: number = bits.TX_IXSM | bits.TX_TXSM | bits.TX_IPSEC;

function isContext(command: number): boolean {
  return (command & (bits.TX_DEXT | bits.TX_DTYP_MASK)) === (bits.TX_DEXT | bits.TX_DTYP_CONTEXT);
}
