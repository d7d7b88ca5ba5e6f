/** What the machine has to know of the card before it runs, and what can be chosen about it. */

import { checkOptionNames } from "../../emulator/option-names.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { DMA_LAYOUTS } from "./dma-layouts.ts";
import {
  BAR0_BYTE_LENGTH,
  CHANNEL_COUNT,
  FEED_HANDLER_REGISTER_MAP,
  LINE_COUNT,
  SLOT_COUNT,
  TEMPLATE_COUNT,
} from "./registers.ts";
import { FEED_HANDLER_RULES } from "./rules.ts";

/** How long each stage takes, in nanoseconds of virtual time. On the wall clock the stages take none (data sheet, Pipeline). */
export interface StageLatencies {
  /** From the last bit of a frame until it is known which copy of a message is the first. Default 16. */
  readonly arbitrationNs?: number;
  /** Until the fields of a message are there, and the stock has been looked up. Default 12. */
  readonly parseNs?: number;
  /** Until the book has a message, and its table and event are written. Default 40. */
  readonly bookNs?: number;
  /** Until it is decided whether to send. Default 8. */
  readonly triggerNs?: number;
  /** From the decision to the first bit of the order. Default 24. */
  readonly transmitNs?: number;
}

export interface FeedHandlerOptions extends StageLatencies {
  /** Orders that the card's memory holds at a time; one more is a book fault. Default 131,072. */
  readonly orderCapacity?: number;
  /** Stock locates that the filter knows: those below it. Default 65,536, all there are; fewer make a search quicker. */
  readonly locateCount?: number;
}

/** The default of each option. */
export const DEFAULTS: Required<FeedHandlerOptions> = {
  arbitrationNs: 16,
  parseNs: 12,
  bookNs: 40,
  triggerNs: 8,
  transmitNs: 24,
  orderCapacity: 131_072,
  locateCount: 65_536,
};

/** The part of BAR2 that is the top-of-book table: an entry of 64 bytes for each slot. */
export const BOOK_ENTRY_BYTE_LENGTH = 64;
export const BOOK_BYTE_LENGTH: number = SLOT_COUNT * BOOK_ENTRY_BYTE_LENGTH;
/** Behind it the memory of the order templates. */
export const TEMPLATES_AT = 0x4000;
export const TEMPLATE_BYTE_LENGTH = 512;
export const TEMPLATES_BYTE_LENGTH: number = TEMPLATE_COUNT * TEMPLATE_BYTE_LENGTH;
const BAR2_BYTE_LENGTH = 0x8000;

export const WINDOW_BAR = 2;

/** What the card says only because one write came before another. */
const ORDER_RULES = ["channel-without-ring", "ring-changed-while-enabled", "template-in-use"] as const;

/** Throws RangeError for an option that there is not, and latencies and sizes that no card has. */
export function declaration(options: FeedHandlerOptions = {}): DeviceDeclaration {
  checkOptionNames("feed-handler", options, DEFAULTS);
  for (const [name, value] of Object.entries(options)) {
    const least = name.endsWith("Ns") ? 0 : 1;
    if (Number.isInteger(value) && value >= least && value <= 2 ** 24) continue;
    throw new RangeError(`feed-handler: ${name} is ${value}; want a whole number from ${least} to ${2 ** 24}`);
  }
  if ((options.locateCount ?? 1) > DEFAULTS.locateCount)
    throw new RangeError(`feed-handler: locateCount is ${options.locateCount}; a stock locate has 16 bits`);
  return {
    name: "feed-handler",
    about: "tick-to-trade FPGA: two lines of ITCH, the book in its BAR, triggers that send orders",
    // What the hard block of an FPGA says until somebody gives it a name of its own; class: processing accelerator.
    identity: { vendorId: 0x10ee, deviceId: 0x9038, revisionId: 0x01, classCode: 0x120000 },
    bars: [
      { index: 0, byteLength: BAR0_BYTE_LENGTH, kind: "memory64", about: "registers" },
      { index: 2, byteLength: BAR2_BYTE_LENGTH, kind: "memory64", prefetchable: true, about: "book and templates" },
      { index: 4, byteLength: 0x1000, kind: "memory64", about: "MSI-X" },
    ],
    msix: { vectorCount: CHANNEL_COUNT, bar: 4, tableOffset: 0, pendingBitsOffset: 0x800 },
    registerMaps: { 0: FEED_HANDLER_REGISTER_MAP },
    rules: FEED_HANDLER_RULES,
    orderRules: ORDER_RULES,
    dmaLayouts: DMA_LAYOUTS,
    rings: [
      {
        name: "channel",
        count: CHANNEL_COUNT,
        bar: 0,
        // Both count on: the card fills, the driver takes.
        tail: "CHANNEL_PRODUCER",
        head: "CHANNEL_CONSUMER",
        size: { register: "CHANNEL_SIZE", unit: "log2" },
      },
    ],
    // One: an explored run then takes the pipeline step by step, and the driver may look between any two.
    timerCount: 1,
    wirePortCount: LINE_COUNT,
    gigabitsPerSecond: 10,
  };
}
