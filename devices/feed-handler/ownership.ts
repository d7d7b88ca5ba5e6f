import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type {
  EntryRingView,
  Handover,
  MemoryOwnership,
  WatchedEntries,
  WatchedWindow,
} from "../../emulator/sanitize/ownership.ts";
import { type Channels, EVENT_BYTE_LENGTH } from "./channels.ts";
import { TEMPLATE_BYTE_LENGTH, TEMPLATES_AT, WINDOW_BAR } from "./declaration.ts";
import * as reg from "./registers.ts";

const { ARMED, TEMPLATE } = reg.TRIGGER_CONTROL.fields;
/** Byte of an event with the phase, and the bit (data sheet, Events). */
const PHASE_OFFSET = 31;
const PHASE_MASK = 0x80;

/** What the card does with memory, as its engines have it. */
export interface OwnershipParts {
  readonly channels: Channels;
  /** Whether an armed trigger or an order on its way sends a template. */
  isSending(template: number): boolean;
  /** The template of the order that the doorbell has asked for last. */
  orderedTemplate(): number;
}

/** The ring of one channel. */
class EventRing implements EntryRingView {
  readonly name: string;
  readonly entryName = "event";
  readonly doorbell: string;
  readonly entryBytes: number = EVENT_BYTE_LENGTH;
  readonly phaseOffset = PHASE_OFFSET;
  readonly phaseMask = PHASE_MASK;
  readonly #channel: number;
  readonly #channels: Channels;
  readonly #registers: RegisterFile;
  readonly #port: DevicePort;
  /** An event may be the report of an order. */
  readonly entriesSeen: () => void;

  constructor(channel: number, channels: Channels, registers: RegisterFile, port: DevicePort, entriesSeen: () => void) {
    this.entriesSeen = entriesSeen;
    this.name = `channel ${channel}`;
    this.doorbell = registerPlace(registers.map, reg.CHANNEL_CONSUMER.at(channel));
    this.#channel = channel;
    this.#channels = channels;
    this.#registers = registers;
    this.#port = port;
  }

  isLive(): boolean {
    return this.#port.busMasterEnabled && this.#channels.slotCount(this.#channel) > 0;
  }

  baseIova(): number {
    const high = this.#registers.get(reg.CHANNEL_RING_HIGH, this.#channel) >>> 0;
    return high * 2 ** 32 + (this.#registers.get(reg.CHANNEL_RING_LOW, this.#channel) >>> 0);
  }

  slotCount(): number {
    return this.#channels.slotCount(this.#channel);
  }

  producer(): number {
    return this.#registers.get(reg.CHANNEL_PRODUCER, this.#channel) >>> 0;
  }

  consumer(): number {
    return this.#registers.get(reg.CHANNEL_CONSUMER, this.#channel) >>> 0;
  }

  /** 1 in the first lap, 0 in the second, and so on. */
  phaseOf(entry: number): number {
    const lap = Math.floor(entry / this.slotCount());
    return lap % 2 === 0 ? PHASE_MASK : 0;
  }
}

/**
 * For the sanitizers. An event is the driver's from when it has seen its phase, the producer or an interrupt, until it gives it
 * back. An order template is the card's while a trigger that sends it is armed, or an order, until the driver has read that
 * nothing is on its way.
 */
export class FeedHandlerOwnership implements MemoryOwnership {
  readonly #registers: RegisterFile;
  readonly #rings: readonly WatchedEntries[];
  readonly #templates: WatchedWindow;
  readonly #families: Readonly<
    Record<
      "CONTROL" | "TRIGGER" | "DOORBELL" | "CHANNEL_CONTROL" | "PRODUCER" | "PENDING" | "SENT" | "REJECTED",
      number
    >
  >;

  readonly #parts: OwnershipParts;

  constructor(port: DevicePort, registers: RegisterFile, parts: OwnershipParts, handover: Handover) {
    const { map } = registers;
    const { channels } = parts;
    this.#registers = registers;
    this.#parts = parts;
    this.#families = {
      CONTROL: map.family(reg.CONTROL),
      TRIGGER: map.family(reg.TRIGGER_CONTROL),
      DOORBELL: map.family(reg.ORDER_DOORBELL),
      CHANNEL_CONTROL: map.family(reg.CHANNEL_CONTROL),
      PRODUCER: map.family(reg.CHANNEL_PRODUCER),
      PENDING: map.family(reg.ORDERS_PENDING),
      SENT: map.family(reg.ORDERS_SENT),
      REJECTED: map.family(reg.REJECTED),
    };
    this.#templates = handover.window({
      name: "the order templates",
      bar: WINDOW_BAR,
      completion: "the triggers that send it are disarmed and ORDERS_PENDING reads 0",
      nameOf: (template) => `template ${template}`,
      isLive: () => true,
      isBusy: (template) => parts.isSending(template),
    });
    this.#rings = Array.from({ length: reg.CHANNEL_COUNT }, (_, channel) => {
      const reported = (): void => this.#templates.doneSeen();
      return handover.entries(new EventRing(channel, channels, registers, port, reported));
    });
  }

  onWrite(bar: number, offset: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    const index = map.indexOf[ordinal] as number;
    const { CONTROL, TRIGGER, DOORBELL, CHANNEL_CONTROL } = this.#families;
    if (family === CHANNEL_CONTROL) this.#rings[index]?.switched();
    else if (family === TRIGGER) this.#armed(this.#registers.get(reg.TRIGGER_CONTROL, index));
    else if (family === DOORBELL) this.#handOver(this.#parts.orderedTemplate());
    else if (family === CONTROL) this.#controlled();
  }

  onRead(bar: number, offset: number, value: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    const { PRODUCER, PENDING, SENT, REJECTED } = this.#families;
    if (family === PRODUCER) this.#rings[map.indexOf[ordinal] as number]?.producerSeen(value >>> 0);
    else if ((family === PENDING && value === 0) || family === SENT || family === REJECTED) this.#templates.doneSeen();
  }

  #armed(control: number): void {
    if ((control & ARMED.mask) !== 0) this.#handOver(fieldOf(control, TEMPLATE));
  }

  #handOver(template: number): void {
    this.#templates.handOver(template, TEMPLATES_AT + template * TEMPLATE_BYTE_LENGTH, TEMPLATE_BYTE_LENGTH);
  }

  /** A reset stops the channels and forgets triggers and orders; it happens at once, and every driver knows. */
  #controlled(): void {
    for (const ring of this.#rings) ring.switched();
    this.#templates.doneSeen();
  }
}
