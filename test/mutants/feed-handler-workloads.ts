/** What the feed handler's driver and its mutants are put through: a few ticks each, with what must hold whatever the order. */
import { feedHandler } from "../../devices/feed-handler/index.ts";
import { BOOK_FAULTS } from "../../devices/feed-handler/registers.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { ItchBook } from "../../emulator/wire/books/itch-book.ts";
import { ASK, BID, NO_LEVEL } from "../../emulator/wire/books/price-ladders.ts";
import type { ExploredBed } from "../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import type { FeedHandlerDriver as Driver, TopOfBook } from "../../scenarios/drivers/feed-handler.ts";
import { TickFeed } from "../../scenarios/explorations/tick-feed.ts";

export type FeedWorkload =
  | "feed-book"
  | "feed-time"
  | "feed-events"
  | "feed-lines"
  | "feed-interrupts"
  | "feed-template"
  | "feed-rearm"
  | "feed-kill"
  | "feed-order"
  | "feed-close";

export const FEED_WORKLOADS: readonly FeedWorkload[] = [
  "feed-book",
  "feed-time",
  "feed-events",
  "feed-lines",
  "feed-interrupts",
  "feed-template",
  "feed-rearm",
  "feed-kill",
  "feed-order",
  "feed-close",
];

const LOCATE = 7;
const SLOT = 0;
const RING_LOG2 = 1;
const WAIT_MS = 100;
/** In word 0 of an event: the book is behind a gap. */
const EVENT_GAP = 1 << 25;
const LIMITS = { orderSizeMax: 1000, ordersMax: 100, intervalNs: 1_000_000 } as const;
/** An order that has to go out as one of these two, never as something between. */
const OLD_FRAME = orderFrame(0x11);
const NEW_FRAME = orderFrame(0x22);
/** Prices of the ticks are about 100: neither of these two fires, and half of each would. */
const LOW_BUY = { slot: SLOT, side: "buy", price: 50, sizeMin: 1, orderSize: 10, template: 0, repeat: true } as const;
const HIGH_SALE = { ...LOW_BUY, side: "sell", price: 900 } as const;
const RULE = { slot: SLOT, side: "buy", price: 500, sizeMin: 1, orderSize: 10, template: 0, repeat: true } as const;
const TRADING: readonly FeedWorkload[] = ["feed-template", "feed-rearm", "feed-kill", "feed-order"];
/** Stages without latency: everything that the card does can happen at any moment. */
const AT_ONCE = { arbitrationNs: 0, parseNs: 0, bookNs: 0, triggerNs: 0, transmitNs: 0 } as const;

/** A session that searches one workload with the given driver. */
export async function feedSession(workload: FeedWorkload, FeedHandlerDriver: typeof Driver): Promise<PluggedSession> {
  const device = await loadDevice(feedHandler({ ...AT_ONCE, orderCapacity: 64, locateCount: 16 }));
  return new PluggedSession<Driver>([device], {
    setup: (bed) => {
      const driver = FeedHandlerDriver.probe(bed.pci, {
        stocks: [LOCATE],
        ringSizeLog2: workload === "feed-events" ? RING_LOG2 : 4,
        whenFull: "stall",
        interrupts: workload === "feed-interrupts" ? "msix" : "none",
      });
      if (TRADING.includes(workload)) {
        driver.setCollar(SLOT, 1, 1000);
        driver.allowOrders(LIMITS);
        driver.loadTemplate(0, { frame: OLD_FRAME, priceAt: 42 });
        if (workload === "feed-rearm") driver.arm(0, LOW_BUY);
        else if (workload !== "feed-order") driver.arm(0, RULE);
      }
      // The card begins with the first packet that it sees, on either line.
      if (workload === "feed-lines") send(bed, ticks(1).frames);
      return driver;
    },
    body: BODIES[workload],
  }) as PluggedSession;
}

const BODIES: Readonly<Record<FeedWorkload, (bed: ExploredBed, driver: Driver) => void>> = {
  /** Whatever is read was the top of the book at one time, and belongs to the message that it names. */
  "feed-book": (bed, driver) => {
    const { frames, tops } = ticks(2);
    const top: TopOfBook = { bidPrice: -1, bidSize: -1, askPrice: -1, askSize: -1, message: -1 };
    send(bed, frames);
    for (let read = 0; read < 2; read++) {
      driver.readTop(SLOT, top);
      expectTop(top, tops);
    }
    bed.quiesce();
    driver.readTop(SLOT, top);
    expectTop(top, tops.slice(-1));
  },

  "feed-time": (bed, driver) => {
    const feed = new TickFeed(LOCATE);
    // The lower half runs over between the two.
    const times = [2 ** 33 - 1, 2 ** 33 + 5];
    for (const [index, stampNs] of times.entries()) {
      feed.stampNs = stampNs;
      send(bed, [feed.add("B", index + 1, 10, 100 + index)]);
    }
    for (let read = 0; read < 2; read++) {
      const seen = driver.readFeedTimeNs();
      if (seen !== 0 && !times.includes(seen)) throw new Error(`${seen} ns is no time of the feed: it was torn`);
    }
    bed.quiesce();
  },

  /** More than two laps of a ring of two: each event arrives once, in order and whole. */
  "feed-events": (bed, driver) => {
    const { frames, tops } = ticks(5);
    send(bed, frames);
    receive(bed, driver, tops);
    bed.quiesce();
    if (driver.hasEvent()) throw new Error("an event came twice");
  },

  /**
   * Each line has lost another tick. What one fills for the other comes in time, or the card says that there is a gap; each
   * event comes once, in order, and without a gap all of them.
   */
  "feed-lines": (bed, driver) => {
    const { frames, tops } = ticks(4);
    const [, second, third, fourth] = frames as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    send(bed, [second, fourth], [third, fourth]);
    const event = new Uint32Array(8);
    let last = 0;
    let hasGap = false;
    const take = (): void => {
      for (let lost = driver.receive(event); lost >= 0; lost = driver.receive(event)) {
        const message = event[1] as number;
        if (lost > 0 || message <= last) throw new Error(`event of message ${message} behind that of ${last}`);
        hasGap ||= ((event[0] as number) & EVENT_GAP) !== 0;
        if (message > last + 1 && !hasGap) throw new Error(`no event of message ${last + 1}, and no gap`);
        if (!hasGap) expectEvent(event, tops[message] as TopOfBook);
        last = message;
      }
    };
    for (let look = 0; look < 3; look++) {
      take();
      bed.pci.cpu.relax();
    }
    bed.quiesce();
    // The read brings along whatever was written before it.
    const cardHasGap = driver.hasGap();
    take();
    // Behind a gap the book has nothing that the next ticks could change.
    if (last !== frames.length && !cardHasGap) throw new Error(`the last event is that of message ${last}`);
    const faults = driver.bar.read32(BOOK_FAULTS.at());
    if (faults > 0 && !cardHasGap) throw new Error(`${faults} ticks did not fit the book: one was applied twice`);
    if (hasGap && !cardHasGap) throw new Error("an event is behind a gap that the card does not know of");
  },

  "feed-interrupts": (bed, driver) => {
    const { frames, tops } = ticks(2);
    send(bed, frames);
    const event = new Uint32Array(8);
    for (const top of tops.slice(1)) {
      const before = bed.pci.cpu.nowNs();
      if (!driver.waitForEvent(WAIT_MS)) throw new Error("waited in vain");
      if (bed.pci.cpu.nowNs() - before > (WAIT_MS * 1e6) / 2) throw new Error("the interrupt was lost");
      if (driver.receive(event) !== 0) throw new Error("events were lost");
      expectEvent(event, top);
    }
  },

  /** A template is rewritten while ticks come in that set off its trigger. */
  "feed-template": (bed, driver) => {
    const { frames } = ticks(2);
    send(bed, frames);
    driver.loadTemplate(0, { frame: NEW_FRAME, priceAt: 42 });
    driver.arm(0, RULE);
    bed.quiesce();
    for (const frame of bed.wire.sent) expectOrder(frame, [OLD_FRAME, NEW_FRAME], 42);
  },

  /** A trigger gets another rule while ticks come in: it fires by the old one or by the new one, and here by neither. */
  "feed-rearm": (bed, driver) => {
    send(bed, ticks(2).frames);
    driver.arm(0, HIGH_SALE);
    bed.quiesce();
    if (bed.wire.sent.length > 0) throw new Error("an order went out by half of each rule");
  },

  /** Nothing leaves once `kill` has returned. */
  "feed-kill": (bed, driver) => {
    send(bed, ticks(2).frames);
    driver.kill();
    const sentCount = bed.wire.sent.length;
    bed.quiesce();
    if (bed.wire.sent.length !== sentCount) throw new Error("an order left after the kill switch");
  },

  "feed-order": (bed, driver) => {
    driver.loadTemplate(1, { frame: NEW_FRAME, priceAt: 42 });
    driver.sendOrder(1, SLOT, 300, 5);
    bed.quiesce();
    if (bed.wire.sent.length !== 1) throw new Error(`${bed.wire.sent.length} orders were sent`);
    for (const frame of bed.wire.sent) {
      expectOrder(frame, [NEW_FRAME], 42);
      if (priceOf(frame, 42) !== 300) throw new Error(`the order's price is ${priceOf(frame, 42)}`);
    }
  },

  "feed-close": (bed, driver) => {
    send(bed, ticks(2).frames);
    driver.hasEvent();
    driver.close();
    bed.quiesce();
    if (bed.pci.dma.mappingCount !== 0) throw new Error("close has left mappings");
  },
};

/** What comes in on lines A and B: the same, unless something else is said. */
function send(bed: ExploredBed, lineA: readonly Uint8Array[], lineB: readonly Uint8Array[] = lineA): void {
  for (const frame of lineA) bed.wireOf(0, 0).send(frame);
  for (const frame of lineB) bed.wireOf(0, 1).send(frame);
}

/** An offer, then one that replaces it at another price and size, and so on; with the top of the book behind each. */
function ticks(count: number): { frames: Uint8Array[]; tops: TopOfBook[] } {
  const feed = new TickFeed(LOCATE);
  const book = new ItchBook({ instrumentCount: 16, orderCapacity: 64, levelCapacity: 64 });
  const frames: Uint8Array[] = [];
  const tops: TopOfBook[] = [{ bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 }];
  for (let tick = 0; tick < count; tick++) {
    const [size, price] = [10 + tick, 100 + 3 * tick];
    frames.push(tick === 0 ? feed.add("S", 1, size, price) : feed.replace(tick, tick + 1, size, price));
    const message = feed.messages.at(-1) as Uint8Array;
    book.apply(message, 0, message.length);
    tops.push({ ...topOf(book), message: tick + 1 });
  }
  return { frames, tops };
}

function topOf({ book: { levels } }: ItchBook): Omit<TopOfBook, "message"> {
  const [bid, ask] = [levels.best(LOCATE, BID), levels.best(LOCATE, ASK)];
  return {
    bidPrice: bid === NO_LEVEL ? 0 : levels.priceOf(bid),
    bidSize: bid === NO_LEVEL ? 0 : levels.sizeOf(bid),
    askPrice: ask === NO_LEVEL ? 0 : levels.priceOf(ask),
    askSize: ask === NO_LEVEL ? 0 : levels.sizeOf(ask),
  };
}

function expectTop(top: TopOfBook, among: readonly TopOfBook[]): void {
  const text = JSON.stringify(top);
  if (!among.some((each) => JSON.stringify(each) === text)) throw new Error(`${text} was never the top of the book`);
}

function receive(bed: ExploredBed, driver: Driver, tops: readonly TopOfBook[]): void {
  const event = new Uint32Array(8);
  for (const top of tops.slice(1)) {
    let lost = driver.receive(event);
    for (; lost < 0; lost = driver.receive(event)) bed.pci.cpu.relax();
    if (lost > 0) throw new Error(`${lost} events were lost although the ring stalls`);
    expectEvent(event, top);
  }
}

function expectEvent(event: Uint32Array, top: TopOfBook): void {
  const [, message, bidPrice, bidSize, askPrice, askSize] = event;
  const seen = JSON.stringify({ bidPrice, bidSize, askPrice, askSize, message });
  if (seen !== JSON.stringify(top)) throw new Error(`event ${seen}, not ${JSON.stringify(top)}`);
}

function orderFrame(fill: number): Uint8Array {
  return new Uint8Array(64).fill(fill);
}

function priceOf(frame: Uint8Array, priceAt: number): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(priceAt);
}

/** One of the frames, but for the four bytes of the price. */
function expectOrder(frame: Uint8Array, whole: readonly Uint8Array[], priceAt: number): void {
  const isOne = whole.some((each) =>
    each.every((byte, at) => (at >= priceAt && at < priceAt + 4) || byte === frame[at]),
  );
  if (!isOne || frame.length !== 64) throw new Error(`an order went out that is in no template: ${frame}`);
}
