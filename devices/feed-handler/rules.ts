/** What the feed handler minds beyond the rules of the machine. */

import { type Rule, ruleTable } from "../../emulator/sanitize/rule.ts";

export const FEED_HANDLER_RULES: readonly Rule[] = ruleTable("violation", {
  "channel-without-ring": [
    "Enables a channel whose ring is not described.",
    "The channel stays off.",
    "Write CHANNEL_RING and CHANNEL_SIZE first.",
  ],
  "ring-changed-while-enabled": [
    "Changes base or length of a ring in use.",
    "The card goes on with the old ring, or writes its next event elsewhere.",
    "Disable the queue or channel first.",
  ],
  "consumer-out-of-range": [
    "Takes back events that it has not got, or goes back.",
    "The card ignores the write.",
    "Count up what was read, no further than the phase bit shows.",
  ],
  "template-in-use": [
    "Writes an order template that an armed trigger sends.",
    "The card sends old bytes, new ones or some of each.",
    "Disarm, read back, wait for ORDERS_PENDING = 0, then write.",
  ],
  "book-written": [
    "Writes where the card keeps the book.",
    "The card ignores the write.",
    "Templates begin at 0x4000.",
  ],
});
