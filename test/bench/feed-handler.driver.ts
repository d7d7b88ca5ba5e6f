/** Driver side of the feed handler's figures: takes every event while a session goes through the card flat out. */
import { performance } from "node:perf_hooks";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { type HeapFigures, HeapWatch } from "./heap-watch.ts";

export interface FeedHandlerJob {
  readonly frameCount: number;
  readonly warmUpCount: number;
  readonly stockCount: number;
  /** See FeedBlastOptions. */
  readonly quota: SharedArrayBuffer;
}

export interface FeedHandlerFigures {
  readonly messagesPerSecond: number;
  readonly eventsPerSecond: number;
  readonly messageCount: number;
  readonly eventCount: number;
  readonly heap: HeapFigures;
}

const MESSAGES = 0x0038;
const LINE_PACKETS = 0x0088;
/** Looks in vain between two looks at how far the card is. */
const EMPTY_POLLS_PER_LOOK = 200;
const LOOK_LIMIT = 10_000_000;

export default async function runFeedHandler(
  [pci]: readonly PciFunction[],
  argument: unknown,
): Promise<FeedHandlerFigures> {
  if (pci === undefined) throw new Error("no device");
  const { frameCount, warmUpCount, stockCount, quota } = argument as FeedHandlerJob;
  const stocks = Array.from({ length: stockCount }, (_, stock) => stock + 1);
  const driver = FeedHandlerDriver.probe(pci, { stocks, whenFull: "stall" });
  const allowed = new Int32Array(quota);
  const event = new Uint32Array(8);

  /** Takes events until the card has handled so many frames in all; returns how many events there were. */
  const take = (frames: number): number => {
    Atomics.store(allowed, 0, frames);
    let [events, empty, looks] = [0, 0, 0];
    for (;;) {
      const lost = driver.receive(event);
      if (lost > 0) throw new Error(`${lost} events were lost`);
      if (lost === 0) events++;
      else if (++empty % EMPTY_POLLS_PER_LOOK === 0) {
        // The read brings the events before it with it.
        if (driver.bar.read32(LINE_PACKETS) === frames && !driver.hasEvent()) return events;
        if (++looks > LOOK_LIMIT) throw new Error("the card does not come to an end");
      }
    }
  };

  // The card is on, and takes the first frame too: switching it on was posted.
  driver.bar.read32(MESSAGES);
  take(warmUpCount);
  await new Promise((resolve) => setImmediate(resolve));
  const heap = new HeapWatch();
  const messagesBefore = driver.bar.read32(MESSAGES);
  heap.start();
  const start = performance.now();
  const eventCount = take(frameCount);
  const seconds = (performance.now() - start) / 1000;
  heap.stop();
  await new Promise((resolve) => setImmediate(resolve));
  const messageCount = driver.bar.read32(MESSAGES) - messagesBefore;
  const figures = heap.figures();
  heap.close();
  driver.close();
  return {
    messagesPerSecond: messageCount / seconds,
    eventsPerSecond: eventCount / seconds,
    messageCount,
    eventCount,
    heap: figures,
  };
}
