/** What the edu minds beyond the rules of the machine. */

import { type Rule, ruleTable } from "../../emulator/sanitize/rule.ts";

export const EDU_RULES: readonly Rule[] = [
  ...ruleTable("violation", {
    "write-while-busy": [
      "Writes FACTORIAL or a DMA register while the card works on it.",
      "The card drops the write.",
      "Wait until the busy bit reads 0, or for the interrupt.",
    ],
    "dma-outside-buffer": [
      "Asks for a transfer that leaves the card's buffer.",
      "Nothing is moved, and the transfer is reported as complete.",
      "Split the transfer; mind the direction bit.",
    ],
    "dma-address-bits-lost": [
      "Gives an address with more bits than the card drives.",
      "The card accesses another place.",
      "Set the function's DMA mask before allocating.",
    ],
  }),
  ...ruleTable("note", {
    "factorial-while-computing": [
      "Reads FACTORIAL while the card computes it.",
      "It holds n, and not n! yet.",
      "Wait until STATUS.COMPUTING reads 0, or for the interrupt.",
    ],
    "command-without-start": [
      "Writes DMA_COMMAND without its start bit.",
      "The card ignores the write.",
      "Write direction and interrupt bits together with bit 0.",
    ],
  }),
];
