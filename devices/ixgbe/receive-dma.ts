import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as bits from "./descriptors.ts";
import * as findings from "./findings.ts";
import type { Interrupts } from "./interrupts.ts";
import type { PacketBuffer } from "./packet-buffer.ts";
import * as record from "./packet-buffer.ts";
import type { RingOwner } from "./queue-control.ts";
import { DRAINING, QUEUE_COUNT, RUNNING as QUEUE_RUNNING, type Rings } from "./queues.ts";
import * as reg from "./registers.ts";
import type { MasterControl } from "./reset.ts";
import type { Statistics } from "./statistics.ts";
import * as statistics from "./statistics.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const { RECORD_DONE, RECORD_HASH, RECORD_LENGTH, RECORD_QUEUE, RECORD_STATUS, RECORD_TAG, RECORD_TYPE } = record;
const {
  DESCRIPTOR_BYTE_LENGTH,
  DESCTYPE_ADVANCED_ONE_BUFFER,
  DESCTYPE_LEGACY,
  RX_DD,
  RX_EOP,
  RX_FLAG_OFFSET,
  RX_IPE,
  RX_LEGACY_FLAG_OFFSET,
  RX_LEGACY_IPE,
  RX_LEGACY_RXE,
  RX_LEGACY_STATUS_MASK,
  RX_LEGACY_TCPE,
  RX_RXE,
  RX_TCPE,
} = bits;
const RUNNING: number = QUEUE_RUNNING;
/** PKT_LEN in the last word of an advanced write-back (7.1.6.2). */
const LENGTH_MASK = 0xffff;

/** Descriptors of one read, and how few on the card ask for the next (7.1.9). */
const BURST = 32;
/** Descriptors that the card keeps for each queue. */
export const RECEIVE_CACHE_SLOTS = 64;
const VLAN_STRIP = reg.RXDCTL.fields.VME.mask;
const { BSIZEPACKET, DESCTYPE, DROP_EN } = reg.SRRCTL.fields;
const BUFFER_KIBIBYTES_MAX = 16;

export interface ReceiveDmaParts {
  readonly rings: Rings;
  readonly buffer: PacketBuffer;
  readonly interrupts: Interrupts;
  readonly statistics: Statistics;
  readonly master: MasterControl;
}

/**
 * The receive queues (data sheet 7.1.5–7.1.10): fetches descriptors in bursts, writes frames to host memory and then
 * their descriptors back. A frame whose queue has no descriptors waits at the head of the packet buffer, and all behind
 * it wait too, unless the queue drops (SRRCTL.DROP_EN).
 */
export class ReceiveDma implements RingOwner {
  readonly #bufferBytes: Int32Array = new Int32Array(QUEUE_COUNT);
  readonly #isLegacy: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #drops: Uint8Array = new Uint8Array(QUEUE_COUNT);
  /** One more than the last queue with DROP_EN. */
  #dropLimit = 0;
  readonly #strips: Uint8Array = new Uint8Array(QUEUE_COUNT);
  /** The write-back being put together. */
  readonly #writeBack: MemoryView = MemoryView.ofSize(DESCRIPTOR_BYTE_LENGTH);
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #splitControlAt: number;
  readonly #controlAt: number;
  readonly #rings: Rings;
  readonly #buffer: PacketBuffer;
  readonly #interrupts: Interrupts;
  readonly #statistics: Statistics;
  readonly #master: MasterControl;

  constructor(port: DevicePort, registers: RegisterFile, parts: ReceiveDmaParts) {
    this.#port = port;
    this.#values = registers.values;
    this.#splitControlAt = registers.map.ordinal(reg.SRRCTL);
    this.#controlAt = registers.map.ordinal(reg.RXDCTL);
    this.#rings = parts.rings;
    this.#buffer = parts.buffer;
    this.#interrupts = parts.interrupts;
    this.#statistics = parts.statistics;
    this.#master = parts.master;
    registers.onWrite(reg.SRRCTL, (queue, value) => {
      this.#configure(queue, value);
      this.#dropLimit = this.#drops.lastIndexOf(1) + 1;
    });
  }

  /** Takes over the registers of all queues. */
  refresh(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      this.#configure(queue, this.#values[this.#splitControlAt + queue] as number);
      this.#strips[queue] = ((this.#values[this.#controlAt + queue] as number) & VLAN_STRIP) === 0 ? 0 : 1;
    }
    this.#dropLimit = this.#drops.lastIndexOf(1) + 1;
  }

  stripsTag(queue: number): boolean {
    return this.#strips[queue] === 1;
  }

  /** The bus may be used again. */
  resume(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.#refill(queue);
    this.pump();
  }

  // ---- descriptors -----------------------------------------------------------------------------------------------------

  onDoorbell(queue: number): void {
    this.#refill(queue);
  }

  onControl(queue: number, written: number): void {
    this.#strips[queue] = (written & VLAN_STRIP) === 0 ? 0 : 1;
  }

  isDrained(_queue: number): boolean {
    return true;
  }

  onStopped(_queue: number): void {
    // Frames for the queue that are still in the packet buffer are dropped when their turn comes; it may be now.
    this.pump();
  }

  /** A burst of descriptors arrived. */
  onDescriptors(queue: number, memory: MemoryView, offset: number, byteLength: number): void {
    const rings = this.#rings;
    const known = rings.cached[queue] as number;
    const count = rings.store(queue, memory, offset, byteLength);
    this.#checkDescriptors(queue, known, count);
    this.#refill(queue);
    if (this.#buffer.frameCount !== 0) this.pump();
  }

  onDescriptorError(queue: number): void {
    this.#rings.fetchFailed(queue);
    this.pump();
  }

  /** Asks for the next burst when few descriptors are left on the card. */
  #refill(queue: number): void {
    const rings = this.#rings;
    if (rings.fetching[queue] !== 0 || (rings.cached[queue] as number) > RECEIVE_CACHE_SLOTS - BURST) return;
    if (rings.state[queue] !== RUNNING || !this.#master.dmaAllowed) return;
    rings.fetch(queue, BURST);
  }

  /**
   * DD shares its place with address bits that must be 0 (7.1.6.1), or is in the status that must be cleared. A driver may
   * go by the length of the write-back instead, as Linux does: it clears that and leaves the rest.
   */
  #checkDescriptors(queue: number, known: number, count: number): void {
    const rings = this.#rings;
    const cache = rings.cache;
    const isLegacy = this.#isLegacy[queue] === 1;
    const word = isLegacy ? 3 : 2;
    for (let nth = known; nth < known + count; nth++) {
      const at = rings.cacheAt(queue, nth);
      if (((cache[at + word] as number) & RX_DD) === 0) continue;
      if (!isLegacy && ((cache[at + 3] as number) & LENGTH_MASK) === 0) continue;
      const index = ((rings.firstCachedIndex(queue) + nth) % (rings.slotCount[queue] as number)) | 0;
      findings.recordDescriptorDone(this.#port, reg.RDT, queue, index);
    }
  }

  /**
   * True when no queue would drop a frame of that length for want of descriptors. One that drops must have them for what
   * waits in the packet buffer too; to be sure, nothing may wait.
   */
  hasDescriptorsFor(byteLength: number): boolean {
    const rings = this.#rings;
    for (let queue = 0; queue < this.#dropLimit; queue++) {
      if (this.#drops[queue] === 0 || rings.state[queue] !== RUNNING) continue;
      if (this.#buffer.frameCount !== 0) return false;
      if (rings.available(queue) * (this.#bufferBytes[queue] as number) < byteLength) return false;
    }
    return true;
  }

  #configure(queue: number, value: number): void {
    const type = fieldOf(value, DESCTYPE);
    const kibibytes = fieldOf(value, BSIZEPACKET);
    if (type > DESCTYPE_ADVANCED_ONE_BUFFER) findings.recordHeaderSplit(this.#port, reg.SRRCTL, queue, type);
    const isLegal = kibibytes >= 1 && kibibytes <= BUFFER_KIBIBYTES_MAX;
    if (!isLegal) findings.recordBufferSize(this.#port, reg.SRRCTL, queue, kibibytes);
    this.#bufferBytes[queue] = Math.min(Math.max(kibibytes, 1), BUFFER_KIBIBYTES_MAX) * 1024;
    this.#isLegacy[queue] = type === DESCTYPE_LEGACY ? 1 : 0;
    this.#drops[queue] = (value & DROP_EN.mask) === 0 ? 0 : 1;
  }

  // ---- frames ----------------------------------------------------------------------------------------------------------

  /**
   * Writes a frame that fits one buffer straight from the wire to its queue. False when it has to go through the packet
   * buffer. `frame` is its record; counting it is the caller's.
   */
  deliverWhole(frame: Int32Array, memory: MemoryView, offset: number): boolean {
    const queue = frame[RECORD_QUEUE] as number;
    const byteLength = frame[RECORD_LENGTH] as number;
    const rings = this.#rings;
    if (rings.state[queue] !== RUNNING || rings.cached[queue] === 0) return false;
    if (byteLength > (this.#bufferBytes[queue] as number) || !this.#master.dmaAllowed) return false;
    this.#deliver(frame, 0, queue, memory, offset, byteLength, true);
    this.#refill(queue);
    return true;
  }

  /** Moves frames from the packet buffer to their queues as far as descriptors reach. */
  pump(): void {
    const buffer = this.#buffer;
    if (!this.#master.dmaAllowed) return;
    while (buffer.frameCount !== 0 && this.#moveHead()) buffer.pop();
  }

  /** Moves the oldest frame. False when it has to wait. */
  #moveHead(): boolean {
    const buffer = this.#buffer;
    const stats = this.#statistics;
    const rings = this.#rings;
    const words = buffer.memory.words;
    const at = buffer.headWord;
    const queue = words[at + RECORD_QUEUE] as number;
    const byteLength = words[at + RECORD_LENGTH] as number;
    let done = words[at + RECORD_DONE] as number;
    const state = rings.state[queue];
    // A frame that has begun is finished while there are descriptors on the card: disabling drains.
    if (state !== RUNNING && (state !== DRAINING || done === 0 || rings.cached[queue] === 0)) {
      stats.dropped(statistics.RX_DROP_QUEUE_OFF);
      return true;
    }
    const bufferBytes = this.#bufferBytes[queue] as number;
    if (done === 0 && this.#drops[queue] === 1 && rings.available(queue) * bufferBytes < byteLength) {
      stats.droppedForDescriptors(queue);
      return true;
    }
    while (done < byteLength) {
      if (rings.cached[queue] === 0) {
        words[at + RECORD_DONE] = done;
        this.#refill(queue);
        return false;
      }
      const rest = byteLength - done;
      const length = Math.min(rest, bufferBytes);
      this.#deliver(words, at, queue, buffer.memory, buffer.headData + done, length, length === rest);
      done += length;
    }
    stats.delivered(queue, byteLength);
    this.#refill(queue);
    return true;
  }

  /** One buffer of a frame: payload first, then its descriptor, then the cause. `frame[at…]` is the record. */
  #deliver(
    frame: Int32Array,
    at: number,
    queue: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    isLast: boolean,
  ): void {
    const rings = this.#rings;
    const slot = rings.cacheAt(queue, 0);
    const cache = rings.cache;
    this.#port.dmaWrite(cache[slot + 1] as number, cache[slot] as number, memory, offset, byteLength, -1);
    let flagOffset = RX_FLAG_OFFSET;
    if (this.#isLegacy[queue] === 1) flagOffset = this.#composeLegacy(frame, at, byteLength, isLast);
    else this.#compose(frame, at, byteLength, isLast);
    const index = rings.head[queue] as number;
    const high = rings.addressHigh(queue, index);
    const low = rings.addressLow(queue, index);
    this.#port.dmaWrite(high, low, this.#writeBack, 0, DESCRIPTOR_BYTE_LENGTH, flagOffset);
    rings.finishOldest(queue, index);
    if (isLast) this.#interrupts.queueCause(this.#interrupts.receiveVector[queue] as number);
  }

  /** Advanced write-back (7.1.6.2). All but length and DD is valid in the last descriptor of a frame only. */
  #compose(frame: Int32Array, at: number, byteLength: number, isLast: boolean): void {
    const words = this.#writeBack.words;
    if (!isLast) {
      words[0] = 0;
      words[1] = 0;
      words[2] = RX_DD;
      words[3] = byteLength;
      return;
    }
    words[0] = frame[at + RECORD_TYPE] as number;
    words[1] = frame[at + RECORD_HASH] as number;
    words[2] = (frame[at + RECORD_STATUS] as number) | RX_DD | RX_EOP;
    words[3] = (frame[at + RECORD_TAG] as number) | byteLength;
  }

  /** Legacy write-back (7.1.5): the address stays, length and fragment checksum in word 2, status and errors in word 3. */
  #composeLegacy(frame: Int32Array, at: number, byteLength: number, isLast: boolean): number {
    const words = this.#writeBack.words;
    const slot = this.#rings.cacheAt(frame[at + RECORD_QUEUE] as number, 0);
    words[0] = this.#rings.cache[slot] as number;
    words[1] = this.#rings.cache[slot + 1] as number;
    words[2] = byteLength;
    words[3] = RX_DD;
    if (isLast) {
      const status = frame[at + RECORD_STATUS] as number;
      let errors = 0;
      if ((status & RX_RXE) !== 0) errors |= RX_LEGACY_RXE;
      if ((status & RX_TCPE) !== 0) errors |= RX_LEGACY_TCPE;
      if ((status & RX_IPE) !== 0) errors |= RX_LEGACY_IPE;
      const flags = (status & RX_LEGACY_STATUS_MASK) | RX_DD | RX_EOP;
      words[3] = (frame[at + RECORD_TAG] as number) | errors | flags;
    }
    return RX_LEGACY_FLAG_OFFSET;
  }
}
