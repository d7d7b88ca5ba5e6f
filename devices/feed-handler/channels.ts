import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { EVENT_LAYOUT } from "./dma-layouts.ts";
import { recordConsumer, recordNoRing, recordRingChanged } from "./findings.ts";
import * as reg from "./registers.ts";

/** An event: eight words, the last one with the phase (data sheet, Events). */
export const EVENT_BYTE_LENGTH = 32;
const FLAG_OFFSET = 28;
const SIZE_LOG2_MAX = 16;
const LOST_MAX = 0x7fff;
const { ENABLE, STALL } = reg.CHANNEL_CONTROL.fields;
const { CHANNEL } = reg.SLOT_FILTER.fields;
const ARMED = reg.CHANNEL_INTERRUPT.fields.ARMED.mask;

// Where the registers of channel 0 are among the values of the file; those of the others follow.
const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const [RING_LOW, RING_HIGH, CONTROL] = [
  ordinal(reg.CHANNEL_RING_LOW),
  ordinal(reg.CHANNEL_RING_HIGH),
  ordinal(reg.CHANNEL_CONTROL),
];
const [CONSUMER, PRODUCER, DROPPED] = [
  ordinal(reg.CHANNEL_CONSUMER),
  ordinal(reg.CHANNEL_PRODUCER),
  ordinal(reg.CHANNEL_DROPPED),
];
const [INTERRUPT, FILTER] = [ordinal(reg.CHANNEL_INTERRUPT), ordinal(reg.SLOT_FILTER)];

/** What an event is: the type of an ITCH message, or one of these. */
export const EVENT_ORDER_SENT = 0x01;
export const EVENT_ORDER_REJECTED = 0x02;

/**
 * The event channels. Each writes into a ring in host memory; the phase bit of an event says in which lap it was written,
 * and the driver's doorbell says which entries are the card's again.
 */
export class Channels {
  /** The event that {@link write} takes: words 0 to 6 are the caller's. */
  readonly event: MemoryView = MemoryView.ofSize(EVENT_BYTE_LENGTH);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #values: Int32Array;
  /** By channel: log2 of the entries while it is enabled, -1 while it is not; and events lost since the last one written. */
  readonly #sizeLog2 = new Int32Array(reg.CHANNEL_COUNT).fill(-1);
  readonly #lost = new Int32Array(reg.CHANNEL_COUNT);
  #writtenCount = 0;

  /** `onRoom` is called when a ring that was full may not be any more. */
  constructor(port: DevicePort, registers: RegisterFile, onRoom: () => void) {
    this.#port = port;
    this.#registers = registers;
    this.#values = registers.values;
    registers.onWrite(reg.CHANNEL_CONTROL, (channel, value, before) => {
      this.#control(channel, value, before);
      onRoom();
    });
    registers.onWrite(reg.CHANNEL_CONSUMER, (channel, value, before) => {
      this.#consume(channel, value, before);
      onRoom();
    });
    for (const register of [reg.CHANNEL_RING_LOW, reg.CHANNEL_RING_HIGH, reg.CHANNEL_SIZE])
      registers.onWrite(register, (channel, value) => {
        if ((this.#sizeLog2[channel] as number) >= 0) recordRingChanged(port, register, channel, value);
      });
  }

  /** Events written since the card was plugged in. */
  get writtenCount(): number {
    return this.#writtenCount;
  }

  /** The channel that a slot's events go to. */
  channelOf(slot: number): number {
    return ((this.#values[FILTER + slot] as number) & CHANNEL.mask) >>> CHANNEL.low;
  }

  /** Entries of the channel's ring; 0 while it is off. */
  slotCount(channel: number): number {
    const sizeLog2 = this.#sizeLog2[channel] as number;
    return sizeLog2 < 0 ? 0 : 1 << sizeLog2;
  }

  /** True when an event for the channel would have to wait: it is full, and told to stall. */
  mustWait(channel: number): boolean {
    return ((this.#values[CONTROL + channel] as number) & STALL.mask) !== 0 && this.#isFull(channel);
  }

  /** Entries free in the fullest of the channels that are enabled. */
  get leastRoom(): number {
    let least = Number.MAX_SAFE_INTEGER;
    for (let channel = 0; channel < reg.CHANNEL_COUNT; channel++) {
      const sizeLog2 = this.#sizeLog2[channel] as number;
      if (sizeLog2 < 0) continue;
      const room = (1 << sizeLog2) - this.#used(channel);
      if (room < least) least = room;
    }
    return least;
  }

  /** Writes {@link event} into the channel's ring, or counts it as dropped. */
  write(channel: number): void {
    const sizeLog2 = this.#sizeLog2[channel] as number;
    if (sizeLog2 < 0) return;
    const values = this.#values;
    if (this.#isFull(channel)) {
      values[DROPPED + channel] = ((values[DROPPED + channel] as number) + 1) | 0;
      if ((this.#lost[channel] as number) < LOST_MAX) this.#lost[channel] = (this.#lost[channel] as number) + 1;
      return;
    }
    const producer = values[PRODUCER + channel] as number;
    // The first lap has phase 1, because a ring begins as zeros.
    const phase = ((producer >>> sizeLog2) & 1) ^ 1;
    this.event.words[7] = (phase << 31) | ((this.#lost[channel] as number) << 16) | (producer & 0xffff);
    this.#lost[channel] = 0;
    const low = values[RING_LOW + channel] as number;
    const high = values[RING_HIGH + channel] as number;
    const offset = (producer & ((1 << sizeLog2) - 1)) * EVENT_BYTE_LENGTH;
    const carry = (low >>> 0) + offset > 0xffff_ffff ? 1 : 0;
    values[PRODUCER + channel] = (producer + 1) | 0;
    this.#writtenCount++;
    this.#port.dmaWrite(high + carry, (low + offset) | 0, this.event, 0, EVENT_BYTE_LENGTH, FLAG_OFFSET);
    if (((values[INTERRUPT + channel] as number) & ARMED) === 0) return;
    values[INTERRUPT + channel] = 0;
    this.#port.raise(channel);
  }

  reset(): void {
    this.#sizeLog2.fill(-1);
    this.#lost.fill(0);
  }

  describe(high: number, low: number): DmaDescription | undefined {
    for (let channel = 0; channel < reg.CHANNEL_COUNT; channel++) {
      const sizeLog2 = this.#sizeLog2[channel] as number;
      const offset = (low - this.#registers.get(reg.CHANNEL_RING_LOW, channel)) >>> 0;
      if (sizeLog2 < 0 || offset >= EVENT_BYTE_LENGTH << sizeLog2) continue;
      const isAbove = low >>> 0 < this.#registers.get(reg.CHANNEL_RING_LOW, channel) >>> 0 ? 1 : 0;
      if (high !== this.#registers.get(reg.CHANNEL_RING_HIGH, channel) + isAbove) continue;
      return {
        purpose: `event ${offset / EVENT_BYTE_LENGTH} of channel ${channel}`,
        outcome: "the event is lost, and the card goes on",
        layout: EVENT_LAYOUT,
      };
    }
    return undefined;
  }

  snapshot(): ChannelsState {
    return { sizeLog2: this.#sizeLog2.slice(), lost: this.#lost.slice(), writtenCount: this.#writtenCount };
  }

  restore(state: ChannelsState): void {
    this.#sizeLog2.set(state.sizeLog2);
    this.#lost.set(state.lost);
    this.#writtenCount = state.writtenCount;
  }

  #used(channel: number): number {
    const values = this.#values;
    return ((values[PRODUCER + channel] as number) - (values[CONSUMER + channel] as number)) >>> 0;
  }

  #isFull(channel: number): boolean {
    const sizeLog2 = this.#sizeLog2[channel] as number;
    return sizeLog2 >= 0 && this.#used(channel) >= 1 << sizeLog2;
  }

  #control(channel: number, value: number, before: number): void {
    const registers = this.#registers;
    if ((value & ENABLE.mask) === 0) {
      this.#sizeLog2[channel] = -1;
      registers.set(reg.CHANNEL_INTERRUPT, 0, channel);
      return;
    }
    if ((before & ENABLE.mask) !== 0) return;
    const sizeLog2 = registers.get(reg.CHANNEL_SIZE, channel);
    const low = registers.get(reg.CHANNEL_RING_LOW, channel);
    if (sizeLog2 < 1 || sizeLog2 > SIZE_LOG2_MAX || (low & 63) !== 0) {
      recordNoRing(this.#port, channel, sizeLog2, low);
      registers.set(reg.CHANNEL_CONTROL, value & ~ENABLE.mask, channel);
      return;
    }
    this.#sizeLog2[channel] = sizeLog2;
    this.#lost[channel] = 0;
    registers.set(reg.CHANNEL_PRODUCER, 0, channel);
    registers.set(reg.CHANNEL_CONSUMER, 0, channel);
    registers.set(reg.CHANNEL_DROPPED, 0, channel);
  }

  /** A driver cannot have consumed what was not written, nor give back what it has given back. */
  #consume(channel: number, value: number, before: number): void {
    const producer = this.#registers.get(reg.CHANNEL_PRODUCER, channel);
    if ((producer - value) >>> 0 <= (producer - before) >>> 0) return;
    this.#registers.set(reg.CHANNEL_CONSUMER, before, channel);
    recordConsumer(this.#port, channel, value, before, producer);
  }
}

export interface ChannelsState {
  readonly sizeLog2: Int32Array;
  readonly lost: Int32Array;
  readonly writtenCount: number;
}
