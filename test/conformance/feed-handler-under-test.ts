import { feedHandler } from "../../devices/feed-handler/index.ts";
import type { DeviceUnderTest } from "../../harness/conformance/device-under-test.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";

/** Data sheet of the feed handler: offsets written out here so that a slip in the model's shows. */
const CHANNEL_RING_LOW = 0x0100;
const CHANNEL_RING_HIGH = 0x0104;
const CHANNEL_SIZE = 0x0108;
const CHANNEL_CONTROL = 0x010c;
const ORDER_DOORBELL = 0x0288;

export const feedHandlerUnderTest: DeviceUnderTest = {
  spec: () => feedHandler(),
  identity: { vendorId: 0x10ee, deviceId: 0x9038, revisionId: 0x01, classCode: 0x120000 },
  bars: [
    { index: 0, kind: "memory64", byteLength: 0x1_0000 },
    { index: 2, kind: "memory64", byteLength: 0x8000 },
    { index: 4, kind: "memory64", byteLength: 0x1000 },
  ],
  msixVectorCount: 4,
  settleNs: 1_000_000,
  afterReset: { TIME_LOW: "it moves", TIME_HIGH: "it moves" },
  hole: { offset: 0x00f00, value: 0 },
  wrongWidths: [
    { offset: 0x00034, byteLength: 1 },
    { offset: 0x00034, byteLength: 2 },
    { offset: 0x00010, byteLength: 8 },
  ],
  dma: {
    prepare(pci, buffer) {
      const bar = pci.bar(0);
      bar.write32(CHANNEL_RING_LOW, buffer.iovaLow >>> 0);
      bar.write32(CHANNEL_RING_HIGH, buffer.iovaHigh >>> 0);
      bar.write32(CHANNEL_SIZE, 8);
      bar.write32(CHANNEL_CONTROL, 1);
    },
    // The kill switch is on: the card reports that the order was not sent.
    ring: (pci) => pci.bar(0).write32(ORDER_DOORBELL, 0),
    durationNs: 1_000_000,
  },
  driverLife(pci) {
    for (const interrupts of ["none", "msix"] as const) {
      const driver = FeedHandlerDriver.probe(pci, { stocks: [1, 2, 3], interrupts });
      const event = new Uint32Array(8);
      for (let order = 0; order < 20; order++) driver.sendOrder(order % 16, 0, 100, 1);
      for (let order = 0; order < 20; order++) {
        if (!driver.waitForEvent(1000)) throw new Error("an order was not reported");
        if (driver.receive(event) !== 0 || (event[3] as number) !== 1) throw new Error("a report is wrong");
      }
      driver.readTop(0, { bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 });
      driver.close();
    }
  },
};
