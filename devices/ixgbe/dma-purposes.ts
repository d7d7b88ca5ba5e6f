/** What the card's DMA is for, in words: looked up from the rings when a finding asks. */

import type { DmaDescription } from "../../emulator/pcie/device-model.ts";
import {
  LEGACY_RECEIVED_LAYOUT,
  RECEIVE_LAYOUT,
  RECEIVED_LAYOUT,
  TRANSMIT_LAYOUT,
  TRANSMITTED_LAYOUT,
} from "./dma-layouts.ts";
import { OFF, QUEUE_COUNT, type Rings } from "./queues.ts";

export type Direction = "receive" | "transmit";

/** A card is not told that a posted write went nowhere. */
const UNNOTICED = "it does not learn of it and goes on";

/** The fetch of descriptors that a queue waits for. */
export function describeFetch(direction: Direction, rings: Rings, queue: number): DmaDescription {
  const count = rings.fetching[queue] as number;
  const next = (rings.next[queue] as number) || (rings.slotCount[queue] as number);
  const name = count === 1 ? `descriptor ${next - 1}` : `descriptors ${next - count}–${next - 1}`;
  const layout = direction === "receive" ? RECEIVE_LAYOUT : TRANSMIT_LAYOUT;
  return { purpose: `${name} of ${direction} queue ${queue}`, outcome: haltOf(direction, queue), layout };
}

/** The data of the transmit frame whose last descriptor is `last`. */
export function describeData(queue: number, last: number): DmaDescription {
  const purpose = `the data of the frame that ends in descriptor ${last} of transmit queue ${queue}`;
  return { purpose, outcome: haltOf("transmit", queue) };
}

/**
 * A write that the card is making: by its address, a descriptor that is written back, or a received frame. `isLegacy` says
 * in which format a receive queue writes back.
 */
export function describeWrite(
  receive: Rings,
  transmit: Rings,
  high: number,
  low: number,
  isLegacy: (queue: number) => boolean,
): DmaDescription | undefined {
  const address = addressOf(high, low);
  const received = (queue: number): string => (isLegacy(queue) ? LEGACY_RECEIVED_LAYOUT : RECEIVED_LAYOUT);
  return (
    writeBack("receive", receive, address, received) ??
    writeBack("transmit", transmit, address, () => TRANSMITTED_LAYOUT) ??
    receivedFrame(receive, high, low)
  );
}

function writeBack(
  direction: Direction,
  rings: Rings,
  address: number,
  layoutOf: (queue: number) => string,
): DmaDescription | undefined {
  for (let queue = 0; queue < QUEUE_COUNT; queue++) {
    if (rings.state[queue] === OFF) continue;
    const base = addressOf(rings.baseHigh[queue] as number, rings.baseLow[queue] as number);
    const index = Math.floor((address - base) / 16);
    if (index < 0 || index >= (rings.slotCount[queue] as number)) continue;
    const purpose = `the write-back of descriptor ${index} of ${direction} queue ${queue}`;
    return { purpose, outcome: UNNOTICED, layout: layoutOf(queue) };
  }
  return undefined;
}

/** The frame goes to the buffer of the oldest descriptor on the card. */
function receivedFrame(rings: Rings, high: number, low: number): DmaDescription | undefined {
  for (let queue = 0; queue < QUEUE_COUNT; queue++) {
    if (rings.state[queue] === OFF || rings.cached[queue] === 0) continue;
    const at = rings.cacheAt(queue, 0);
    if (rings.cache[at] !== low || rings.cache[at + 1] !== high) continue;
    const slot = rings.firstCachedIndex(queue);
    const purpose = `a received frame, to the buffer of descriptor ${slot} of receive queue ${queue}`;
    return { purpose, outcome: UNNOTICED };
  }
  return undefined;
}

function haltOf(direction: Direction, queue: number): string {
  return `${direction} queue ${queue} is halted until it is disabled and enabled again, and EICR.PCI_EXCEPTION is set`;
}

function addressOf(high: number, low: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}
