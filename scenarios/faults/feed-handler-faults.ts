/**
 * Ticks into the book, events, one order by hand and one by a trigger, and the kill switch: `softbar faults
 * scenarios/faults/feed-handler-faults.ts` puts the feed handler's driver through every fault of it.
 */
import assert from "node:assert/strict";
import { feedHandler } from "../../devices/feed-handler/index.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { type FaultModule, faultScenario } from "../../harness/faults/fault-module.ts";
import { isCleanError } from "../../harness/faults/scenario-run.ts";
import type { TestWire } from "../../harness/test-wire.ts";
import { FeedHandlerDriver, type TopOfBook } from "../drivers/feed-handler.ts";
import { TickFeed } from "../explorations/tick-feed.ts";

const LOCATE = 7;
const SLOT = 0;
const PRICE_AT = 42;
const TICKS = 3;
const WAIT_MS = 5;
const WAITS = 6;
const RESETS = 2;
const ORDER = new Uint8Array(64).fill(0x11);
const LIMITS = { orderSizeMax: 100, ordersMax: 100, intervalNs: 1_000_000 } as const;
const RULE = { slot: SLOT, side: "buy", price: 10_000, sizeMin: 1, orderSize: 5, template: 0, repeat: true } as const;

export class Desk {
  driver: FeedHandlerDriver | undefined;
  readonly #pci: PciFunction;
  readonly #wire: TestWire;

  /** Throws what the driver's probe throws. */
  constructor(pci: PciFunction, wire: TestWire) {
    this.#pci = pci;
    this.#wire = wire;
    this.driver = this.#probe();
  }

  /** Returns when a session has gone as it should; throws what the driver has to say when none does after two resets. */
  trade(): void {
    for (let resets = 0; ; resets++) {
      try {
        if (this.#session(this.driver as FeedHandlerDriver)) return;
        // What an application may say that has tried it all; its checks of what it got are assertions.
        throw new Error("ticks do not become events and orders, and the card says nothing");
      } catch (error) {
        if (resets === RESETS || !isCleanError(error)) throw error;
      }
      this.close();
      this.driver = this.#probe();
    }
  }

  close(): void {
    const { driver } = this;
    this.driver = undefined;
    driver?.close();
  }

  /** One feed from its beginning. False when something of it was lost on the way. */
  #session(driver: FeedHandlerDriver): boolean {
    const wire = this.#wire;
    wire.takeSent();
    const feed = new TickFeed(LOCATE);
    const event = new Uint32Array(8);
    let eventCount = 0;
    driver.loadTemplate(0, { frame: ORDER, priceAt: PRICE_AT });
    driver.arm(0, RULE);
    for (let tick = 0; tick < TICKS; tick++)
      wire.send(tick === 0 ? feed.add("S", 1, 10, 9000) : feed.replace(tick, tick + 1, 10 + tick, 9000 + tick));
    for (let waits = 0; waits < WAITS && eventCount < TICKS; waits++) {
      if (driver.waitForEvent(WAIT_MS)) while (driver.receive(event) >= 0) eventCount++;
      driver.check();
    }
    driver.sendOrder(0, SLOT, 500, 5);
    const top: TopOfBook = { bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 };
    driver.readTop(SLOT, top);
    driver.readFeedTimeNs();
    const hasGap = driver.hasGap();
    driver.kill();
    const sentBefore = wire.sent.length;
    // It would set off the trigger, which is still armed.
    wire.send(feed.replace(TICKS, TICKS + 1, 10 + TICKS, 9000));
    this.#pci.cpu.delay(1_000_000);
    const sent = wire.takeSent();
    assert.equal(sent.length, sentBefore, "an order left after the kill switch");
    for (const frame of sent)
      assert.ok(
        frame.every((byte, at) => (at >= PRICE_AT && at < PRICE_AT + 4) || byte === ORDER[at]),
        "half an order",
      );
    driver.loadTemplate(0, { frame: ORDER, priceAt: PRICE_AT });
    driver.allowOrders(LIMITS);
    driver.droppedCount();
    return !hasGap && eventCount >= TICKS && sent.length > 0 && top.askPrice === 9000 + TICKS - 1;
  }

  #probe(): FeedHandlerDriver {
    const driver = FeedHandlerDriver.probe(this.#pci, { stocks: [LOCATE], ringSizeLog2: 3, interrupts: "msix" });
    driver.setCollar(SLOT, 1, 20_000);
    driver.allowOrders(LIMITS);
    return driver;
  }
}

const scenario: FaultModule<Desk> = faultScenario({
  devices: [feedHandler({ orderCapacity: 64, locateCount: 16 })],
  setup: (bed) => new Desk(bed.pci, bed.wire),
  body: (_bed, desk) => desk.trade(),
  teardown: (desk) => desk.close(),
});

export default scenario;
