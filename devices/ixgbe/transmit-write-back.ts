import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as bits from "./descriptors.ts";
import { recordTransmit } from "./findings.ts";
import type { Interrupts } from "./interrupts.ts";
import { QUEUE_COUNT, type Rings } from "./queues.ts";
import * as reg from "./registers.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const { DESCRIPTOR_BYTE_LENGTH, TX_DD, TX_FLAG_OFFSET } = bits;
/** WTHRESH has 7 bits. */
const WAITING_MAX = 128;
const HEAD_WRITE_BACK = reg.TDWBAL.fields.HEAD_WB_EN.mask;
const { WTHRESH, SWFLSH } = reg.TXDCTL.fields;

/**
 * Tells the driver which transmit descriptors are done (data sheet 7.2.3.4, 7.2.3.5): DD in each descriptor that has RS,
 * or the head of the queue in host memory. With WTHRESH, descriptors with RS are collected and written back together:
 * when there are so many (or WTHRESH falls to as many), when moderation (EITR) of the queue's vector runs out, with SWFLSH, or when the queue stops.
 */
export class TransmitWriteBack {
  readonly #threshold: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #waitingCount: Uint8Array = new Uint8Array(QUEUE_COUNT);
  /** Indices in the ring of the descriptors that wait, oldest first. */
  readonly #waiting: Uint16Array = new Uint16Array(QUEUE_COUNT * WAITING_MAX);
  /** What goes into word 3 of a legacy descriptor: as it was fetched, with DD. 0 for an advanced one. */
  readonly #kept: Int32Array = new Int32Array(QUEUE_COUNT * WAITING_MAX);
  /** All queues together. */
  #waitingTotal = 0;
  readonly #word: MemoryView = MemoryView.ofSize(DESCRIPTOR_BYTE_LENGTH);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #rings: Rings;
  readonly #interrupts: Interrupts;
  readonly #values: Int32Array;
  readonly #controlAt: number;
  readonly #headAddressLowAt: number;
  readonly #headAddressHighAt: number;

  constructor(port: DevicePort, registers: RegisterFile, rings: Rings, interrupts: Interrupts) {
    this.#port = port;
    this.#registers = registers;
    this.#rings = rings;
    this.#interrupts = interrupts;
    this.#values = registers.values;
    this.#controlAt = registers.map.ordinal(reg.TXDCTL);
    this.#headAddressLowAt = registers.map.ordinal(reg.TDWBAL);
    this.#headAddressHighAt = registers.map.ordinal(reg.TDWBAH);
    interrupts.onThrottleExpired = (vector) => this.#onThrottleExpired(vector);
  }

  /** TXDCTL was written. */
  onControl(queue: number, written: number): void {
    const threshold = fieldOf(written, WTHRESH);
    this.#threshold[queue] = threshold;
    // A lower threshold may be reached already; with 0 nothing waits at all, and nothing would come to release it.
    if ((this.#waitingCount[queue] as number) >= threshold) this.flush(queue);
    if ((written & SWFLSH.mask) !== 0) {
      this.#registers.set(reg.TXDCTL, this.#registers.get(reg.TXDCTL, queue) & ~SWFLSH.mask, queue);
      this.flush(queue);
    }
  }

  /** Takes over the registers of all queues. */
  refresh(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      this.#threshold[queue] = fieldOf(this.#values[this.#controlAt + queue] as number, WTHRESH);
    }
  }

  /** A frame is done whose last descriptor had RS. `kept` is 0, or word 3 of a legacy descriptor with DD set. */
  report(queue: number, index: number, kept: number): void {
    if (this.#threshold[queue] === 0) {
      this.#write(queue, index, kept);
      this.#interrupts.queueCause(this.#interrupts.transmitVector[queue] as number);
      return;
    }
    const count = this.#waitingCount[queue] as number;
    this.#waiting[queue * WAITING_MAX + count] = index;
    this.#kept[queue * WAITING_MAX + count] = kept;
    this.#waitingCount[queue] = count + 1;
    this.#waitingTotal++;
    if (count + 1 >= (this.#threshold[queue] as number)) this.flush(queue);
    // The first that waits starts the clock. Without moderation nothing does: such a driver waits until it sends more.
    else this.#interrupts.startThrottle(this.#interrupts.transmitVector[queue] as number);
  }

  /** Writes back what waits. */
  flush(queue: number): void {
    const count = this.#waitingCount[queue] as number;
    if (count === 0) return;
    const first = queue * WAITING_MAX;
    for (let at = first; at < first + count; at++)
      this.#write(queue, this.#waiting[at] as number, this.#kept[at] as number);
    this.#waitingCount[queue] = 0;
    this.#waitingTotal -= count;
    this.#interrupts.queueCause(this.#interrupts.transmitVector[queue] as number);
  }

  reset(): void {
    this.#threshold.fill(0);
    this.#waitingCount.fill(0);
    this.#waitingTotal = 0;
  }

  /** Of all queues one behind the other, what waits, and nothing that did before. */
  snapshot(): unknown {
    const waiting = new Uint16Array(this.#waitingTotal);
    const kept = new Int32Array(this.#waitingTotal);
    let at = 0;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const first = queue * WAITING_MAX;
      const end = first + (this.#waitingCount[queue] as number);
      waiting.set(this.#waiting.subarray(first, end), at);
      kept.set(this.#kept.subarray(first, end), at);
      at += end - first;
    }
    return { waitingCount: this.#waitingCount.slice(), waiting, kept, waitingTotal: this.#waitingTotal };
  }

  restore(state: unknown): void {
    const { waitingCount, waiting, kept, waitingTotal } = state as {
      waitingCount: Uint8Array;
      waiting: Uint16Array;
      kept: Int32Array;
      waitingTotal: number;
    };
    this.#waitingCount.set(waitingCount);
    this.#waitingTotal = waitingTotal;
    let at = 0;
    for (let queue = 0; at < waitingTotal; queue++) {
      const end = at + (waitingCount[queue] as number);
      this.#waiting.set(waiting.subarray(at, end), queue * WAITING_MAX);
      this.#kept.set(kept.subarray(at, end), queue * WAITING_MAX);
      at = end;
    }
  }

  /** `vector` is -1 when there is one interrupt for all queues. */
  #onThrottleExpired(vector: number): void {
    if (this.#waitingTotal === 0) return;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      if (this.#waitingCount[queue] === 0) continue;
      if (vector < 0 || this.#interrupts.transmitVector[queue] === vector) this.flush(queue);
    }
  }

  #write(queue: number, index: number, kept: number): void {
    const words = this.#word.words;
    const low = this.#values[(this.#headAddressLowAt + queue) | 0] as number;
    if ((low & HEAD_WRITE_BACK) !== 0) {
      if (this.#threshold[queue] !== 0) this.#recordThreshold(queue, index);
      words[0] = this.#rings.head[queue] as number;
      this.#port.dmaWrite(this.#values[this.#headAddressHighAt + queue] as number, low & ~3, this.#word, 0, 4, 0);
      return;
    }
    const addressLow = this.#rings.addressLow(queue, index);
    const addressHigh = this.#rings.addressHigh(queue, index);
    if (kept !== 0) {
      // Of a legacy descriptor only the status is written: drivers leave the address in place for the next round.
      words[0] = kept;
      // 12 does not carry: descriptors are aligned to 16 bytes.
      this.#port.dmaWrite(addressHigh, addressLow | TX_FLAG_OFFSET, this.#word, 0, 4, 0);
      return;
    }
    words[0] = 0;
    words[1] = 0;
    words[2] = 0;
    words[3] = TX_DD;
    this.#port.dmaWrite(addressHigh, addressLow, this.#word, 0, DESCRIPTOR_BYTE_LENGTH, TX_FLAG_OFFSET);
  }

  #recordThreshold(queue: number, index: number): void {
    recordTransmit(
      this.#port,
      "threshold-with-head-write-back",
      queue,
      index,
      "head write-back is on (TDWBAL bit 0) and TXDCTL.WTHRESH is not 0",
      "writes the head back by threshold",
      "The data sheet wants WTHRESH = 0 with head write-back (8.2.3.9.10).",
    );
  }
}
