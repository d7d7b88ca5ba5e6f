/**
 * The feed handler: a card that does by itself what a trading program does between a tick and its order. This file puts the
 * parts together and hands each event to the one it is for; DATASHEET.md says what the card is, registers.ts what an access
 * does by itself. A tick's way is pipeline.ts with arbiter.ts, book-table.ts, triggers.ts and orders.ts; channels.ts tells
 * the host of it.
 */

import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import { recordRegisterFindings } from "../../emulator/registers/finding-text.ts";
import { RegisterFile, type RegisterFileSnapshot } from "../../emulator/registers/register-file.ts";
import type { Handover, MemoryOwnership } from "../../emulator/sanitize/ownership.ts";
import { MAX_STANDARD_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import { BookTable, type BookTableState } from "./book-table.ts";
import { Channels, type ChannelsState } from "./channels.ts";
import {
  BOOK_BYTE_LENGTH,
  DEFAULTS,
  type FeedHandlerOptions,
  TEMPLATE_BYTE_LENGTH,
  TEMPLATES_AT,
  TEMPLATES_BYTE_LENGTH,
  WINDOW_BAR,
} from "./declaration.ts";
import { recordTemplateInUse, recordWindowWrite, recordWrongWidth } from "./findings.ts";
import { HardwareClock } from "./hardware-clock.ts";
import { Orders, type OrdersState } from "./orders.ts";
import { FeedHandlerOwnership } from "./ownership.ts";
import { Pipeline, type PipelineState } from "./pipeline.ts";
import * as reg from "./registers.ts";
import { Triggers } from "./triggers.ts";

export { declaration } from "./declaration.ts";

export function create(port: DevicePort, options: FeedHandlerOptions = {}): DeviceModel {
  return new FeedHandler(port, options);
}

const ALL_ONES = -1;
/** What `statistics` counts; a frame that came in is in `framesTaken` or in `framesDropped`. */
const TOTAL_NAMES = ["framesTaken", "bytesTaken", "framesDropped", "dmaErrors"] as const;
const FRAMES_TAKEN = 0;
const BYTES_TAKEN = 1;
const FRAMES_DROPPED = 2;
const DMA_ERRORS = 3;
const CONTROL: number = reg.FEED_HANDLER_REGISTER_MAP.ordinal(reg.CONTROL);
/** Events that a lossless source leaves room for: more than the messages of a packet with whatever they set off. */
const ROOM_FOR_EVENTS = 128;
const { ENABLE, RESET, CLEAR_BOOK } = reg.CONTROL.fields;
const { BUSY, GAP, STALLED } = reg.STATUS.fields;

class FeedHandler implements DeviceModel {
  readHigh = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #clock: HardwareClock;
  readonly #channels: Channels;
  readonly #table: BookTable;
  readonly #orders: Orders;
  readonly #triggers: Triggers;
  readonly #pipeline: Pipeline;
  /** For the sanitizers, in the moment after the doorbell. */
  #orderedTemplate = 0;
  /** For people: by the names in TOTAL_NAMES. */
  readonly #totals = new Float64Array(TOTAL_NAMES.length);

  constructor(port: DevicePort, options: FeedHandlerOptions) {
    const all = { ...DEFAULTS, ...options };
    const map = reg.FEED_HANDLER_REGISTER_MAP;
    const registers = new RegisterFile(map, recordRegisterFindings(port, map));
    this.#port = port;
    this.#registers = registers;
    const clock = new HardwareClock(port, registers);
    const channels = new Channels(port, registers, () => this.#pipeline.run());
    const table = new BookTable(registers, all);
    const orders = new Orders(port, registers, channels, clock);
    const triggers = new Triggers(port, registers, orders, clock);
    this.#pipeline = new Pipeline(port, registers, { table, channels, triggers, orders, clock }, all);
    [this.#clock, this.#channels, this.#table] = [clock, channels, table];
    [this.#orders, this.#triggers] = [orders, triggers];

    registers.onWrite(reg.CONTROL, (_index, value) => this.#control(value));
    registers.onWrite(reg.ORDER_DOORBELL, (_index, _value, _before, written) => this.#order(written));
    registers.beforeRead(reg.STATUS, () => this.#showStatus());
    registers.beforeRead(reg.ORDERS_PENDING, () => registers.set(reg.ORDERS_PENDING, this.#pipeline.pendingOrders));
    for (const register of [reg.TEMPLATE_FRAME, reg.TEMPLATE_PRICE_AT, reg.TEMPLATE_SIZE_AT, reg.TEMPLATE_SEQUENCE_AT])
      registers.onWrite(register, (index) => this.#checkTemplate(index, register.name));
  }

  // ---- accesses ----------------------------------------------------------------------------------------------------

  onRead(bar: number, offset: number, byteLength: number): number {
    if (bar === WINDOW_BAR) return this.#readWindow(offset, byteLength);
    if (byteLength === 4) return this.#registers.read(offset);
    recordWrongWidth(this.#port, offset, byteLength);
    this.readHigh = ALL_ONES;
    return ALL_ONES;
  }

  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (bar === WINDOW_BAR) this.#writeWindow(offset, byteLength, low, high);
    else if (byteLength === 4) this.#registers.write(offset, low);
    else recordWrongWidth(this.#port, offset, byteLength);
  }

  registerFile(bar: number): RegisterFile | undefined {
    return bar === 0 ? this.#registers : undefined;
  }

  /** Each access is whole; what takes several is not. */
  #readWindow(offset: number, byteLength: number): number {
    if (byteLength === 8) this.readHigh = this.#windowWord(offset + 4);
    const word = this.#windowWord(offset & ~3);
    if (byteLength >= 4) return word;
    return (word >>> (8 * (offset & 3))) & (byteLength === 1 ? 0xff : 0xffff);
  }

  #windowWord(offset: number): number {
    if (offset < BOOK_BYTE_LENGTH) return this.#table.window.words[offset >> 2] as number;
    const at = offset - TEMPLATES_AT;
    return at >= 0 && at < TEMPLATES_BYTE_LENGTH ? (this.#orders.templates.words[at >> 2] as number) : 0;
  }

  #writeWindow(offset: number, byteLength: number, low: number, high: number): void {
    const at = offset - TEMPLATES_AT;
    if (at < 0 || at >= TEMPLATES_BYTE_LENGTH) {
      recordWindowWrite(this.#port, offset);
      return;
    }
    this.#checkTemplate(Math.floor(at / TEMPLATE_BYTE_LENGTH), "BAR2");
    const { bytes } = this.#orders.templates;
    for (let byte = 0; byte < byteLength; byte++) bytes[at + byte] = (byte < 4 ? low : high) >>> (8 * (byte & 3));
  }

  #checkTemplate(template: number, place: string): void {
    if (this.#isSending(template)) recordTemplateInUse(this.#port, template, place);
  }

  #isSending(template: number): boolean {
    return this.#triggers.isArmedWith(template) || this.#orders.isUsing(template);
  }

  #control(value: number): void {
    if ((value & RESET.mask) !== 0) {
      this.#reset();
      return;
    }
    if ((value & CLEAR_BOOK.mask) !== 0) {
      this.#registers.set(reg.CONTROL, value & ~CLEAR_BOOK.mask);
      this.#pipeline.startAnew();
      this.#table.clear();
      // In the same step: one that was cleared before it would let triggers fire on the old book, one after it hide the next gap.
      this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) & ~GAP.mask);
    }
  }

  #order(written: number): void {
    const { TEMPLATE, SLOT } = reg.ORDER_DOORBELL.fields;
    const [price, size] = [this.#registers.get(reg.ORDER_PRICE), this.#registers.get(reg.ORDER_SIZE)];
    this.#orderedTemplate = fieldOf(written, TEMPLATE);
    this.#pipeline.submitOrder(this.#orderedTemplate, fieldOf(written, SLOT), price, size);
    this.#pipeline.run();
  }

  #showStatus(): void {
    const pipeline = this.#pipeline;
    const kept = this.#registers.get(reg.STATUS) & ~(BUSY.mask | STALLED.mask);
    const status = kept | (pipeline.isBusy ? BUSY.mask : 0) | (pipeline.isStalled ? STALLED.mask : 0);
    this.#registers.set(reg.STATUS, status);
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  onFrame(line: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const isOn = ((this.#registers.values[CONTROL] as number) & ENABLE.mask) !== 0;
    const isTooLong = byteLength > MAX_STANDARD_FRAME_BYTE_LENGTH;
    if (!isTooLong && (!isOn || !this.#pipeline.take(line, memory, offset, byteLength, flags))) {
      this.#countLine(reg.LINE_DROPPED, line);
      this.#add(FRAMES_DROPPED, 1);
      return;
    }
    this.#add(FRAMES_TAKEN, 1);
    this.#add(BYTES_TAKEN, byteLength);
    if (isTooLong) this.#countLine(reg.LINE_BAD, line);
    else this.#pipeline.run();
  }

  #add(total: number, amount: number): void {
    this.#totals[total] = (this.#totals[total] as number) + amount;
  }

  /** Room for a frame, and for the events that it leads to: a replayer that waits for it loses nothing. */
  hasRoomForFrame(): boolean {
    return this.#pipeline.hasRoom && this.#channels.leastRoom >= ROOM_FOR_EVENTS;
  }

  onTimer(): void {
    this.#pipeline.onTimer();
  }

  describeTimer(): string {
    return "the next stage of the pipeline";
  }

  /** The card reads nothing in host memory. */
  onDmaRead(): void {}

  onDmaReadError(): void {}

  onDmaWriteError(): void {
    this.#add(DMA_ERRORS, 1);
  }

  describeWrite(high: number, low: number): DmaDescription | undefined {
    return this.#channels.describe(high, low);
  }

  onReset(): void {
    this.#reset();
  }

  /** All kinds of reset alike; the counters for people go on. */
  #reset(): void {
    this.#registers.reset();
    this.#pipeline.reset();
    this.#channels.reset();
    this.#orders.reset();
    this.#table.reset();
    this.#clock.reset();
  }

  #countLine(register: Register, line: number): void {
    this.#registers.set(register, (this.#registers.get(register, line) + 1) | 0, line);
  }

  ownership(handover: Handover): MemoryOwnership {
    const parts = {
      channels: this.#channels,
      isSending: (template: number) => this.#isSending(template),
      orderedTemplate: () => this.#orderedTemplate,
    };
    return new FeedHandlerOwnership(this.#port, this.#registers, parts, handover);
  }

  // ---- what others ask ---------------------------------------------------------------------------------------------

  /** What goes on by itself goes on by the timer; what a full ring holds needs the driver. */
  isIdle(): boolean {
    return true;
  }

  /** Since the card was plugged in. */
  statistics(): Record<string, number> {
    const totals = TOTAL_NAMES.map((name, index) => [name, this.#totals[index] as number] as const);
    return { ...Object.fromEntries(totals), eventsWritten: this.#channels.writtenCount };
  }

  snapshot(): unknown {
    return {
      registers: this.#registers.snapshot(),
      clock: this.#clock.snapshot(),
      channels: this.#channels.snapshot(),
      table: this.#table.snapshot(),
      orders: this.#orders.snapshot(),
      pipeline: this.#pipeline.snapshot(),
      totals: this.#totals.slice(),
    } satisfies FeedHandlerState;
  }

  restore(state: unknown): void {
    const saved = state as FeedHandlerState;
    this.#registers.restore(saved.registers);
    this.#clock.restore(saved.clock);
    this.#channels.restore(saved.channels);
    this.#table.restore(saved.table);
    this.#orders.restore(saved.orders);
    this.#pipeline.restore(saved.pipeline);
    this.#totals.set(saved.totals);
  }
}

interface FeedHandlerState {
  readonly registers: RegisterFileSnapshot;
  readonly clock: Float64Array;
  readonly channels: ChannelsState;
  readonly table: BookTableState;
  readonly orders: OrdersState;
  readonly pipeline: PipelineState;
  readonly totals: Float64Array;
}
