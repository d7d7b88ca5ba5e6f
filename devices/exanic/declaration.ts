/** What the machine has to know of the card before it runs, and what can be chosen about it. */

import { checkOptionNames, type OptionNames } from "../../emulator/option-names.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { RX_CHUNK_COUNT } from "./chunks.ts";
import { DMA_LAYOUTS } from "./dma-layouts.ts";
import { BAR0_BYTE_LENGTH, EXANIC_REGISTER_MAP, PORT_COUNT, TX_REGION_BYTE_LENGTH } from "./registers.ts";
import { EXANIC_RULES } from "./rules.ts";

export interface ExanicOptions {
  /** Address of port 0; port 1 has the next one. Default 64:3f:5f:01:02:30. */
  readonly macAddress?: string;
  /** From power-on or a function-level reset until FEATURE_CFG.HW_STARTUP reads 0, in nanoseconds. Default 1 ms. */
  readonly startupNs?: number;
  /** From the write of PORT_ENABLED until the link is up, in nanoseconds. Default 2 ms. */
  readonly linkUpNs?: number;
  /**
   * Chunks in a receive region, a power of two from 4 to 16,384. The card has 16,384, and drivers rely on it; a search of
   * the orders of events needs a region that is lapped in a few steps.
   */
  readonly chunkCount?: number;
}

/** Timers, by number: the start-up of the card, then one of each kind for each port. */
export const STARTUP_TIMER = 0;
export const LINK_TIMER = 1;
export const CHUNK_TIMER: number = LINK_TIMER + PORT_COUNT;
export const TRANSMIT_TIMER: number = CHUNK_TIMER + PORT_COUNT;
const TIMER_COUNT: number = TRANSMIT_TIMER + PORT_COUNT;

export const GIGABITS_PER_SECOND = 10;

/** What the card says only because one write came before another. */
const ORDER_RULES = ["port-without-region", "region-changed-while-enabled", "transmit-on-disabled-port"] as const;

const OPTION_NAMES: OptionNames<ExanicOptions> = {
  macAddress: true,
  startupNs: true,
  linkUpNs: true,
  chunkCount: true,
};

/** Throws RangeError for an option that there is not, and a number of chunks that no region has. */
export function declaration(options: ExanicOptions = {}): DeviceDeclaration {
  checkOptionNames("exanic", options, OPTION_NAMES);
  const { chunkCount = RX_CHUNK_COUNT } = options;
  if (!(chunkCount >= 4 && chunkCount <= RX_CHUNK_COUNT && Number.isInteger(Math.log2(chunkCount)))) {
    throw new RangeError(`exanic: chunkCount is ${chunkCount}; want a power of two from 4 to ${RX_CHUNK_COUNT}`);
  }
  return {
    name: "exanic",
    about: "ExaNIC X10: two ports that stream into lossy rings, steering, hardware time",
    identity: { vendorId: 0x1ce4, deviceId: 0x0003, revisionId: 0x00, classCode: 0x020000 },
    bars: [
      { index: 0, byteLength: BAR0_BYTE_LENGTH, kind: "memory32", about: "registers" },
      { index: 2, byteLength: TX_REGION_BYTE_LENGTH, kind: "memory32", prefetchable: true, about: "TX region" },
    ],
    registerMaps: { 0: EXANIC_REGISTER_MAP },
    rules: EXANIC_RULES,
    orderRules: ORDER_RULES,
    dmaLayouts: DMA_LAYOUTS,
    timerCount: TIMER_COUNT,
    wirePortCount: PORT_COUNT,
    gigabitsPerSecond: GIGABITS_PER_SECOND,
  };
}
