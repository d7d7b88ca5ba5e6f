/** The card as a whole and its two lines: 0x0000 to 0x00ff. */

import { bit, bits, type FieldedRegister, type Register, register } from "../../../emulator/registers/declare.ts";
import {
  type Block,
  CHANNEL_COUNT,
  CLOCK_HZ,
  each,
  LINE_COUNT,
  SLOT_COUNT,
  TEMPLATE_COUNT,
  TRIGGER_COUNT,
} from "./shapes.ts";

export const IDENTIFICATION: Register = register("IDENTIFICATION", {
  offset: 0x0000,
  access: "ro",
  reset: 0x3130_4846,
  about: 'The letters "FH01", the first one lowest.',
});

export const CAPABILITIES: FieldedRegister<"CHANNELS" | "LINES" | "SLOTS" | "TEMPLATES" | "TRIGGERS"> = register(
  "CAPABILITIES",
  {
    offset: 0x0004,
    access: "ro",
    fields: {
      CHANNELS: bits(3, 0),
      LINES: bits(7, 4),
      SLOTS: bits(15, 8),
      TEMPLATES: bits(23, 16),
      TRIGGERS: bits(31, 24),
    },
    reset: CHANNEL_COUNT | (LINE_COUNT << 4) | (SLOT_COUNT << 8) | (TEMPLATE_COUNT << 16) | (TRIGGER_COUNT << 24),
    about: "How many there are of each part.",
  },
);

export const CONTROL: FieldedRegister<"ENABLE" | "RESET" | "CLEAR_BOOK"> = register("CONTROL", {
  offset: 0x0008,
  access: "reserved",
  fields: {
    ENABLE: bit(0, "rw", "Takes frames from the lines. While it is 0 they are counted in LINE_DROPPED."),
    RESET: bit(1, "sc", "Brings the card to where power-on does. At once; what it has posted before still lands."),
    CLEAR_BOOK: bit(
      2,
      "sc",
      "Forgets the books, what is in the pipeline, the session and sequence, and STATUS.GAP, in one step.",
    ),
  },
  owner: "both",
  about: "The card's switch, its reset, and the new start after a gap.",
});

export const STATUS: FieldedRegister<"BUSY" | "GAP" | "STALLED"> = register("STATUS", {
  offset: 0x000c,
  access: "ro",
  fields: {
    BUSY: bit(0, "ro", "Something is in the pipeline, or waits behind a hole in the sequence."),
    GAP: bit(1, "w1c", "Messages were lost for good: the book is not to be trusted, and no trigger fires."),
    STALLED: bit(2, "ro", "A channel with STALL is full and holds the pipeline."),
  },
  owner: "both",
  about: "What the pipeline does.",
});

export const TIME_LOW: Register = register("TIME_LOW", {
  offset: 0x0010,
  access: "ro",
  about: "Cycles since power-on or reset, bits 31–0. Two reads: may be torn (data sheet, Time).",
});

export const TIME_HIGH: Register = register("TIME_HIGH", {
  offset: 0x0014,
  access: "ro",
  about: "The same, bits 63–32. Not latched by a read of TIME_LOW.",
});

export const FEED_TIME_LOW: Register = register("FEED_TIME_LOW", {
  offset: 0x0018,
  access: "ro",
  about: "Exchange time of the last message of a followed stock, ns since midnight, bits 31–0. May be torn as TIME is.",
});

export const FEED_TIME_HIGH: Register = register("FEED_TIME_HIGH", {
  offset: 0x001c,
  access: "ro",
  about: "The same, bits 47–32.",
});

export const CLOCK_FREQUENCY: Register = register("CLOCK_FREQUENCY", {
  offset: 0x0020,
  access: "ro",
  reset: CLOCK_HZ,
  about: "Cycles a second.",
});

export const NEXT_SEQUENCE_LOW: Register = register("NEXT_SEQUENCE_LOW", {
  offset: 0x0024,
  access: "ro",
  about: "The sequence that the arbiter waits for, bits 31–0; 0 until the first packet. May be torn as TIME is.",
});

export const NEXT_SEQUENCE_HIGH: Register = register("NEXT_SEQUENCE_HIGH", {
  offset: 0x0028,
  access: "ro",
  about: "The same, bits 63–32.",
});

export const GAP_COUNT: Register = register("GAP_COUNT", {
  offset: 0x002c,
  access: "ro",
  about: "Holes in the sequence that neither line filled in time.",
});

export const GAP_MESSAGES: Register = register("GAP_MESSAGES", {
  offset: 0x0030,
  access: "ro",
  about: "Messages in these holes.",
});

export const GAP_WAIT_NS: Register = register("GAP_WAIT_NS", {
  offset: 0x0034,
  access: "rw",
  reset: 100_000,
  about: "How long a packet behind a hole waits for the other line to fill it.",
});

const total = (name: string, offset: number, about: string): Register =>
  register(name, { offset, access: "ro", about });

export const MESSAGES: Register = total("MESSAGES", 0x0038, "Messages that were parsed.");
export const FILTERED: Register = total("FILTERED", 0x003c, "Of these, those of stocks that no slot follows.");
export const MALFORMED: Register = total("MALFORMED", 0x0040, "Messages that are none of ITCH 5.0.");
export const BOOK_FAULTS: Register = total(
  "BOOK_FAULTS",
  0x0044,
  "Messages that the book could not follow: an unknown order, one order too many, a size of 0.",
);

const LINES: Block = { base: 0x0080, stride: 0x40, count: LINE_COUNT };

export const LINE_GROUP: Register = each(LINES, "LINE_GROUP", 0x00, {
  access: "rw",
  about: "IPv4 destination of the feed on this line, as a number; 0 takes any.",
});
export const LINE_PORT: FieldedRegister<"PORT"> = each(LINES, "LINE_PORT", 0x04, {
  access: "reserved",
  fields: { PORT: bits(15, 0, "rw") },
  about: "UDP destination port of the feed on this line; 0 takes any.",
});

const lineCounter = (name: string, offset: number, about: string): Register =>
  each(LINES, name, offset, { access: "ro", about });

export const LINE_PACKETS: Register = lineCounter("LINE_PACKETS", 0x08, "MoldUDP64 packets that came on this line.");
export const LINE_FIRST: Register = lineCounter("LINE_FIRST", 0x0c, "Messages whose first copy came on this line.");
export const LINE_DUPLICATES: Register = lineCounter("LINE_DUPLICATES", 0x10, "Messages that the other line had won.");
export const LINE_OTHER: Register = lineCounter(
  "LINE_OTHER",
  0x14,
  "Frames that are not the feed's, or of another session.",
);
export const LINE_BAD: Register = lineCounter(
  "LINE_BAD",
  0x18,
  "Frames with a wrong FCS, too long, or no whole packet.",
);
export const LINE_DROPPED: Register = lineCounter(
  "LINE_DROPPED",
  0x1c,
  "Frames that found the card off or its buffer full.",
);

export const CARD_REGISTERS: readonly Register[] = [
  IDENTIFICATION,
  CAPABILITIES,
  CONTROL,
  STATUS,
  TIME_LOW,
  TIME_HIGH,
  FEED_TIME_LOW,
  FEED_TIME_HIGH,
  CLOCK_FREQUENCY,
  NEXT_SEQUENCE_LOW,
  NEXT_SEQUENCE_HIGH,
  GAP_COUNT,
  GAP_MESSAGES,
  GAP_WAIT_NS,
  MESSAGES,
  FILTERED,
  MALFORMED,
  BOOK_FAULTS,
  LINE_GROUP,
  LINE_PORT,
  LINE_PACKETS,
  LINE_FIRST,
  LINE_DUPLICATES,
  LINE_OTHER,
  LINE_BAD,
  LINE_DROPPED,
];
