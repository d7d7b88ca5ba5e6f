import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { writeL4Checksum } from "../../emulator/wire/checksum.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import { type Channels, EVENT_ORDER_REJECTED, EVENT_ORDER_SENT } from "./channels.ts";
import { TEMPLATE_BYTE_LENGTH, TEMPLATES_BYTE_LENGTH } from "./declaration.ts";
import type { HardwareClock } from "./hardware-clock.ts";
import { RecordRing } from "./record-ring.ts";
import * as reg from "./registers.ts";

const ORDER_LIMIT = 256;
/** Words of an order on its way. */
const TEMPLATE = 0;
const SLOT = 1;
const PRICE = 2;
const SIZE = 3;
const SOURCE = 4;
/** 1: a trigger decided on it from a book that has been given up since. */
const IS_DOUBTED = 5;
const ORDER_WORDS = 8;
/** Source of an order that a driver sent by its doorbell; otherwise it is the number of the trigger. */
export const FROM_DRIVER = -1;

/** Indices of REJECTED. */
const NO_REASON = -1;
const BY_KILL = 0;
const BY_SIZE = 1;
const BY_PRICE = 2;
const BY_RATE = 3;
const BY_GAP = 4;
const BY_BUSY = 5;
const BY_TEMPLATE = 6;

const { GAP } = reg.STATUS.fields;
/** Say where numbers go in a template. */
const PATCHED: readonly Register[] = [reg.TEMPLATE_PRICE_AT, reg.TEMPLATE_SIZE_AT, reg.TEMPLATE_SEQUENCE_AT];

/**
 * The transmit stage: orders that were decided on wait here for transmitNs, then pass the last gate before the wire. The
 * limits and the kill switch are looked at there and nowhere before, so that they hold for whatever is on its way.
 */
export class Orders {
  readonly ring: RecordRing = new RecordRing(ORDER_LIMIT, ORDER_WORDS);
  /** The part of BAR2 that holds the templates. */
  readonly templates: MemoryView = MemoryView.ofSize(TEMPLATES_BYTE_LENGTH);
  readonly #frame = MemoryView.ofSize(TEMPLATE_BYTE_LENGTH);
  readonly #headers = new FrameHeaders();
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #channels: Channels;
  readonly #clock: HardwareClock;
  /** `[0]`: when the interval began; `[1]`: orders sent in it. */
  readonly #interval = new Float64Array([Number.NEGATIVE_INFINITY, 0]);

  constructor(port: DevicePort, registers: RegisterFile, channels: Channels, clock: HardwareClock) {
    this.#port = port;
    this.#registers = registers;
    this.#channels = channels;
    this.#clock = clock;
  }

  /** An order enters the stage. A full one turns it away. */
  submit(template: number, slot: number, price: number, size: number, source: number, delayNs: number): void {
    const { ring } = this;
    if (ring.free === 0) {
      this.#reject(BY_BUSY, template, slot, price, size, source);
      return;
    }
    const at = ring.wordOf(ring.push(this.#port.clock.now, delayNs));
    const { words } = ring.memory;
    words[at + TEMPLATE] = template;
    words[at + SLOT] = slot;
    words[at + PRICE] = price;
    words[at + SIZE] = size;
    words[at + SOURCE] = source;
    words[at + IS_DOUBTED] = 0;
  }

  /** The book is given up: what triggers decided on is stopped at the gate. A driver's own orders go on. */
  doubtTriggered(): void {
    const { ring } = this;
    const { words } = ring.memory;
    for (let nth = 0; nth < ring.count; nth++) {
      const at = ring.wordOf(ring.indexOf(nth));
      if (words[at + SOURCE] !== FROM_DRIVER) words[at + IS_DOUBTED] = 1;
    }
  }

  /** The oldest order is at the gate: it goes onto the wire, or nowhere. */
  pass(): void {
    const { ring } = this;
    const index = ring.indexOf(0);
    const at = ring.wordOf(index);
    const { words } = ring.memory;
    const template = words[at + TEMPLATE] as number;
    const slot = words[at + SLOT] as number;
    const price = words[at + PRICE] as number;
    const size = words[at + SIZE] as number;
    const source = words[at + SOURCE] as number;
    const isDoubted = words[at + IS_DOUBTED] === 1;
    ring.pop();
    this.#clock.count(TRANSMIT_STAGE, ring.enteredNs, index);
    const reason = isDoubted ? BY_GAP : this.#judge(template, slot, price, size, source);
    if (reason === NO_REASON) this.#send(template, slot, price, size, source);
    else this.#reject(reason, template, slot, price, size, source);
  }

  /** True while an order with the template is on its way. */
  isUsing(template: number): boolean {
    const { ring } = this;
    for (let nth = 0; nth < ring.count; nth++)
      if (ring.memory.words[ring.wordOf(ring.indexOf(nth)) + TEMPLATE] === template) return true;
    return false;
  }

  reset(): void {
    this.ring.clear();
    this.templates.bytes.fill(0);
    this.#interval[0] = Number.NEGATIVE_INFINITY;
    this.#interval[1] = 0;
  }

  snapshot(): OrdersState {
    const { ring, templates } = this;
    return { ring: ring.snapshot(), templates: templates.bytes.slice(), interval: this.#interval.slice() };
  }

  restore(state: OrdersState): void {
    this.ring.restore(state.ring);
    this.templates.bytes.set(state.templates);
    this.#interval.set(state.interval);
  }

  /** Why the order must not go out; the index of REJECTED. */
  #judge(template: number, slot: number, price: number, size: number, source: number): number {
    const registers = this.#registers;
    if ((registers.get(reg.KILL) & 1) !== 0) return BY_KILL;
    if (size === 0 || size >>> 0 > registers.get(reg.RISK_SIZE_MAX) >>> 0) return BY_SIZE;
    const isBelow = price >>> 0 < registers.get(reg.COLLAR_LOW, slot) >>> 0;
    if (isBelow || price >>> 0 > registers.get(reg.COLLAR_HIGH, slot) >>> 0) return BY_PRICE;
    // What a trigger decided on was a book that nobody can trust any more. A driver may know better.
    if (source !== FROM_DRIVER && (registers.get(reg.STATUS) & GAP.mask) !== 0) return BY_GAP;
    const { LENGTH } = reg.TEMPLATE_FRAME.fields;
    const length = fieldOf(registers.get(reg.TEMPLATE_FRAME, template), LENGTH);
    if (length < MIN_FRAME_BYTE_LENGTH || length > TEMPLATE_BYTE_LENGTH) return BY_TEMPLATE;
    // Without its price an order must not go out, whatever stands there in the template.
    for (const register of PATCHED) {
      const at = registers.get(register, template);
      if (at !== 0 && at + 4 > length) return BY_TEMPLATE;
    }
    return this.#isWithinRate() ? NO_REASON : BY_RATE;
  }

  /** Counts the order if it is. */
  #isWithinRate(): boolean {
    const interval = this.#interval;
    const { clock } = this.#port;
    clock.refresh();
    const nowNs = clock.now[0] as number;
    if (nowNs - (interval[0] as number) >= this.#registers.get(reg.RISK_INTERVAL_NS) >>> 0) {
      interval[0] = nowNs;
      interval[1] = 0;
    }
    if ((interval[1] as number) >= this.#registers.get(reg.RISK_ORDERS_MAX) >>> 0) return false;
    interval[1] = (interval[1] as number) + 1;
    return true;
  }

  #send(template: number, slot: number, price: number, size: number, source: number): void {
    const registers = this.#registers;
    const frame = this.#frame;
    const { LENGTH, CHECKSUMS } = reg.TEMPLATE_FRAME.fields;
    const description = registers.get(reg.TEMPLATE_FRAME, template);
    const byteLength = fieldOf(description, LENGTH);
    const from = template * TEMPLATE_BYTE_LENGTH;
    for (let at = 0; at < byteLength; at++) frame.bytes[at] = this.templates.bytes[from + at] as number;
    const number = registers.get(reg.ORDER_SEQUENCE);
    this.#patch(reg.TEMPLATE_PRICE_AT, template, price);
    this.#patch(reg.TEMPLATE_SIZE_AT, template, size);
    this.#patch(reg.TEMPLATE_SEQUENCE_AT, template, number);
    if ((description & CHECKSUMS.mask) !== 0) this.#computeChecksum(byteLength);
    registers.set(reg.ORDER_SEQUENCE, (number + 1) | 0);
    registers.set(reg.ORDERS_SENT, (registers.get(reg.ORDERS_SENT) + 1) | 0);
    this.#port.transmit(registers.get(reg.ORDER_LINE), frame, 0, byteLength, 0);
    this.#report(EVENT_ORDER_SENT, 0, template, slot, price, size, source, number);
  }

  #patch(register: Register, template: number, value: number): void {
    const at = this.#registers.get(register, template);
    if (at === 0) return;
    const { bytes } = this.#frame;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #computeChecksum(byteLength: number): void {
    const headers = this.#headers;
    const { bytes } = this.#frame;
    headers.parse(bytes, 0, byteLength);
    if (headers.l4Offset < 0 || headers.truncated) return;
    const l4ByteLength = headers.payloadOffset + headers.payloadByteLength - headers.l4Offset;
    writeL4Checksum(bytes, headers.l3Offset, headers.l4Offset, headers.ipProtocol, l4ByteLength);
  }

  #reject(reason: number, template: number, slot: number, price: number, size: number, source: number): void {
    const registers = this.#registers;
    registers.set(reg.REJECTED, (registers.get(reg.REJECTED, reason) + 1) | 0, reason);
    this.#report(EVENT_ORDER_REJECTED, reason, template, slot, price, size, source, registers.get(reg.ORDER_SEQUENCE));
  }

  #report(
    type: number,
    reason: number,
    template: number,
    slot: number,
    price: number,
    size: number,
    source: number,
    number: number,
  ): void {
    const { words } = this.#channels.event;
    const { LOCATE } = reg.SLOT_FILTER.fields;
    words[0] = (this.#registers.get(reg.SLOT_FILTER, slot) & LOCATE.mask) | (type << 16) | (reason << 24);
    words[1] = number;
    words[2] = price;
    words[3] = size;
    words[4] = source;
    words[5] = template;
    words[6] = this.#clock.cyclesLow;
    this.#channels.write(this.#channels.channelOf(slot));
  }
}

const TRANSMIT_STAGE = 4;

export interface OrdersState {
  readonly ring: ReturnType<RecordRing["snapshot"]>;
  readonly templates: Uint8Array;
  readonly interval: Float64Array;
}
