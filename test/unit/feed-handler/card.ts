import { DEFAULTS, type FeedHandlerOptions } from "../../../devices/feed-handler/declaration.ts";
import { create, declaration } from "../../../devices/feed-handler/feed-handler.ts";
import * as reg from "../../../devices/feed-handler/registers.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel } from "../../../emulator/pcie/device-model.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { IOVA_HIGH, TestPort } from "../ixgbe/test-port.ts";

export const STAGES_NS: number =
  DEFAULTS.arbitrationNs + DEFAULTS.parseNs + DEFAULTS.bookNs + DEFAULTS.triggerNs + DEFAULTS.transmitNs;

/** An order as it left: when, on which line, and its bytes. */
export interface SentOrder {
  readonly atNs: number;
  readonly line: number;
  readonly bytes: Uint8Array;
}

/** Notes when each frame leaves. */
class TimedPort extends TestPort {
  readonly orders: SentOrder[] = [];

  override transmit(line: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    super.transmit(line, memory, offset, byteLength, flags);
    const bytes = memory.bytes.slice(offset, offset + byteLength);
    this.orders.push({ atNs: this.clock.now[0] as number, line, bytes });
  }
}

/** An event as it lies in a ring. */
export interface RingEvent {
  readonly words: readonly number[];
  readonly phase: number;
  readonly lost: number;
  readonly number: number;
}

/** A card in a test, with the few things that a driver does over and over. */
export class Card {
  readonly port: TimedPort;
  readonly device: DeviceModel;
  readonly #wire = MemoryView.ofSize(0x1000);

  constructor(options: FeedHandlerOptions = {}) {
    this.port = new TimedPort(1 << 20, declaration(options).timerCount);
    this.port.mode = "msix";
    this.device = create(this.port, options);
    this.port.device = this.device;
    this.device.onReset("power-on");
  }

  /** With slots that follow the stocks in order, all to channel 0, and no event ring. */
  static following(stocks: readonly number[], options: FeedHandlerOptions = {}): Card {
    const card = new Card(options);
    for (const [slot, locate] of stocks.entries())
      card.set(reg.SLOT_FILTER, reg.SLOT_FILTER.fields.VALID.mask | locate, slot);
    card.set(reg.CONTROL, reg.CONTROL.fields.ENABLE.mask);
    return card;
  }

  set(register: Register, value: number, index = 0): void {
    this.device.onWrite(0, register.at(index), 4, value | 0, 0);
  }

  get(register: Register, index = 0): number {
    return this.device.onRead(0, register.at(index), 4) >>> 0;
  }

  /** Opens a channel whose ring lies at `at` of host memory. */
  openChannel(sizeLog2: number, at: number, stalls = false, channel = 0): void {
    this.set(reg.CHANNEL_RING_LOW, at, channel);
    this.set(reg.CHANNEL_RING_HIGH, IOVA_HIGH, channel);
    this.set(reg.CHANNEL_SIZE, sizeLog2, channel);
    this.set(reg.CHANNEL_CONTROL, stalls ? 3 : 1, channel);
  }

  /** Lets nothing stand in the way of orders for a slot. */
  allowOrders(slot = 0): void {
    this.set(reg.RISK_SIZE_MAX, -1);
    this.set(reg.RISK_ORDERS_MAX, -1);
    this.set(reg.COLLAR_HIGH, -1, slot);
    this.set(reg.KILL, 0);
  }

  loadTemplate(template: number, frame: Uint8Array, priceAt = 0, sizeAt = 0, sequenceAt = 0, checksums = false): void {
    const padded = new Uint8Array((frame.length + 3) & ~3);
    padded.set(frame);
    const view = new DataView(padded.buffer);
    for (let at = 0; at < padded.length; at += 4)
      this.device.onWrite(2, 0x4000 + 512 * template + at, 4, view.getInt32(at, true), 0);
    this.set(reg.TEMPLATE_PRICE_AT, priceAt, template);
    this.set(reg.TEMPLATE_SIZE_AT, sizeAt, template);
    this.set(reg.TEMPLATE_SEQUENCE_AT, sequenceAt, template);
    this.set(reg.TEMPLATE_FRAME, frame.length | (checksums ? 1 << 31 : 0), template);
  }

  receive(frame: Uint8Array, line = 0, flags = 0): void {
    this.#wire.bytes.set(frame);
    this.device.onFrame(line, this.#wire, 0, frame.length, flags);
  }

  /** A slot's entry of the book: eight words. */
  entry(slot: number): number[] {
    return Array.from({ length: 8 }, (_, word) => this.device.onRead(2, 64 * slot + 4 * word, 4) >>> 0);
  }

  /** The four words of the top in it. */
  top(slot: number): number[] {
    return this.entry(slot).slice(2, 6);
  }

  /** The entry of a ring at `at` of host memory. */
  event(at: number, entry: number): RingEvent {
    const word = (at + 32 * entry) >> 2;
    const words = [...this.port.host.words.subarray(word, word + 7)].map((each) => each >>> 0);
    const flag = this.port.host.words[word + 7] as number;
    return { words, phase: flag >>> 31, lost: (flag >>> 16) & 0x7fff, number: flag & 0xffff };
  }

  violations(): string[] {
    return this.port.log.findings.filter(({ kind }) => kind === "violation").map(({ rule }) => rule);
  }
}
