/**
 * A driver for the feed handler, in the order in which things happen: bring-up, the book, events, orders, the end. The card
 * does the trading; the driver says what, and must not be fooled while the card goes on at its own pace. Each place where
 * drivers of such cards go wrong says why it is as it is; test/mutants has them gone wrong. The registers are
 * feed-handler-registers.ts. Nothing on the paths of events and books allocates.
 */

import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import * as reg from "./feed-handler-registers.ts";

const TWO_TO_32 = 0x1_0000_0000;
/** The channel that this driver uses; a driver with several threads gives one to each. */
const CHANNEL = 0;
/** What a read gives when nobody answers. */
const NOBODY_THERE = 0xffff_ffff;
/** Polls of what a working card is through with in microseconds. */
const POLL_LIMIT = 10_000;

export interface FeedHandlerDriverOptions {
  /** Stock locates to follow: the first one in slot 0, and so on. At most 64. */
  readonly stocks: readonly number[];
  /** Entries of the event ring as a power of two, 1 to 16. Default 12: 4,096 entries. */
  readonly ringSizeLog2?: number;
  /** What the card does when the ring is full: `drop` events and count them (the default), or `stall` the feed. */
  readonly whenFull?: "drop" | "stall";
  /** `msix`: {@link FeedHandlerDriver.waitForEvent} sleeps. Default `none`. */
  readonly interrupts?: "none" | "msix";
}

/** The top of a book. Prices are in the feed's unit; a size of 0 says that the side is empty. */
export interface TopOfBook {
  bidPrice: number;
  bidSize: number;
  askPrice: number;
  askSize: number;
  /** Sequence of the message that it comes from, modulo 2^32. */
  message: number;
}

/** An event as {@link FeedHandlerDriver.receive} copies it: words 0 to 6 of the ring's entry. */
export type EventWords = Uint32Array;

/** Where the card puts numbers into a frame, 4 bytes each; 0 or absent: nowhere. */
export interface OrderTemplate {
  readonly frame: Uint8Array;
  readonly priceAt?: number;
  readonly sizeAt?: number;
  readonly sequenceAt?: number;
  /** Let the card compute the UDP or TCP checksum. */
  readonly checksums?: boolean;
}

export interface TriggerRule {
  readonly slot: number;
  readonly side: "buy" | "sell";
  /** Buy at or below, sell at or above. */
  readonly price: number;
  /** What has to be there at least. */
  readonly sizeMin: number;
  readonly orderSize: number;
  readonly template: number;
  /** Stays armed when it has fired. */
  readonly repeat?: boolean;
}

/** What no order may exceed. Nothing leaves the card before they are set. */
export interface RiskLimits {
  readonly orderSizeMax: number;
  readonly ordersMax: number;
  readonly intervalNs: number;
}

export class FeedHandlerDriver {
  readonly pci: PciFunction;
  readonly bar: Bar;
  /** Book and templates. */
  readonly window: Bar;
  readonly ring: DmaBuffer;
  readonly #interrupt: Interrupt | undefined;
  readonly #entryMask: number;
  /** Events read since the start, modulo 2^32: the driver's index into the ring. */
  #consumed = 0;
  /** Of these, those whose entries are the card's again. */
  #givenBack = 0;
  /** What the phase bit of the next event is when it is there. The first lap has 1, because the ring begins as zeros. */
  #phase = 1;
  /** The event that {@link check} missed when it was asked last, or -1. */
  #missed = -1;
  /** By trigger: the template that it sends while it may be armed, or -1. */
  readonly #templateOf = new Int8Array(reg.TRIGGER_COUNT).fill(-1);
  #isClosed = false;

  /** Brings the card up. Throws Error when it is another one or does not answer, RangeError for more stocks than there are slots. */
  static probe(pci: PciFunction, options: FeedHandlerDriverOptions): FeedHandlerDriver {
    return new FeedHandlerDriver(pci, options);
  }

  private constructor(pci: PciFunction, options: FeedHandlerDriverOptions) {
    const { stocks, ringSizeLog2 = 12, whenFull = "drop", interrupts = "none" } = options;
    if (stocks.length > reg.SLOT_COUNT) throw new RangeError(`${stocks.length} stocks; the card has 64 slots`);
    this.pci = pci;
    this.bar = pci.bar(0);
    this.window = pci.bar(2);
    const identification = this.bar.read32(reg.IDENTIFICATION);
    if (identification !== reg.IDENTIFICATION_FH01)
      throw new Error(`${pci.name}: identification 0x${identification.toString(16)}, want FH01`);
    // Whatever an earlier driver left running stops, and what it had under way lands before the read is answered.
    this.#reset();
    if (interrupts === "msix") this.#interrupt = pci.interrupts("msix", 1)[0];
    // The last thing that can fail: there is nothing to give back before.
    this.ring = pci.dma.alloc(reg.EVENT_BYTES << ringSizeLog2, { label: "event ring", direction: "from-device" });
    pci.config.setBusMaster(true);
    this.#entryMask = (1 << ringSizeLog2) - 1;
    this.bar.write32(reg.CHANNEL_RING_LOW(CHANNEL), this.ring.iovaLow >>> 0);
    this.bar.write32(reg.CHANNEL_RING_HIGH(CHANNEL), this.ring.iovaHigh >>> 0);
    this.bar.write32(reg.CHANNEL_SIZE(CHANNEL), ringSizeLog2);
    this.bar.write32(reg.CHANNEL_CONTROL(CHANNEL), reg.CHANNEL_ENABLE | (whenFull === "stall" ? reg.CHANNEL_STALL : 0));
    for (const [slot, locate] of stocks.entries())
      this.bar.write32(reg.SLOT_FILTER(slot), (reg.SLOT_VALID | (CHANNEL << reg.SLOT_CHANNEL_SHIFT) | locate) >>> 0);
    // Last: from here on the card follows the feed.
    this.bar.write32(reg.CONTROL, reg.CONTROL_ENABLE);
  }

  // ---- the book ----------------------------------------------------------------------------------------------------

  /**
   * Reads the top of a slot's book out of the card. The card writes an entry in several steps, and each of these reads is a
   * trip of its own: only what lies between two equal, even sequences was there at one time.
   */
  readTop(slot: number, top: TopOfBook): void {
    const { window } = this;
    const at = reg.BOOK_ENTRY(slot);
    for (let polls = 0; ; polls++) {
      const before = this.#read(window, at + reg.ENTRY_SEQUENCE);
      if ((before & 1) === 0) {
        top.bidPrice = this.#read(window, at + reg.ENTRY_BID_PRICE);
        top.bidSize = this.#read(window, at + reg.ENTRY_BID_SIZE);
        top.askPrice = this.#read(window, at + reg.ENTRY_ASK_PRICE);
        top.askSize = this.#read(window, at + reg.ENTRY_ASK_SIZE);
        top.message = this.#read(window, at + reg.ENTRY_MESSAGE);
        if (window.read32(at + reg.ENTRY_SEQUENCE) === before) return;
      }
      this.#pause(polls, `the entry of slot ${slot} is written all the while`);
    }
  }

  /** Cycles since the card was reset. */
  readCycles(): number {
    return this.#read64(reg.TIME_LOW, reg.TIME_HIGH);
  }

  /** Exchange time of the last message of a stock that is followed, in nanoseconds since midnight. */
  readFeedTimeNs(): number {
    return this.#read64(reg.FEED_TIME_LOW, reg.FEED_TIME_HIGH);
  }

  /** Two halves that nobody latches: between the reads the lower one may run over. Then the upper one has changed. */
  #read64(lowAt: number, highAt: number): number {
    const { bar } = this;
    for (let polls = 0; ; polls++) {
      const high = this.#read(bar, highAt);
      const low = this.#read(bar, lowAt);
      if (bar.read32(highAt) === high) return high * TWO_TO_32 + low;
      if (polls === POLL_LIMIT) throw this.#broken(`register 0x${highAt.toString(16)} changes at every read`);
    }
  }

  /** True when messages were lost on both lines: the book is wrong from there on, until {@link startAnew}. */
  hasGap(): boolean {
    return (this.#read(this.bar, reg.STATUS) & reg.STATUS_GAP) !== 0;
  }

  /** Forgets the book and the gap, in one step of the card: cleared by itself, STATUS.GAP might be that of the next gap. */
  startAnew(): void {
    this.bar.write32(reg.CONTROL, reg.CONTROL_ENABLE | reg.CONTROL_CLEAR_BOOK);
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  /** True when the next event is there. */
  hasEvent(): boolean {
    const at = (this.#consumed & this.#entryMask) * reg.EVENT_BYTES;
    // The phase says in which lap an entry was written. What comes after this load sees what the card wrote before it.
    return this.ring.readAcquire32(at + reg.EVENT_FLAG) >>> 31 === this.#phase;
  }

  /** Copies the next event. Returns -1 without one, else how many were lost before it. */
  receive(event: EventWords): number {
    if (!this.hasEvent()) {
      this.#giveBack();
      return -1;
    }
    const { ring } = this;
    const at = (this.#consumed & this.#entryMask) * reg.EVENT_BYTES;
    for (let word = 0; word < 7; word++) event[word] = ring.read32(at + 4 * word);
    const flag = ring.read32(at + reg.EVENT_FLAG);
    // The phase says that an event came, its number which one. A card that wrote another one here is not to be believed.
    if (((flag ^ this.#consumed) & 0xffff) !== 0)
      throw this.#broken(`event ${flag & 0xffff} is where ${this.#consumed} belongs`);
    const lost = (flag >>> 16) & 0x7fff;
    this.#consumed = (this.#consumed + 1) >>> 0;
    if ((this.#consumed & this.#entryMask) === 0) this.#phase ^= 1;
    // Behind the copy: from the doorbell on the entries are the card's. One for a quarter of the ring is enough.
    if ((this.#consumed - this.#givenBack) >>> 0 > this.#entryMask >>> 2) this.#giveBack();
    return lost;
  }

  /** Rings the doorbell for what was consumed since the last time. */
  #giveBack(): void {
    if (this.#givenBack === this.#consumed) return;
    this.#givenBack = this.#consumed;
    this.bar.write32(reg.CHANNEL_CONSUMER(CHANNEL), this.#consumed);
  }

  /** Events that found the ring full. */
  droppedCount(): number {
    return this.#read(this.bar, reg.CHANNEL_DROPPED(CHANNEL));
  }

  /**
   * What no event tells: that none comes any more. A driver's owner asks now and then. Throws Error that says what is wrong
   * with the card: it is gone, it was reset, or it has written an event that never arrived.
   */
  check(): void {
    if ((this.#read(this.bar, reg.CONTROL) & reg.CONTROL_ENABLE) === 0) throw this.#broken("the card was reset");
    const isMissing = this.#read(this.bar, reg.CHANNEL_PRODUCER(CHANNEL)) !== this.#consumed && !this.hasEvent();
    // The read has brought all events that were written before it: twice in vain, and one is lost.
    if (isMissing && this.#missed === this.#consumed) throw this.#broken(`event ${this.#consumed} has not arrived`);
    this.#missed = isMissing ? this.#consumed : -1;
  }

  /** Sleeps until there is an event; false when there is none within `limitMs`. Without interrupts it polls. */
  waitForEvent(limitMs: number): boolean {
    const { cpu } = this.pci;
    const deadlineNs = cpu.nowNs() + limitMs * 1e6;
    while (!this.hasEvent()) {
      // A card that stalls has nothing to tell until it has room.
      this.#giveBack();
      const leftNs = deadlineNs - cpu.nowNs();
      // Once more: whoever was held up since the last look may have been told meanwhile.
      if (leftNs <= 0) return this.hasEvent();
      if (this.#interrupt === undefined) cpu.relax();
      else this.#sleep(this.#interrupt, leftNs / 1e6);
    }
    return true;
  }

  #sleep(interrupt: Interrupt, limitMs: number): void {
    interrupt.poll();
    this.bar.write32(reg.CHANNEL_INTERRUPT(CHANNEL), reg.CHANNEL_ARMED);
    // The card interrupts for the first event after the arming. The read returns when it is armed, and with all events from
    // before in memory: what the second look does not see will interrupt.
    this.bar.read32(reg.CHANNEL_INTERRUPT(CHANNEL));
    if (this.hasEvent()) return;
    interrupt.wait(limitMs);
  }

  // ---- orders ------------------------------------------------------------------------------------------------------

  /** Says what no order may exceed, and switches the kill switch off: from here on orders leave the card. */
  allowOrders(limits: RiskLimits): void {
    const { bar } = this;
    bar.write32(reg.RISK_SIZE_MAX, limits.orderSizeMax);
    bar.write32(reg.RISK_ORDERS_MAX, limits.ordersMax);
    bar.write32(reg.RISK_INTERVAL_NS, limits.intervalNs);
    bar.write32(reg.KILL, 0);
  }

  /** Prices between which orders for the slot may lie. */
  setCollar(slot: number, lowest: number, highest: number): void {
    this.bar.write32(reg.COLLAR_LOW(slot), lowest);
    this.bar.write32(reg.COLLAR_HIGH(slot), highest);
  }

  /**
   * Stops all orders. When it returns, nothing leaves the card any more: the write is posted and may still be on its way,
   * but the read pushes it. Throws Error when the card does not say that it has stopped.
   */
  kill(): void {
    this.bar.write32(reg.KILL, 1);
    if (this.#read(this.bar, reg.KILL) !== 1) throw this.#broken("the kill switch is not on");
  }

  /**
   * Puts a frame into a template, and leaves the triggers that send it disarmed. Throws RangeError for a frame that is too
   * short or too long.
   */
  loadTemplate(template: number, order: OrderTemplate): void {
    const { frame, priceAt = 0, sizeAt = 0, sequenceAt = 0, checksums = false } = order;
    if (frame.length < 60 || frame.length > reg.TEMPLATE_BYTES_MAX)
      throw new RangeError(`an order frame of ${frame.length} bytes; 60 to 512 are possible`);
    this.#quiet(template);
    const at = reg.TEMPLATE_MEMORY(template);
    for (let byte = 0; byte < frame.length; byte += 4) {
      const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = frame.subarray(byte, byte + 4);
      this.window.writeCombining32(at + byte, (b0 | (b1 << 8) | (b2 << 16) | (b3 << 24)) >>> 0);
    }
    const { bar } = this;
    bar.write32(reg.TEMPLATE_PRICE_AT(template), priceAt);
    bar.write32(reg.TEMPLATE_SIZE_AT(template), sizeAt);
    bar.write32(reg.TEMPLATE_SEQUENCE_AT(template), sequenceAt);
    // The window is write-combining memory: what was stored there leaves when it likes. All of it goes before an order may.
    this.pci.cpu.wmb();
    bar.write32(reg.TEMPLATE_FRAME(template), (frame.length | (checksums ? reg.TEMPLATE_CHECKSUMS : 0)) >>> 0);
  }

  /** Sees to it that nothing sends the template: the card would take half of the old frame and half of the new. */
  #quiet(template: number): void {
    const { bar } = this;
    for (let trigger = 0; trigger < reg.TRIGGER_COUNT; trigger++)
      if (this.#templateOf[trigger] === template) this.disarm(trigger);
    // The read pushes the disarming; then what had been decided before it leaves.
    for (let polls = 0; this.#read(bar, reg.ORDERS_PENDING) !== 0; polls++) this.#pause(polls, "orders do not leave");
  }

  /** From here on the card sends by itself. */
  arm(trigger: number, rule: TriggerRule): void {
    const { bar } = this;
    // Under its old rule first no more: a tick between two of these writes would fire half of each.
    if (this.#templateOf[trigger] !== -1) this.disarm(trigger);
    bar.write32(reg.TRIGGER_PRICE(trigger), rule.price);
    bar.write32(reg.TRIGGER_SIZE_MIN(trigger), rule.sizeMin);
    bar.write32(reg.TRIGGER_ORDER_SIZE(trigger), rule.orderSize);
    const how = (rule.side === "sell" ? reg.TRIGGER_SELL : 0) | (rule.repeat === true ? reg.TRIGGER_REPEAT : 0);
    const what = (rule.slot << reg.TRIGGER_SLOT_SHIFT) | (rule.template << reg.TRIGGER_TEMPLATE_SHIFT);
    this.#templateOf[trigger] = rule.template;
    bar.write32(reg.TRIGGER_CONTROL(trigger), reg.TRIGGER_ARMED | how | what);
  }

  /** Posted, as all writes: an order that is on its way leaves. */
  disarm(trigger: number): void {
    this.bar.write32(reg.TRIGGER_CONTROL(trigger), 0);
    this.#templateOf[trigger] = -1;
  }

  /** Sends one order. Whether it left, and if not why, comes as an event. */
  sendOrder(template: number, slot: number, price: number, size: number): void {
    this.bar.write32(reg.ORDER_PRICE, price);
    this.bar.write32(reg.ORDER_SIZE, size);
    this.bar.write32(reg.ORDER_DOORBELL, template | (slot << reg.ORDER_SLOT_SHIFT));
  }

  // ---- end ---------------------------------------------------------------------------------------------------------

  /** Stops the card and gives its memory back. Once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reset();
    this.pci.config.setBusMaster(false);
    this.ring.free();
  }

  // ---- a card that does not do as it should ------------------------------------------------------------------------

  /**
   * A read that somebody is to believe. All ones may be a value, a completion that timed out, or nobody there any more: the
   * identification tells. Throws Error when the card is gone.
   */
  #read(bar: Bar, offset: number): number {
    const value = bar.read32(offset);
    if (value !== NOBODY_THERE) return value;
    if (this.bar.read32(reg.IDENTIFICATION) !== reg.IDENTIFICATION_FH01)
      throw this.#broken("the card is gone from the bus");
    return bar.read32(offset);
  }

  /** Between two polls; throws Error that says what did not end. */
  #pause(polls: number, what: string): void {
    if (polls === POLL_LIMIT) throw this.#broken(what);
    this.pci.cpu.relax();
  }

  #broken(what: string): Error {
    return new Error(`${this.pci.name}: ${what}. Close the driver and probe again`);
  }

  /** The read returns when the reset has happened, and behind everything that the card had sent to memory before it. */
  #reset(): void {
    this.bar.write32(reg.CONTROL, reg.CONTROL_RESET);
    this.bar.read32(reg.CONTROL);
  }
}
