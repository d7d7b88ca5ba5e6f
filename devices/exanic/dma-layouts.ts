/** What the card writes into host memory beside the bytes of frames, as traces show it (fifo_if.h). */

import type { DmaLayout } from "../../emulator/pcie/dma-layout.ts";

/** Names that the descriptions of DMA use. */
export const INFO_LAYOUT = "info word";
export const FEEDBACK_LAYOUT = "feedback";

export const DMA_LAYOUTS: Readonly<Record<string, readonly DmaLayout[]>> = {
  [INFO_LAYOUT]: [
    {
      name: "receive info word",
      byteLength: 8,
      fields: {
        TIMESTAMP: { offset: 0, byteLength: 4 },
        STATUS: { offset: 4, byteLength: 1, high: 3, low: 0 },
        REGION: { offset: 4, byteLength: 1, high: 7, low: 4 },
        LENGTH: { offset: 5, byteLength: 1 },
        FILTER: { offset: 6, byteLength: 1 },
        GENERATION: { offset: 7, byteLength: 1 },
      },
    },
  ],
  [FEEDBACK_LAYOUT]: [{ name: "transmit feedback", byteLength: 2, fields: { ID: { offset: 0, byteLength: 2 } } }],
};
