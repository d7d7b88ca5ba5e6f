/** Orders and their limits at 0x0280, triggers at 0x0400, templates at 0x0600. */

import { bit, bits, type FieldedRegister, type Register, register } from "../../../emulator/registers/declare.ts";
import { type Block, each, TEMPLATE_COUNT, TRIGGER_COUNT } from "./shapes.ts";

export const ORDER_PRICE: Register = register("ORDER_PRICE", {
  offset: 0x0280,
  access: "rw",
  about: "Price of the order that the driver sends next.",
});
export const ORDER_SIZE: Register = register("ORDER_SIZE", {
  offset: 0x0284,
  access: "rw",
  about: "Its size.",
});
export const ORDER_DOORBELL: FieldedRegister<"TEMPLATE" | "SLOT"> = register("ORDER_DOORBELL", {
  offset: 0x0288,
  access: "reserved",
  fields: {
    TEMPLATE: bits(3, 0, "wo", "The frame to send."),
    SLOT: bits(13, 8, "wo", "The stock whose collar holds, and whose channel gets the report."),
  },
  mirror: "strobe",
  about: "Sends one order with ORDER_PRICE and ORDER_SIZE as they stand.",
});
export const ORDERS_PENDING: Register = register("ORDERS_PENDING", {
  offset: 0x028c,
  access: "ro",
  about: "Orders and decisions on their way: at 0, with all triggers disarmed, no template is in use.",
});
export const ORDERS_SENT: Register = register("ORDERS_SENT", {
  offset: 0x0290,
  access: "ro",
  about: "Orders that are on the wire, or were.",
});
export const ORDER_SEQUENCE: Register = register("ORDER_SEQUENCE", {
  offset: 0x0294,
  access: "rw",
  owner: "both",
  about: "Number that the next order gets. Counts up with each one that is sent.",
});
export const ORDER_LINE: FieldedRegister<"LINE"> = register("ORDER_LINE", {
  offset: 0x0298,
  access: "reserved",
  fields: { LINE: bit(0, "rw") },
  about: "Wire port on whose transmit side orders leave.",
});

export const KILL: FieldedRegister<"KILLED"> = register("KILL", {
  offset: 0x02a0,
  access: "reserved",
  fields: { KILLED: bit(0, "rw", "No order passes the last gate before the wire, whoever made it.") },
  reset: 1,
  about: "The kill switch, on after a reset. A posted write: it holds from its arrival on, which a read makes sure of.",
});
export const RISK_SIZE_MAX: Register = register("RISK_SIZE_MAX", {
  offset: 0x02a4,
  access: "rw",
  about: "Largest size of an order; 0 after a reset, so that none passes.",
});
export const RISK_ORDERS_MAX: Register = register("RISK_ORDERS_MAX", {
  offset: 0x02a8,
  access: "rw",
  about: "Orders in an interval; 0 after a reset.",
});
export const RISK_INTERVAL_NS: Register = register("RISK_INTERVAL_NS", {
  offset: 0x02ac,
  access: "rw",
  reset: 1_000_000,
  about: "Length of an interval. It begins with the first order after the one before has ended.",
});

/** Why an order was not sent, by index; the numbers are those of reports in the event ring. */
export const REJECT_NAMES: readonly string[] = ["kill", "size", "price", "rate", "gap", "busy", "template"];
export const REJECTED: Register = register("REJECTED", {
  offset: 0x02c0,
  count: REJECT_NAMES.length,
  access: "ro",
  about: "Orders stopped by 0 kill, 1 size, 2 price, 3 rate, 4 gap, 5 a full queue, 6 a template without a length.",
});

const TRIGGERS: Block = { base: 0x0400, stride: 0x20, count: TRIGGER_COUNT };

export const TRIGGER_CONTROL: FieldedRegister<"ARMED" | "REPEAT" | "SIDE" | "SLOT" | "TEMPLATE"> = each(
  TRIGGERS,
  "TRIGGER_CONTROL",
  0x00,
  {
    access: "reserved",
    fields: {
      ARMED: bit(0, "rw", "Looks at each new top of the book. Cleared by the card when it fires, unless REPEAT."),
      REPEAT: bit(1, "rw", "Stays armed."),
      SIDE: bit(2, "rw", "0 buys: fires on an offer at or below TRIGGER_PRICE. 1 sells: on a bid at or above it."),
      SLOT: bits(13, 8, "rw", "The stock."),
      TEMPLATE: bits(19, 16, "rw", "The frame to send."),
    },
    owner: "both",
    about: "What a trigger looks at, and what it sends. Write the rest of it first.",
  },
);
export const TRIGGER_PRICE: Register = each(TRIGGERS, "TRIGGER_PRICE", 0x04, {
  access: "rw",
  about: "Threshold for the price at the top of the other side.",
});
export const TRIGGER_SIZE_MIN: Register = each(TRIGGERS, "TRIGGER_SIZE_MIN", 0x08, {
  access: "rw",
  about: "Size that has to be there at least.",
});
export const TRIGGER_ORDER_SIZE: Register = each(TRIGGERS, "TRIGGER_ORDER_SIZE", 0x0c, {
  access: "rw",
  about: "Size of the order. Its price is the one that was seen.",
});
export const TRIGGER_FIRED: Register = each(TRIGGERS, "TRIGGER_FIRED", 0x10, {
  access: "ro",
  about: "How often it has fired.",
});

const TEMPLATES: Block = { base: 0x0600, stride: 0x10, count: TEMPLATE_COUNT };

export const TEMPLATE_FRAME: FieldedRegister<"LENGTH" | "CHECKSUMS"> = each(TEMPLATES, "TEMPLATE_FRAME", 0x00, {
  access: "reserved",
  fields: {
    LENGTH: bits(9, 0, "rw", "Bytes of the frame without FCS, 60 to 512; 0: no frame."),
    CHECKSUMS: bit(31, "rw", "Computes the UDP or TCP checksum anew after patching."),
  },
  about: "The frame in the template's part of BAR2.",
});

const place = (name: string, offset: number, about: string): FieldedRegister<"OFFSET"> =>
  each(TEMPLATES, name, offset, { access: "reserved", fields: { OFFSET: bits(9, 0, "rw") }, about });

export const TEMPLATE_PRICE_AT: FieldedRegister<"OFFSET"> = place(
  "TEMPLATE_PRICE_AT",
  0x04,
  "Offset in the frame of the price, 4 bytes big-endian; 0: not patched.",
);
export const TEMPLATE_SIZE_AT: FieldedRegister<"OFFSET"> = place("TEMPLATE_SIZE_AT", 0x08, "The same for the size.");
export const TEMPLATE_SEQUENCE_AT: FieldedRegister<"OFFSET"> = place(
  "TEMPLATE_SEQUENCE_AT",
  0x0c,
  "The same for the order's number.",
);

export const ORDER_REGISTERS: readonly Register[] = [
  ORDER_PRICE,
  ORDER_SIZE,
  ORDER_DOORBELL,
  ORDERS_PENDING,
  ORDERS_SENT,
  ORDER_SEQUENCE,
  ORDER_LINE,
  KILL,
  RISK_SIZE_MAX,
  RISK_ORDERS_MAX,
  RISK_INTERVAL_NS,
  REJECTED,
  TRIGGER_CONTROL,
  TRIGGER_PRICE,
  TRIGGER_SIZE_MIN,
  TRIGGER_ORDER_SIZE,
  TRIGGER_FIRED,
  TEMPLATE_FRAME,
  TEMPLATE_PRICE_AT,
  TEMPLATE_SIZE_AT,
  TEMPLATE_SEQUENCE_AT,
];
