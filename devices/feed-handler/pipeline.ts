import { copyMemory, type MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { ITCH50_BYTE_LENGTHS } from "../../emulator/wire/feeds/itch50.ts";
import { ITCH50_HEADER } from "../../emulator/wire/feeds/itch50-messages.ts";
import { Arbiter, BURST_MESSAGES, type MessageSink } from "./arbiter.ts";
import { type BookTable, ENTRY_BID_PRICE, NO_SLOT } from "./book-table.ts";
import type { Channels } from "./channels.ts";
import type { StageLatencies } from "./declaration.ts";
import type { HardwareClock } from "./hardware-clock.ts";
import { FROM_DRIVER, type Orders } from "./orders.ts";
import { headNs, isDue, RecordRing } from "./record-ring.ts";
import * as reg from "./registers.ts";
import type { Triggers } from "./triggers.ts";

const PACKET_LIMIT = 128;
const FRAME_BYTES_MAX = 1518;
/** Words of a frame that waits: its length, its line with the wire's flags above, then the frame. */
const PACKET_WORDS: number = 2 + Math.ceil(FRAME_BYTES_MAX / 4);
const MESSAGE_LIMIT = 4096;
/** Words of a message: length, line, sequence, the slot that follows it, then the message. */
const BYTES = 0;
const LINE = 1;
const SEQUENCE = 2;
const SLOT = 3;
const BODY = 4;
const MESSAGE_BYTES_MAX = 64;
const MESSAGE_WORDS: number = BODY + MESSAGE_BYTES_MAX / 4;
const LOCATE_AT: number = ITCH50_HEADER.stockLocate.offset;

const ARBITRATION_STAGE = 0;
const PARSE_STAGE = 1;
const BOOK_STAGE = 2;

/** Instead of a slot: the bytes are no message. */
const NO_ITCH = -2;

/** Steps of a message in the book stage. */
const NOT_BEGUN = 0;
const BID_NEXT = 1;
const ASK_NEXT = 2;
const END_NEXT = 3;

const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const [MESSAGES, FILTERED, MALFORMED] = [ordinal(reg.MESSAGES), ordinal(reg.FILTERED), ordinal(reg.MALFORMED)];
const STATUS = ordinal(reg.STATUS);
/** Where nothing is measured. */
const NEVER = new Float64Array(1);
const GAP = reg.STATUS.fields.GAP.mask;

export interface PipelineParts {
  readonly table: BookTable;
  readonly channels: Channels;
  readonly triggers: Triggers;
  readonly orders: Orders;
  readonly clock: HardwareClock;
}

/**
 * The way from the line to the wire. Every stage has a latency and takes a new message in each cycle, so a message is never
 * held up by those before it, and comes out when the latencies of its stages are over. In virtual time each step is an event
 * of its own: a driver may look between any two. On the wall clock stages take no time, and a frame goes through at once.
 */
export class Pipeline implements MessageSink {
  readonly arbiter: Arbiter;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #parts: PipelineParts;
  readonly #latencies: Required<StageLatencies>;
  readonly #isPaced: boolean;
  readonly #packets = new RecordRing(PACKET_LIMIT, PACKET_WORDS);
  readonly #messages = new RecordRing(MESSAGE_LIMIT, MESSAGE_WORDS);
  /** `[0]`: messages at the head that were parsed and wait for the book; `[1]`: step of the oldest in it; `[2]`: its entry. */
  readonly #place = new Int32Array(3);
  readonly #nextNs = new Float64Array(1);

  constructor(port: DevicePort, registers: RegisterFile, parts: PipelineParts, latencies: Required<StageLatencies>) {
    this.#port = port;
    this.#registers = registers;
    this.#parts = parts;
    this.#isPaced = port.clock.kind === "virtual";
    const none = { arbitrationNs: 0, parseNs: 0, bookNs: 0, triggerNs: 0, transmitNs: 0 };
    this.#latencies = this.#isPaced ? latencies : none;
    this.arbiter = new Arbiter(port, registers, this);
  }

  /** Takes a frame from a line. False when there is no room for it. */
  take(line: number, memory: MemoryView, offset: number, byteLength: number, flags: number): boolean {
    const packets = this.#packets;
    if (!this.#isPaced && packets.count + this.#messages.count === 0 && !this.arbiter.isReady) {
      // Nobody waits, so it need not either.
      this.#parts.clock.count(ARBITRATION_STAGE, NEVER, 0);
      this.arbiter.arbitrate(line, memory, offset, byteLength, flags);
      return true;
    }
    if (packets.free === 0) return false;
    const at = packets.wordOf(packets.push(this.#port.clock.now, this.#latencies.arbitrationNs));
    packets.memory.words[at] = byteLength;
    packets.memory.words[at + 1] = line | (flags << 8);
    copyMemory(packets.memory, 4 * (at + 2), memory, offset, byteLength);
    return true;
  }

  get hasRoom(): boolean {
    return this.#packets.free > 0;
  }

  submitOrder(template: number, slot: number, price: number, size: number): void {
    this.#port.clock.refresh();
    this.#parts.orders.submit(template, slot, price, size, FROM_DRIVER, this.#latencies.transmitNs);
  }

  /** Does what is due, and sees to it that the rest is done when it is. */
  run(): void {
    if (!this.#isPaced) this.#runAtOnce();
    this.#plan();
  }

  /** On the wall clock: the same steps in the same order, without looking for the next one each time. */
  #runAtOnce(): void {
    const { orders, triggers } = this.#parts;
    const messages = this.#messages;
    for (;;) {
      while (orders.ring.count > 0) orders.pass();
      if (triggers.ring.count > 0) triggers.decide(0);
      else if (messages.count > 0) {
        if (this.#place[0] === 0) this.#parse();
        if (this.#mustWait()) return;
        this.#beginBook();
        while (this.#place[1] !== NOT_BEGUN) this.#continueBook();
      } else if (!this.step()) return;
    }
  }

  /** The timer has run out: one step, in virtual time. */
  onTimer(): void {
    if (this.#isPaced) {
      this.step();
      this.#plan();
    } else this.run();
  }

  /** Messages, decisions and orders are on their way, or packets wait behind a hole. */
  get isBusy(): boolean {
    return this.#packets.count + this.arbiter.heldCount + this.#messages.count + this.pendingOrders > 0;
  }

  get pendingOrders(): number {
    return this.#parts.triggers.ring.count + this.#parts.orders.ring.count;
  }

  /** A full ring holds the book. */
  get isStalled(): boolean {
    return (this.#place[0] as number) > 0 && this.#place[1] === NOT_BEGUN && this.#mustWait();
  }

  /** The feed starts anew: what is on its way from the lines to the triggers is gone, and the next packet is the first. */
  startAnew(): void {
    this.arbiter.clear();
    this.#packets.clear();
    this.#messages.clear();
    this.#parts.triggers.ring.clear();
    this.#parts.orders.doubtTriggered();
    this.#place.fill(0);
    this.#plan();
  }

  /** Nothing is on its way any more. */
  reset(): void {
    this.#parts.orders.ring.clear();
    this.startAnew();
  }

  /** The one step that is due and furthest on its way; false when none is. */
  step(): boolean {
    const nowNs = this.#port.clock.now[0] as number;
    const { orders, triggers } = this.#parts;
    if (isDue(orders.ring, nowNs)) orders.pass();
    else if (isDue(triggers.ring, nowNs)) triggers.decide(this.#latencies.transmitNs);
    else if (this.#place[1] !== NOT_BEGUN) this.#continueBook();
    else if ((this.#place[0] as number) > 0 && isDue(this.#messages, nowNs) && !this.#mustWait()) this.#beginBook();
    else if (this.#parseDueNs() <= nowNs) this.#parse();
    else if (this.#messages.free < BURST_MESSAGES) return false;
    else if (this.arbiter.isReady) this.arbiter.release();
    else if ((this.arbiter.giveUpNs[0] as number) <= nowNs) this.arbiter.giveUp();
    else if (isDue(this.#packets, nowNs)) this.#arbitrate();
    else return false;
    return true;
  }

  // ---- the stages --------------------------------------------------------------------------------------------------

  #arbitrate(): void {
    const packets = this.#packets;
    const index = packets.indexOf(0);
    const at = packets.wordOf(index);
    const { words } = packets.memory;
    const lineAndFlags = words[at + 1] as number;
    this.#parts.clock.count(ARBITRATION_STAGE, packets.enteredNs, index);
    this.arbiter.arbitrate(lineAndFlags & 0xff, packets.memory, 4 * (at + 2), words[at] as number, lineAndFlags >>> 8);
    packets.pop();
  }

  /** The arbiter's first copy of a message: it enters the parser. */
  message(line: number, sequenceLow: number, memory: MemoryView, offset: number, byteLength: number): void {
    const messages = this.#messages;
    const isAlone = !this.#isPaced && messages.count === 0;
    if (isAlone && this.#goThrough(line, sequenceLow, memory.bytes, offset, byteLength)) return;
    const { bytes, words } = messages.memory;
    const at = messages.wordOf(messages.push(this.#port.clock.now, this.#latencies.parseNs));
    words[at + BYTES] = byteLength;
    words[at + LINE] = line;
    words[at + SEQUENCE] = sequenceLow;
    // No message is longer; one that says so is malformed, and its length will tell.
    const end = Math.min(byteLength, MESSAGE_BYTES_MAX);
    const to = 4 * (at + BODY);
    const from = memory.bytes;
    for (let byte = 0; byte < end; byte++) bytes[to + byte] = from[offset + byte] as number;
  }

  #parse(): void {
    const messages = this.#messages;
    const parsedCount = this.#place[0] as number;
    const index = messages.indexOf(parsedCount);
    const at = messages.wordOf(index);
    const { bytes, words } = messages.memory;
    this.#parts.clock.count(PARSE_STAGE, messages.enteredNs, index);
    const slot = this.#slotOf(bytes, 4 * (at + BODY), words[at + BYTES] as number);
    this.#countParsed(slot);
    words[at + SLOT] = slot;
    messages.enteredNs[index] = this.#port.clock.now[0] as number;
    messages.dueNs[index] = (this.#port.clock.now[0] as number) + this.#latencies.bookNs;
    this.#place[0] = parsedCount + 1;
  }

  /** The slot that follows a message's stock, {@link NO_SLOT}, or {@link NO_ITCH}. */
  #slotOf(bytes: Uint8Array, at: number, byteLength: number): number {
    if (byteLength === 0 || ITCH50_BYTE_LENGTHS[bytes[at] as number] !== byteLength) return NO_ITCH;
    return this.#parts.table.slotOf(((bytes[at + LOCATE_AT] as number) << 8) | (bytes[at + LOCATE_AT + 1] as number));
  }

  #countParsed(slot: number): void {
    const { values } = this.#registers;
    values[MESSAGES] = ((values[MESSAGES] as number) + 1) | 0;
    if (slot === NO_SLOT) values[FILTERED] = ((values[FILTERED] as number) + 1) | 0;
    else if (slot === NO_ITCH) values[MALFORMED] = ((values[MALFORMED] as number) + 1) | 0;
  }

  /** On the wall clock, all of a message's way at once, out of the wire's memory. False when it has to wait. */
  #goThrough(line: number, sequenceLow: number, bytes: Uint8Array, at: number, byteLength: number): boolean {
    const { table, triggers, orders, clock } = this.#parts;
    const slot = this.#slotOf(bytes, at, byteLength);
    if (this.#mustWaitFor(slot)) return false;
    clock.count(PARSE_STAGE, NEVER, 0);
    this.#countParsed(slot);
    const changed = slot < 0 ? NO_SLOT : table.apply(bytes, at, byteLength);
    if (changed !== NO_SLOT) {
      table.begin(changed);
      table.writeBid(changed);
      table.writeAsk(changed);
      this.#endBook(changed, line, sequenceLow, bytes[at] as number);
    }
    clock.count(BOOK_STAGE, NEVER, 0);
    while (triggers.ring.count > 0) triggers.decide(0);
    while (orders.ring.count > 0) orders.pass();
    return true;
  }

  #beginBook(): void {
    const messages = this.#messages;
    const at = messages.wordOf(messages.indexOf(0));
    const { bytes, words } = messages.memory;
    if ((words[at + SLOT] as number) >= 0) {
      const slot = this.#parts.table.apply(bytes, 4 * (at + BODY), words[at + BYTES] as number);
      if (slot !== NO_SLOT) {
        this.#place[1] = BID_NEXT;
        this.#place[2] = slot;
        this.#parts.table.begin(slot);
        return;
      }
    }
    this.#leaveBook();
  }

  #continueBook(): void {
    const { table } = this.#parts;
    const slot = this.#place[2] as number;
    if (this.#place[1] === BID_NEXT) {
      table.writeBid(slot);
      this.#place[1] = ASK_NEXT;
    } else if (this.#place[1] === ASK_NEXT) {
      table.writeAsk(slot);
      this.#place[1] = END_NEXT;
    } else {
      const { bytes, words } = this.#messages.memory;
      const at = this.#messages.wordOf(this.#messages.indexOf(0));
      const type = bytes[4 * (at + BODY)] as number;
      this.#endBook(slot, words[at + LINE] as number, words[at + SEQUENCE] as number, type);
      this.#place[1] = NOT_BEGUN;
      this.#leaveBook();
    }
  }

  /** The entry is whole again, the event is on its way, and the triggers have something to look at. */
  #endBook(slot: number, line: number, sequenceLow: number, type: number): void {
    const { table, channels, triggers, clock } = this.#parts;
    const cyclesLow = clock.cyclesLow;
    table.end(slot, sequenceLow, cyclesLow);
    const event = channels.event.words;
    const hasGap = ((this.#registers.values[STATUS] as number) & GAP) !== 0;
    event[0] = table.locateOf(slot) | (type << 16) | ((line | (hasGap ? 2 : 0)) << 24);
    event[1] = sequenceLow;
    for (let word = 0; word < 4; word++) event[2 + word] = table.word(slot, ENTRY_BID_PRICE + word);
    event[6] = cyclesLow;
    channels.write(channels.channelOf(slot));
    triggers.submit(slot, table, this.#latencies.triggerNs);
  }

  #leaveBook(): void {
    this.#parts.clock.count(BOOK_STAGE, this.#messages.enteredNs, this.#messages.indexOf(0));
    this.#messages.pop();
    this.#place[0] = (this.#place[0] as number) - 1;
  }

  // ---- time --------------------------------------------------------------------------------------------------------

  /** The oldest message would write an event that has to wait, or a decision that has no room. */
  #mustWait(): boolean {
    const messages = this.#messages;
    return this.#mustWaitFor(messages.memory.words[messages.wordOf(messages.indexOf(0)) + SLOT] as number);
  }

  #mustWaitFor(slot: number): boolean {
    if (slot < 0) return false;
    const { channels, triggers } = this.#parts;
    return triggers.ring.free === 0 || channels.mustWait(channels.channelOf(slot));
  }

  #parseDueNs(): number {
    const messages = this.#messages;
    const parsedCount = this.#place[0] as number;
    if (parsedCount === messages.count) return Number.POSITIVE_INFINITY;
    return messages.dueNs[messages.indexOf(parsedCount)] as number;
  }

  /** Starts the timer for the next step. */
  #plan(): void {
    const nextNs = this.#isPaced ? this.#nextStepNs() : (this.arbiter.giveUpNs[0] as number);
    if (nextNs === Number.POSITIVE_INFINITY) {
      if (this.#port.isTimerArmed(0)) this.#port.stopTimer(0);
      return;
    }
    if (this.#port.isTimerArmed(0) && this.#nextNs[0] === nextNs) return;
    const delayNs = nextNs - (this.#port.clock.now[0] as number);
    this.#nextNs[0] = nextNs;
    this.#port.startTimer(0, Math.max(delayNs, 0));
  }

  #nextStepNs(): number {
    const { orders, triggers } = this.#parts;
    let nextNs = Math.min(headNs(orders.ring), headNs(triggers.ring), this.#parseDueNs());
    if (this.#place[1] !== NOT_BEGUN) return 0;
    if ((this.#place[0] as number) > 0 && !this.#mustWait()) nextNs = Math.min(nextNs, headNs(this.#messages));
    if (this.#messages.free < BURST_MESSAGES) return nextNs;
    if (this.arbiter.isReady) return 0;
    return Math.min(nextNs, this.arbiter.giveUpNs[0] as number, headNs(this.#packets));
  }

  snapshot(): PipelineState {
    return {
      arbiter: this.arbiter.snapshot(),
      packets: this.#packets.snapshot(),
      messages: this.#messages.snapshot(),
      decisions: this.#parts.triggers.ring.snapshot(),
      place: this.#place.slice(),
      nextNs: this.#nextNs.slice(),
    };
  }

  restore(state: PipelineState): void {
    this.arbiter.restore(state.arbiter);
    this.#packets.restore(state.packets);
    this.#messages.restore(state.messages);
    this.#parts.triggers.ring.restore(state.decisions);
    this.#place.set(state.place);
    this.#nextNs.set(state.nextNs);
  }
}

export interface PipelineState {
  readonly arbiter: ReturnType<Arbiter["snapshot"]>;
  readonly packets: ReturnType<RecordRing["snapshot"]>;
  readonly messages: ReturnType<RecordRing["snapshot"]>;
  readonly decisions: ReturnType<RecordRing["snapshot"]>;
  readonly place: Int32Array;
  readonly nextNs: Float64Array;
}
