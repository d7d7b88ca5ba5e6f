/**
 * Two ticks on both lines while the driver reads the book and kills the card's trading:
 * `softbar explore scenarios/explorations/feed-handler-ticks.ts` searches the reference driver.
 */
import { feedHandler } from "../../devices/feed-handler/index.ts";
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";
import { FeedHandlerDriver, type TopOfBook } from "../drivers/feed-handler.ts";
import { TickFeed } from "./tick-feed.ts";

const LOCATE = 7;
const feed = new TickFeed(LOCATE);
/** An offer of 10 at 1.00, and what takes its place: 11 at 0.90. */
const FRAMES = [feed.add("S", 1, 10, 10_000), feed.replace(1, 2, 11, 9000)];
/** By message: price and size of the offer behind it. */
const OFFERS = [
  [0, 0],
  [10_000, 10],
  [9000, 11],
] as const;
/** Stages without latency: each step of the card may come at any moment. */
const AT_ONCE = { arbitrationNs: 0, parseNs: 0, bookNs: 0, triggerNs: 0, transmitNs: 0 } as const;

const ticks: ExplorationModule<FeedHandlerDriver> = exploration({
  devices: [feedHandler({ ...AT_ONCE, orderCapacity: 64, locateCount: 16 })],
  setup(bed) {
    const driver = FeedHandlerDriver.probe(bed.pci, { stocks: [LOCATE], ringSizeLog2: 3 });
    driver.setCollar(0, 1, 20_000);
    driver.allowOrders({ orderSizeMax: 100, ordersMax: 10, intervalNs: 1_000_000 });
    driver.loadTemplate(0, { frame: new Uint8Array(64).fill(0x11), priceAt: 42 });
    driver.arm(0, { slot: 0, side: "buy", price: 9500, sizeMin: 1, orderSize: 5, template: 0 });
    return driver;
  },
  body(bed, driver) {
    for (const line of [0, 1]) for (const frame of FRAMES) bed.wireOf(0, line).send(frame);
    const top: TopOfBook = { bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 };
    driver.readTop(0, top);
    const [price, size] = OFFERS[top.message] ?? [];
    if (top.askPrice !== price || top.askSize !== size)
      throw new Error(`message ${top.message} left no offer of ${top.askSize} at ${top.askPrice}`);
    driver.kill();
    const sentCount = bed.wire.sent.length;
    bed.quiesce();
    if (bed.wire.sent.length !== sentCount) throw new Error("an order left after the kill switch");
  },
});

export default ticks;
