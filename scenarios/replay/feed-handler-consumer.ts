/** What a replay into the feed handler runs on the driver's CPU: takes every event, and holds the card's book against them. */

import type { Bar, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { CardTerms, ReplayDriverResult } from "../../harness/replay/replay-report.ts";
import { type ReplayDriverArgument, ReplaySink } from "../../harness/replay/replay-sink.ts";
import { FeedHandlerDriver, type FeedHandlerDriverOptions, type TopOfBook } from "../drivers/feed-handler.ts";
import * as reg from "../drivers/feed-handler-registers.ts";

/** What the consumer can be asked for, as `driverOptions` of its target. */
export interface FeedHandlerConsumerOptions {
  readonly driver?: Partial<FeedHandlerDriverOptions>;
  /** Time that the consumer takes for every batch on top: a slow strategy. */
  readonly stallNs?: number;
}

/** Events between two looks at how many frames the card has taken. */
const BATCH = 64;
const LINE_NAMES = ["line A", "line B"];
/** The stocks that are followed when nobody says which: as many as the card has slots for. */
const FIRST_STOCKS: readonly number[] = Array.from({ length: reg.SLOT_COUNT }, (_, slot) => slot + 1);

export default function consume(functions: readonly PciFunction[], argument: ReplayDriverArgument): ReplayDriverResult {
  const [pci] = functions;
  if (pci === undefined) throw new Error("there is no PCI function to probe");
  const { driver: driverOptions, stallNs = 0 } = (argument.options ?? {}) as FeedHandlerConsumerOptions;
  const stocks = driverOptions?.stocks ?? FIRST_STOCKS;
  const driver = FeedHandlerDriver.probe(pci, { stocks, ...driverOptions });
  try {
    const sink = new ReplaySink(argument);
    const events = new EventTally(driver, stocks);
    const frames = new FrameCount(driver.bar);
    // The card is on when this read is answered: the first frame may come.
    frames.take(sink);
    sink.ready();
    while (!sink.isOver()) {
      const isDry = !events.take(BATCH);
      frames.take(sink);
      if (isDry) pci.cpu.relax();
      if (stallNs > 0) pci.cpu.delay(stallNs);
    }
    // All frames are in the card, and some may still be in its pipeline; the read brings along what came out of it.
    while ((driver.bar.read32(reg.STATUS) & reg.STATUS_BUSY) !== 0) {
      events.take(BATCH);
      pci.cpu.relax();
    }
    while (events.take(BATCH)) {
      // Until the ring is empty.
    }
    return { ...sink.report(), card: { ...feedTerms(driver.bar), ...events.terms() } };
  } finally {
    driver.close();
  }
}

/** The frames that have come in on both lines, as the card counts them: modulo 2^32. */
class FrameCount {
  readonly #bar: Bar;
  #count = 0;

  constructor(bar: Bar) {
    this.#bar = bar;
  }

  /** Tells the sink of those that have come since the last time. */
  take(sink: ReplaySink): void {
    let count = 0;
    for (let line = 0; line < LINE_NAMES.length; line++)
      for (const register of [reg.LINE_PACKETS, reg.LINE_OTHER, reg.LINE_BAD])
        count = (count + this.#bar.read32(register(line))) | 0;
    if (count === this.#count) return;
    sink.begin();
    sink.taken((count - this.#count) | 0);
    sink.end();
    this.#count = count;
  }
}

/** Takes events, and keeps of each stock the top of its book that the last one told. */
class EventTally {
  readonly #driver: FeedHandlerDriver;
  readonly #slotOf = new Map<number, number>();
  readonly #event = new Uint32Array(8);
  /** By slot: words 2 to 5 of the last event of its book. */
  readonly #tops: Uint32Array;
  #bookCount = 0;
  #orderCount = 0;
  #lostCount = 0;

  constructor(driver: FeedHandlerDriver, stocks: readonly number[]) {
    this.#driver = driver;
    for (const [slot, locate] of stocks.entries()) this.#slotOf.set(locate, slot);
    this.#tops = new Uint32Array(4 * stocks.length);
  }

  /** Takes so many events at most; false when there are none left. */
  take(limit: number): boolean {
    const event = this.#event;
    for (let taken = 0; taken < limit; taken++) {
      const lost = this.#driver.receive(event);
      if (lost < 0) return false;
      this.#lostCount += lost;
      const type = ((event[0] as number) >>> 16) & 0xff;
      if (type === reg.EVENT_ORDER_SENT || type === reg.EVENT_ORDER_STOPPED) {
        this.#orderCount++;
        continue;
      }
      this.#bookCount++;
      const slot = this.#slotOf.get((event[0] as number) & 0xffff);
      if (slot === undefined)
        throw new Error(`an event of stock ${(event[0] as number) & 0xffff}, which no slot follows`);
      for (let word = 0; word < 4; word++) this.#tops[4 * slot + word] = event[2 + word] as number;
    }
    return true;
  }

  terms(): CardTerms {
    const { bar } = this.#driver;
    const slots = [...this.#slotOf.values()];
    let stopped = 0;
    for (let reason = 0; reason < reg.REJECTED_COUNT; reason++) stopped += bar.read32(reg.REJECTED(reason));
    return {
      events: { "of books": this.#bookCount, "of orders": this.#orderCount, lost: this.#lostCount },
      books: {
        followed: slots.length,
        "with orders": slots.filter((slot) => this.#isQuoted(slot)).length,
        "unlike their last event": slots.filter((slot) => this.#differs(slot)).length,
        faults: bar.read32(reg.BOOK_FAULTS),
      },
      orders: { sent: bar.read32(reg.ORDERS_SENT), stopped },
    };
  }

  #isQuoted(slot: number): boolean {
    return (this.#tops[4 * slot + 1] as number) + (this.#tops[4 * slot + 3] as number) > 0;
  }

  /** Whether the card's table shows another top than the last event: where events were lost it may. */
  #differs(slot: number): boolean {
    const top: TopOfBook = { bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 };
    this.#driver.readTop(slot, top);
    const { bidPrice, bidSize, askPrice, askSize } = top;
    return [bidPrice, bidSize, askPrice, askSize].some((value, word) => this.#tops[4 * slot + word] !== value);
  }
}

function feedTerms(bar: Bar): CardTerms {
  const lines = LINE_NAMES.map((name, line) => {
    const counts = {
      packets: bar.read32(reg.LINE_PACKETS(line)),
      "messages first": bar.read32(reg.LINE_FIRST(line)),
      "messages again": bar.read32(reg.LINE_DUPLICATES(line)),
      "other frames": bar.read32(reg.LINE_OTHER(line)),
      damaged: bar.read32(reg.LINE_BAD(line)),
    };
    return [name, counts] as const;
  });
  return {
    ...Object.fromEntries(lines.filter(([, counts]) => Object.values(counts).some((count) => count > 0))),
    messages: {
      parsed: bar.read32(reg.MESSAGES),
      "of other stocks": bar.read32(reg.FILTERED),
      malformed: bar.read32(reg.MALFORMED),
    },
    gaps: { counted: bar.read32(reg.GAP_COUNT), "messages lost": bar.read32(reg.GAP_MESSAGES) },
  };
}
