/** What the ExaNIC minds beyond the rules of the machine. */

import { type Rule, ruleTable } from "../../emulator/sanitize/rule.ts";

const NOTHING_SENT = "The card sends nothing.";

export const EXANIC_RULES: readonly Rule[] = ruleTable("violation", {
  "write-during-startup": [
    "Writes a register while the card starts up.",
    "The write is lost.",
    "Wait until FEATURE_CFG bit 17 reads 0.",
  ],
  "region-misaligned": [
    "Gives a region that does not begin on a page.",
    "The card takes the page that it lies in.",
    "Allocate regions at multiples of 4096.",
  ],
  "address-format": [
    "Says of an address that it has 32 bits when it has 64, or the other way.",
    "The card drops the upper half, or makes a request that PCI Express does not have.",
    "Set bit 0 exactly when the address lies below 4 GiB.",
  ],
  "port-without-region": [
    "Enables a port without a receive region.",
    "The card drops what comes in.",
    "Write PORT_RX_DMA_BASE_HI and _LO first.",
  ],
  "region-changed-while-enabled": [
    "Moves the region of an enabled port.",
    "The card takes it, or goes on with the old one.",
    "Disable the port first.",
  ],
  "rule-buffer": [
    "Steers to a buffer that the port does not have.",
    "The card takes another buffer.",
    "Read NUM_FILTER_BUFFERS.",
  ],
  "hash-config": [
    "Asks for a hash over buffers that are not there.",
    "Frames go to buffers that the driver may not have.",
    "The mask is a power of two, less one.",
  ],
  "interrupt-without-msi": ["Asks for an interrupt while MSI is off.", "It is lost.", "Enable MSI first."],
  "transmit-on-disabled-port": ["Sends through a port that is not enabled.", NOTHING_SENT, "Enable the port."],
  "transmit-outside-region": [
    "Names a chunk outside the port's part of the region.",
    NOTHING_SENT,
    "Add PORT_TX_REGION_OFFSET.",
  ],
  "transmit-misaligned": ["Names a chunk that is not at a multiple of 8.", NOTHING_SENT, "Align chunks."],
  "transmit-queue-full": ["Sends faster than the card takes commands.", NOTHING_SENT, "Wait for feedback."],
  "transmit-type": ["Asks for a type of chunk that the card does not send.", NOTHING_SENT, "Raw frames are type 1."],
  "transmit-length": [
    "Gives a chunk a length that cannot be.",
    NOTHING_SENT,
    "Count padding and frame, without header and FCS.",
  ],
  "transmit-feedback-slot": [
    "Asks for feedback in a slot that the page does not have.",
    "The frame leaves, and nobody is told.",
    "Slots are 0 to 255.",
  ],
  "transmit-chunk-changed": [
    "Writes to a chunk that waits or is being sent.",
    "The card sends half of each.",
    "Wait for the chunk's feedback, or that of a later one.",
  ],
});
