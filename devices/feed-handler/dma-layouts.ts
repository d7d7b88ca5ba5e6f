/** The events as traces show them (data sheet, Events). */

import type { DmaField, DmaLayout } from "../../emulator/pcie/dma-layout.ts";

const word = (index: number, high = 31, low = 0): DmaField => ({ offset: 4 * index, byteLength: 4, high, low });
const TYPE = word(0, 23, 16);
const ENDING = { TIME: word(6), COUNT: word(7, 15, 0), LOST: word(7, 30, 16), PHASE: word(7, 31, 31) };

/** The name that the descriptions of DMA use. */
export const EVENT_LAYOUT = "event";

export const DMA_LAYOUTS: Readonly<Record<string, readonly DmaLayout[]>> = {
  [EVENT_LAYOUT]: [
    {
      name: "order event",
      byteLength: 32,
      fields: {
        LOCATE: word(0, 15, 0),
        TYPE,
        REASON: word(0, 31, 24),
        ORDER: word(1),
        PRICE: word(2),
        SIZE: word(3),
        TRIGGER: word(4),
        TEMPLATE: word(5),
        ...ENDING,
      },
      when: { field: TYPE, values: [1, 2] },
    },
    {
      name: "book event",
      byteLength: 32,
      fields: {
        LOCATE: word(0, 15, 0),
        TYPE,
        LINE: word(0, 24, 24),
        GAP: word(0, 25, 25),
        SEQUENCE: word(1),
        BID_PRICE: word(2),
        BID_SIZE: word(3),
        ASK_PRICE: word(4),
        ASK_SIZE: word(5),
        ...ENDING,
      },
    },
  ],
};
