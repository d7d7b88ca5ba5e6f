import { copyMemory, type MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import type { CompletedReads } from "../../emulator/pcie/read-burst.ts";
import { FRAME_OVERHEAD_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import * as bits from "./descriptors.ts";
import { describeData } from "./dma-purposes.ts";
import * as findings from "./findings.ts";
import { QUEUE_COUNT, type Rings } from "./queues.ts";
import type { MasterControl } from "./reset.ts";
import type { Statistics } from "./statistics.ts";
import * as statistics from "./statistics.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";
import * as buffer from "./transmit-buffer.ts";
import type { TransmitOffload } from "./transmit-offload.ts";
import { TransmitPlain } from "./transmit-plain.ts";
import type { TransmitRoom } from "./transmit-room.ts";
import type { TransmitWriteBack } from "./transmit-write-back.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const {
  CONTEXT_WORDS,
  FATE_LOSE,
  FATE_REFUSE,
  FATE_SEND,
  FRAME_COMMAND,
  FRAME_CONTEXT,
  FRAME_FATE,
  FRAME_KEPT,
  FRAME_LAST,
  FRAME_LAST_COMMAND,
  FRAME_OFFSET,
  FRAME_OPTIONS,
  FRAME_PENDING,
  FRAME_PLAIN,
  FRAME_QUEUE,
  FRAME_SLOTS,
  SLOT_SHIFT,
} = buffer;
const { TX_DD, TX_DEXT, TX_DTYP_DATA, TX_DTYP_MASK, TX_EOP, TX_IC, TX_IPSEC, TX_IXSM } = bits;
const { TX_LENGTH_MASK, TX_PAYLEN_SHIFT, TX_RS, TX_TSE, TX_TXSM, TX_VLE } = bits;
const OFFSET_MASK: number = (1 << SLOT_SHIFT) - 1;
/** A descriptor is 1 << 2 words. */
const DESCRIPTOR_SHIFT = 2;
/** What padding adds comes out when the wire is asked. */
const WIRE_OVERHEAD_BYTES: number = FRAME_OVERHEAD_BYTE_LENGTH;
/** Shortest and longest frame that descriptors may describe, VLAN tag and FCS not counted (7.2.3.2.4). */
const FRAME_BYTES_MIN = 17;
const FRAME_BYTES_MAX = 15_872;
const SEGMENTED_BYTES_MAX = 262_144;
const NEEDS_WORK: number = TX_VLE | TX_TSE | TX_IC;
/** POPTS: checksums and IPsec. */
const OPTIONS: number = TX_IXSM | TX_TXSM | TX_IPSEC;
/** Of word 2: what says how a frame is made up, and how a plain one is: all of it in one advanced data descriptor. */
const SHAPE: number = NEEDS_WORK | TX_EOP | TX_DEXT | TX_DTYP_MASK;
const PLAIN_SHAPE: number = TX_EOP | TX_DEXT | TX_DTYP_DATA;

export interface GatherParts {
  readonly rings: Rings;
  readonly buffer: TransmitBuffer;
  readonly room: TransmitRoom;
  readonly offload: TransmitOffload;
  readonly writeBack: TransmitWriteBack;
  readonly master: MasterControl;
  readonly statistics: Statistics;
  /** Marks the reads of frame data. */
  readonly dataTag: number;
}

interface State {
  readonly readsUnderWay: number;
  readonly framesUnderWay: Uint16Array;
  readonly room: unknown;
}

/**
 * Brings frames from host memory into the card, piece by piece with several reads under way, and hands them on in the
 * order in which they were begun. Answers may overtake each other.
 */
export class TransmitGather {
  /** Reads that have not been answered. */
  readsUnderWay = 0;
  /** Frames begun and not done, by queue. */
  readonly framesUnderWay: Uint16Array = new Uint16Array(QUEUE_COUNT);
  /** Of the frame being begun: its bytes and its descriptors. */
  #byteLength = 0;
  #pieceCount = 0;
  readonly #port: DevicePort;
  readonly #rings: Rings;
  readonly #buffer: TransmitBuffer;
  readonly #room: TransmitRoom;
  readonly #offload: TransmitOffload;
  readonly #writeBack: TransmitWriteBack;
  readonly #master: MasterControl;
  readonly #statistics: Statistics;
  readonly #dataTag: number;
  readonly #plain: TransmitPlain;

  constructor(port: DevicePort, parts: GatherParts) {
    this.#port = port;
    this.#rings = parts.rings;
    this.#buffer = parts.buffer;
    this.#room = parts.room;
    this.#offload = parts.offload;
    this.#writeBack = parts.writeBack;
    this.#master = parts.master;
    this.#statistics = parts.statistics;
    this.#dataTag = parts.dataTag;
    this.#plain = new TransmitPlain(this, parts);
  }

  isIdle(): boolean {
    return this.#buffer.count === 0 || (this.readsUnderWay === 0 && !this.#master.isBusMaster);
  }

  /** Everything that was under way is gone. */
  reset(): void {
    this.readsUnderWay = 0;
    this.framesUnderWay.fill(0);
    this.#buffer.clear();
    this.#room.reset();
  }

  snapshot(): unknown {
    const { readsUnderWay, framesUnderWay } = this;
    return { readsUnderWay, framesUnderWay: framesUnderWay.slice(), room: this.#room.snapshot() } satisfies State;
  }

  restore(state: unknown): void {
    const { readsUnderWay, framesUnderWay, room } = state as State;
    this.readsUnderWay = readsUnderWay;
    this.framesUnderWay.set(framesUnderWay);
    this.#room.restore(room);
  }

  /**
   * Takes up to `limit` of the oldest frames of a queue as far as they are plain, one legal descriptor each and nothing
   * to be done to it, while there is room; returns how many. {@link begin} would do the same to each of them. It has to
   * ask what is answered here already, and most frames are such: in a loop of their own they cost half.
   */
  beginPlain(queue: number, limit: number): number {
    const rings = this.#rings;
    const room = this.#room;
    const buffer = this.#buffer;
    const port = this.#port;
    const { cache, cacheSlots } = rings;
    const { frames } = buffer;
    const slotCount = rings.slotCount[queue] as number;
    const tag = this.#dataTag | 0;
    const firstSlot = Math.imul(queue, cacheSlots);
    let cacheSlot = rings.cacheStart[queue] as number;
    let index = rings.firstCachedIndex(queue);
    let count = 0;
    while (count < limit && room.freeBytes > 0) {
      const from = (firstSlot + cacheSlot) << DESCRIPTOR_SHIFT;
      const command = cache[from | 2] as number;
      const options = cache[from | 3] as number;
      const byteLength = command & TX_LENGTH_MASK;
      if ((command & SHAPE) !== PLAIN_SHAPE || (options & OPTIONS) !== 0) break;
      if (byteLength < FRAME_BYTES_MIN || byteLength > FRAME_BYTES_MAX || options >>> TX_PAYLEN_SHIFT !== byteLength)
        break;
      const slot = buffer.begin(byteLength);
      if (slot < 0) break;
      const at = buffer.at(slot);
      frames[at | FRAME_QUEUE] = queue;
      frames[at | FRAME_PENDING] = 1;
      frames[at | FRAME_COMMAND] = command;
      frames[at | FRAME_OPTIONS] = options;
      frames[at | FRAME_LAST] = index;
      frames[at | FRAME_LAST_COMMAND] = command;
      frames[at | FRAME_FATE] = FATE_SEND;
      frames[at | FRAME_PLAIN] = 1;
      frames[at | FRAME_KEPT] = 0;
      const context = (slot << SLOT_SHIFT) | (frames[at | FRAME_OFFSET] as number);
      port.dmaRead(cache[from | 1] as number, cache[from] as number, byteLength, tag, context);
      room.freeBytes = (room.freeBytes - byteLength - WIRE_OVERHEAD_BYTES) | 0;
      cacheSlot = (cacheSlot + 1) | 0;
      if (cacheSlot === cacheSlots) cacheSlot = 0;
      index = (index + 1) | 0;
      if (index === slotCount) index = 0;
      count = (count + 1) | 0;
    }
    if (count === 0) return 0;
    rings.consume(queue, count);
    this.framesUnderWay[queue] = ((this.framesUnderWay[queue] as number) + count) | 0;
    this.readsUnderWay = (this.readsUnderWay + count) | 0;
    return count;
  }

  /**
   * Takes the oldest frame of a queue, which is on the card with all its descriptors, and asks for its pieces. False when
   * the buffer has no room for it now.
   */
  begin(queue: number): boolean {
    const rings = this.#rings;
    const { cache } = rings;
    this.#measure(queue);
    const byteLength = this.#byteLength;
    const count = this.#pieceCount;
    const first = rings.cacheAt(queue, 0);
    const command = cache[first + 2] as number;
    const longest = (command & TX_TSE) !== 0 ? SEGMENTED_BYTES_MAX : FRAME_BYTES_MAX;
    const isLegal = byteLength >= FRAME_BYTES_MIN && byteLength <= longest;
    const slot = this.#buffer.begin(isLegal ? byteLength : 0);
    if (slot < 0) return false;
    this.#room.freeBytes -= byteLength + WIRE_OVERHEAD_BYTES;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    const firstIndex = rings.firstCachedIndex(queue);
    const isAdvanced = (command & TX_DEXT) !== 0;
    const wantsOffload = (command & NEEDS_WORK) !== 0 || (isAdvanced && ((cache[first + 3] as number) & OPTIONS) !== 0);
    frames[at | FRAME_QUEUE] = queue;
    frames[at | FRAME_COMMAND] = command;
    frames[at | FRAME_OPTIONS] = cache[first + 3] as number;
    frames[at | FRAME_FATE] = isLegal ? FATE_SEND : FATE_REFUSE;
    frames[at | FRAME_PENDING] = 0;
    frames[at | FRAME_PLAIN] = count === 1 && !wantsOffload ? 1 : 0;
    // What lies there is of the frame that was in this place before.
    for (let word = FRAME_CONTEXT; word < FRAME_CONTEXT + CONTEXT_WORDS; word++) frames[at | word] = 0;
    this.#noteLast(queue, at, firstIndex);
    if (!isLegal) findings.recordFrameLength(this.#port, queue, firstIndex, byteLength, FRAME_BYTES_MIN, longest);
    if (isAdvanced) this.#offload.prepare(frames, at, firstIndex, byteLength, wantsOffload);
    if (isLegal) this.#read(queue, slot, count);
    rings.consume(queue, count);
    this.framesUnderWay[queue] = (this.framesUnderWay[queue] as number) + 1;
    // A frame without pieces, because a rule was broken, is done when those before it are.
    if (!isLegal) this.#sendFinished();
    return true;
  }

  /** Counts the descriptors of the oldest frame on the card, and its bytes. */
  #measure(queue: number): void {
    const rings = this.#rings;
    let byteLength = 0;
    let count = 0;
    let command = 0;
    do {
      command = rings.cache[rings.cacheAt(queue, count) + 2] as number;
      if (bits.isContext(command)) {
        findings.recordContextInFrame(this.#port, queue, rings.firstCachedIndex(queue), count);
        command &= ~TX_EOP;
      } else {
        byteLength += command & TX_LENGTH_MASK;
      }
      count++;
    } while ((command & TX_EOP) === 0);
    this.#byteLength = byteLength;
    this.#pieceCount = count;
  }

  /** Keeps what is needed of the frame's last descriptor, once it is done. */
  #noteLast(queue: number, at: number, firstIndex: number): void {
    const frames = this.#buffer.frames;
    const slotCount = this.#rings.slotCount[queue] as number;
    const index = firstIndex + this.#pieceCount - 1;
    const from = this.#rings.cacheAt(queue, this.#pieceCount - 1);
    const command = this.#rings.cache[from + 2] as number;
    const isLegacy = (command & TX_DEXT) === 0;
    frames[at | FRAME_LAST] = index >= slotCount ? index - slotCount : index;
    frames[at | FRAME_LAST_COMMAND] = command;
    frames[at | FRAME_KEPT] = isLegacy ? (this.#rings.cache[from + 3] as number) | TX_DD : 0;
  }

  #read(queue: number, slot: number, count: number): void {
    const rings = this.#rings;
    const { cache } = rings;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    let offset = frames[at | FRAME_OFFSET] as number;
    let reads = 0;
    for (let nth = 0; nth < count; nth++) {
      const from = rings.cacheAt(queue, nth);
      const command = cache[from + 2] as number;
      const length = command & TX_LENGTH_MASK;
      if (length === 0 || bits.isContext(command)) continue;
      const context = (slot << SLOT_SHIFT) | offset;
      this.#port.dmaRead(cache[from + 1] as number, cache[from] as number, length, this.#dataTag, context);
      offset += length;
      reads++;
    }
    frames[at | FRAME_PENDING] = reads;
    this.readsUnderWay += reads;
  }

  /** Several pieces arrived, one behind the other. */
  onDataBurst(reads: CompletedReads): void {
    const { count, contexts, memory, offsets, byteLengths } = reads;
    for (let nth = this.#sendPlain(reads); nth < count; nth++)
      this.onData(contexts[nth] as number, memory, offsets[nth] as number, byteLengths[nth] as number);
  }

  /** Sends what of a burst needs no gathering; returns how many of its reads that were. */
  #sendPlain(reads: CompletedReads): number {
    if (!this.#master.isBusMaster) return 0;
    const count = this.#plain.send(reads);
    if (count === 0) return 0;
    this.readsUnderWay = (this.readsUnderWay - count) | 0;
    // Behind them may be one that was whole before.
    this.#sendFinished();
    return count;
  }

  /** A piece of a frame arrived. */
  onData(context: number, memory: MemoryView, offset: number, byteLength: number): void {
    const slot = context >>> SLOT_SHIFT;
    const frames = this.#buffer.frames;
    const at = this.#buffer.at(slot);
    this.readsUnderWay = (this.readsUnderWay - 1) | 0;
    frames[at | FRAME_PENDING] = ((frames[at | FRAME_PENDING] as number) - 1) | 0;
    const isPlain = frames[at | FRAME_PLAIN] !== 0 && frames[at | FRAME_FATE] === FATE_SEND;
    if (isPlain && slot === this.#buffer.first && this.#master.isBusMaster) {
      const queue = frames[at | FRAME_QUEUE] as number;
      this.#offload.sendPlain(queue, memory, offset, byteLength, frames[at | FRAME_COMMAND] as number);
      this.#finish(at);
    } else {
      copyMemory(this.#buffer.memory, context & OFFSET_MASK, memory, offset, byteLength);
    }
    this.#sendFinished();
  }

  /** What the read of a piece is for. */
  describe(context: number): DmaDescription {
    const at = this.#buffer.at(context >>> SLOT_SHIFT);
    const frames = this.#buffer.frames;
    return describeData(frames[at | FRAME_QUEUE] as number, frames[at | FRAME_LAST] as number);
  }

  /** A piece could not be read: its queue stops, and what was begun of it is lost. */
  onDataError(context: number): void {
    const at = this.#buffer.at(context >>> SLOT_SHIFT);
    const frames = this.#buffer.frames;
    const queue = frames[at | FRAME_QUEUE] as number;
    this.readsUnderWay--;
    frames[at | FRAME_PENDING] = (frames[at | FRAME_PENDING] as number) - 1;
    this.#rings.halt(queue);
    let isBehind = false;
    for (let nth = 0; nth < this.#buffer.count; nth++) {
      const other = this.#buffer.at((this.#buffer.first + nth) & (FRAME_SLOTS - 1));
      isBehind ||= other === at;
      // What a driver sees of such an error is a queue that stands still: head and descriptors stay as they are.
      if (isBehind && frames[other | FRAME_QUEUE] === queue) frames[other | FRAME_FATE] = FATE_LOSE;
    }
    this.#sendFinished();
  }

  /** Bus Master Enable is on again. */
  resume(): void {
    this.#sendFinished();
  }

  /** Sends the oldest frames as far as they are whole. While the card may not write, they wait to be reported. */
  #sendFinished(): void {
    if (!this.#master.isBusMaster) return;
    const frames = this.#buffer.frames;
    while (this.#buffer.count !== 0) {
      const at = this.#buffer.at(this.#buffer.first);
      if (frames[at | FRAME_PENDING] !== 0) return;
      if (frames[at | FRAME_FATE] === FATE_SEND) this.#offload.send(this.#buffer, at);
      else this.#statistics.dropped(statistics.TX_DROPPED);
      this.#finish(at);
    }
  }

  /** The oldest frame is done: its descriptors go back to the driver. */
  #finish(at: number): void {
    const frames = this.#buffer.frames;
    const queue = frames[at | FRAME_QUEUE] as number;
    const last = frames[at | FRAME_LAST] as number;
    if (frames[at | FRAME_FATE] !== FATE_LOSE) {
      this.progress(queue, 1, last);
      if (((frames[at | FRAME_LAST_COMMAND] as number) & TX_RS) !== 0) {
        this.#writeBack.report(queue, last, frames[at | FRAME_KEPT] as number);
      }
    } else {
      this.framesUnderWay[queue] = (this.framesUnderWay[queue] as number) - 1;
      this.#rings.noteProgress(queue);
    }
    this.#buffer.release(1);
  }

  /** The oldest `count` frames of a queue are done, and all its descriptors up to the one at `last`. */
  progress(queue: number, count: number, last: number): void {
    const rings = this.#rings;
    const left = ((this.framesUnderWay[queue] as number) - count) | 0;
    this.framesUnderWay[queue] = left;
    // With nothing under way the head also passes contexts that were taken in behind the frame.
    rings.moveHead(queue, left === 0 ? rings.firstCachedIndex(queue) : rings.after(queue, last));
    rings.noteProgress(queue);
  }
}
