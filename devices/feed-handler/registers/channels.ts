/** Event channels at 0x0100, latencies of the stages at 0x0200, and what each slot follows at 0x0800. */

import { bit, bits, type FieldedRegister, type Register } from "../../../emulator/registers/declare.ts";
import { type Block, CHANNEL_COUNT, each, SLOT_COUNT } from "./shapes.ts";

const CHANNELS: Block = { base: 0x0100, stride: 0x40, count: CHANNEL_COUNT };

export const CHANNEL_RING_LOW: Register = each(CHANNELS, "CHANNEL_RING_LOW", 0x00, {
  access: "rw",
  about: "Where the ring of events begins, bits 31–0: a multiple of 64.",
});
export const CHANNEL_RING_HIGH: Register = each(CHANNELS, "CHANNEL_RING_HIGH", 0x04, {
  access: "rw",
  about: "The same, bits 63–32.",
});
export const CHANNEL_SIZE: FieldedRegister<"LOG2"> = each(CHANNELS, "CHANNEL_SIZE", 0x08, {
  access: "reserved",
  fields: { LOG2: bits(4, 0, "rw", "1 to 16.") },
  about: "Entries of the ring, as a power of two. Looked at when the channel is enabled.",
});
export const CHANNEL_CONTROL: FieldedRegister<"ENABLE" | "STALL"> = each(CHANNELS, "CHANNEL_CONTROL", 0x0c, {
  access: "reserved",
  fields: {
    ENABLE: bit(0, "rw", "From 0 to 1: producer, consumer and dropped count start at 0, the phase at 1."),
    STALL: bit(1, "rw", "When the ring is full: 0 drops new events and counts them, 1 holds the pipeline."),
  },
  about: "Switches the channel, and says what a full ring does.",
});
export const CHANNEL_CONSUMER: Register = each(CHANNELS, "CHANNEL_CONSUMER", 0x10, {
  access: "rw",
  owner: "both",
  mirror: "doorbell",
  about:
    "Doorbell: how many events the driver has consumed since ENABLE, modulo 2^32. Their entries are the card's again.",
});
export const CHANNEL_PRODUCER: Register = each(CHANNELS, "CHANNEL_PRODUCER", 0x14, {
  access: "ro",
  about: "How many events the card has written since ENABLE, modulo 2^32.",
});
export const CHANNEL_DROPPED: Register = each(CHANNELS, "CHANNEL_DROPPED", 0x18, {
  access: "ro",
  about: "Events that found the ring full and are lost.",
});
export const CHANNEL_INTERRUPT: FieldedRegister<"ARMED"> = each(CHANNELS, "CHANNEL_INTERRUPT", 0x1c, {
  access: "reserved",
  fields: {
    ARMED: bit(
      0,
      "rw",
      "The next event sends MSI-X vector n and clears it. Says nothing of events that are there already.",
    ),
  },
  owner: "both",
  about: "One interrupt, for the first event written after the arming.",
});

export const STAGE_NAMES: readonly string[] = ["arbitration", "parse", "book", "trigger", "transmit"];
const STAGES: Block = { base: 0x0200, stride: 0x10, count: STAGE_NAMES.length };
const OF_STAGE = "of stage 0 arbitration, 1 parse, 2 book, 3 trigger, 4 transmit.";

export const LATENCY_LAST: Register = each(STAGES, "LATENCY_LAST", 0x00, {
  access: "ro",
  about: `Cycles that the last one took, ${OF_STAGE}`,
});
export const LATENCY_MIN: Register = each(STAGES, "LATENCY_MIN", 0x04, {
  access: "ro",
  reset: -1,
  about: `Fewest cycles, ${OF_STAGE}`,
});
export const LATENCY_MAX: Register = each(STAGES, "LATENCY_MAX", 0x08, {
  access: "ro",
  about: `Most cycles, ${OF_STAGE}`,
});
export const LATENCY_COUNT: Register = each(STAGES, "LATENCY_COUNT", 0x0c, {
  access: "ro",
  about: `How many went through, ${OF_STAGE}`,
});

const SLOTS: Block = { base: 0x0800, stride: 0x10, count: SLOT_COUNT };

export const SLOT_FILTER: FieldedRegister<"LOCATE" | "CHANNEL" | "VALID"> = each(SLOTS, "SLOT_FILTER", 0x00, {
  access: "reserved",
  fields: {
    LOCATE: bits(15, 0, "rw", "Stock locate that the slot follows."),
    CHANNEL: bits(17, 16, "rw", "Channel that its events go to."),
    VALID: bit(31, "rw"),
  },
  about:
    "The stock of a slot. Where two slots name one stock, the lower one follows it. Empties the slot's book entry.",
});
export const COLLAR_LOW: Register = each(SLOTS, "COLLAR_LOW", 0x04, {
  access: "rw",
  about: "Lowest price of an order for the slot, in the feed's unit.",
});
export const COLLAR_HIGH: Register = each(SLOTS, "COLLAR_HIGH", 0x08, {
  access: "rw",
  about: "Highest price; 0 after a reset, so that no order passes before a collar is set.",
});

export const CHANNEL_REGISTERS: readonly Register[] = [
  CHANNEL_RING_LOW,
  CHANNEL_RING_HIGH,
  CHANNEL_SIZE,
  CHANNEL_CONTROL,
  CHANNEL_CONSUMER,
  CHANNEL_PRODUCER,
  CHANNEL_DROPPED,
  CHANNEL_INTERRUPT,
  LATENCY_LAST,
  LATENCY_MIN,
  LATENCY_MAX,
  LATENCY_COUNT,
  SLOT_FILTER,
  COLLAR_LOW,
  COLLAR_HIGH,
];
