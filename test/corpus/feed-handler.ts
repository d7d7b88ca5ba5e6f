/** Mistakes with the feed handler. */
import { feedHandler } from "../../devices/feed-handler/index.ts";
import type { Bar, DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import * as reg from "../../scenarios/drivers/feed-handler-registers.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;
const POLL_LIMIT = 10_000;
const LONG_NS = 1e6;
const RING_LOG2 = 2;
const COPY = new Uint8Array(reg.EVENT_FLAG);

/**
 * A driver for channel 0, right in every step. Its events are the reports of orders that the kill switch stops: they need no
 * feed.
 */
export class SmallFeedHandler {
  readonly bed: CorpusBed;
  readonly bar: Bar;
  readonly window: Bar;
  readonly ring: DmaBuffer;
  consumed = 0;

  constructor(bed: CorpusBed) {
    this.bed = bed;
    this.bar = bed.pci.bar(0);
    this.window = bed.pci.bar(2);
    this.stop();
    this.ring = bed.pci.dma.alloc(reg.EVENT_BYTES << RING_LOG2, { label: "event ring" });
    bed.pci.config.setBusMaster(true);
    this.bar.write32(reg.CHANNEL_RING_LOW(0), this.ring.iovaLow >>> 0);
    this.bar.write32(reg.CHANNEL_RING_HIGH(0), this.ring.iovaHigh >>> 0);
    this.bar.write32(reg.CHANNEL_SIZE(0), RING_LOG2);
    this.bar.write32(reg.CHANNEL_CONTROL(0), reg.CHANNEL_ENABLE);
  }

  get at(): number {
    return (this.consumed % (1 << RING_LOG2)) * reg.EVENT_BYTES;
  }

  order(): void {
    this.bar.write32(reg.ORDER_DOORBELL, 0);
  }

  hasEvent(): boolean {
    const phase = (this.consumed >>> RING_LOG2) % 2 === 0 ? 1 : 0;
    return this.ring.readAcquire32(this.at + reg.EVENT_FLAG) >>> 31 === phase;
  }

  wait(): void {
    for (let polls = 0; polls < POLL_LIMIT && !this.hasEvent(); polls++) this.bed.pci.cpu.relax();
  }

  copy(): void {
    this.ring.copyTo(this.at, COPY, 0, COPY.length);
  }

  giveBack(): void {
    this.consumed++;
    this.bar.write32(reg.CHANNEL_CONSUMER(0), this.consumed);
    // Whoever asks finds it given back.
    this.bar.read32(reg.CHANNEL_CONSUMER(0));
  }

  arm(): void {
    this.bar.write32(reg.TRIGGER_CONTROL(0), reg.TRIGGER_ARMED);
  }

  disarm(): void {
    this.bar.write32(reg.TRIGGER_CONTROL(0), 0);
  }

  /** Until nothing is on its way. */
  settle(): void {
    for (let polls = 0; polls < POLL_LIMIT && this.bar.read32(reg.ORDERS_PENDING) !== 0; polls++)
      this.bed.pci.cpu.relax();
  }

  stop(): void {
    this.bar.write32(reg.CONTROL, reg.CONTROL_RESET);
    this.bar.read32(reg.CONTROL);
  }

  close(): void {
    this.stop();
    this.bed.pci.config.setBusMaster(false);
    this.ring.free();
  }
}

/** Something done to a driver that is up. */
function up(does: (driver: SmallFeedHandler, isWrong: boolean) => void) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallFeedHandler(bed);
    return () => {
      does(driver, isWrong);
      driver.close();
    };
  };
}

export const FEED_HANDLER: readonly WrongDriver[] = wrongDrivers(feedHandler(), [
  [
    "book-written",
    "the driver clears the book that the card keeps",
    "book-written",
    (bed, isWrong) => () => {
      if (isWrong) bed.pci.bar(2).write32(0, 0);
      else bed.pci.bar(2).read32(0);
    },
    EVERYWHERE,
  ],
  [
    "event-read-before-phase",
    "an event is copied first, and its phase looked at then",
    "buffer-read-in-flight",
    up((driver, isWrong) => {
      if (isWrong) driver.copy();
      driver.order();
      driver.wait();
      if (!isWrong) driver.copy();
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "event-taken-for-granted",
    "an event is given the time that it usually takes, and nobody looks at its phase",
    "completion-not-checked",
    up((driver, isWrong) => {
      driver.order();
      if (isWrong) driver.bed.pci.cpu.delay(LONG_NS);
      else driver.wait();
      driver.copy();
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "doorbell-before-copy",
    "the event is given back, and copied then",
    "buffer-read-in-flight",
    up((driver, isWrong) => {
      driver.order();
      driver.wait();
      const { at } = driver;
      if (!isWrong) driver.copy();
      driver.giveBack();
      if (isWrong) driver.ring.copyTo(at, COPY, 0, COPY.length);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "event-cleared-behind-doorbell",
    "the event's phase is cleared when it has been given back",
    "buffer-changed-in-flight",
    up((driver, isWrong) => {
      driver.order();
      driver.wait();
      const { at } = driver;
      // Before the doorbell an event is the driver's to write in.
      if (!isWrong) driver.ring.write32(at, 0);
      driver.giveBack();
      if (isWrong) driver.ring.write32(at, 0);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "ring-freed-while-on",
    "the event ring is freed while its channel is on",
    "freed-in-flight",
    (bed, isWrong) => {
      const driver = new SmallFeedHandler(bed);
      return () => {
        if (!isWrong) driver.stop();
        driver.ring.free();
        driver.stop();
      };
    },
    ["folded"],
  ],
  [
    "template-rewritten-at-once",
    "a trigger is disarmed and its template rewritten, though an order may be on its way",
    "completion-not-checked",
    up((driver, isWrong) => {
      driver.arm();
      driver.disarm();
      if (isWrong) driver.bar.read32(reg.KILL);
      else driver.settle();
      driver.window.write32(reg.TEMPLATE_MEMORY(0), 1);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "template-rewritten-while-armed",
    "the template of an armed trigger is rewritten",
    "template-in-use",
    up((driver, isWrong) => {
      driver.arm();
      if (!isWrong) driver.disarm();
      driver.settle();
      driver.window.write32(reg.TEMPLATE_MEMORY(0), 1);
    }),
    FOLDED_AND_EXPLORED,
  ],
]);
