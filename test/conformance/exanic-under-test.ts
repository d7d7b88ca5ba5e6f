import { exanic } from "../../devices/exanic/index.ts";
import type { DeviceUnderTest } from "../../harness/conformance/device-under-test.ts";
import { ExanicDriver } from "../../scenarios/drivers/exanic.ts";

/** libexanic, pcie_if.h: register offsets by index, written out here so that a slip in the model's shows. */
const TX_FEEDBACK_BASE_HI = 0x0014;
const TX_FEEDBACK_BASE_LO = 0x0018;
const PORT_ENABLED = 0x0200;
const PORT_STATUS = 0x0208;
const PORT_RX_DMA_BASE_HI = 0x0214;
const PORT_RX_DMA_BASE_LO = 0x0218;
const PORT_TX_COMMAND = 0x0220;
const LINK = 0x8;

export const exanicUnderTest: DeviceUnderTest = {
  spec: () => exanic(),
  identity: { vendorId: 0x1ce4, deviceId: 0x0003, revisionId: 0x00, classCode: 0x020000 },
  bars: [
    { index: 0, kind: "memory32", byteLength: 0x80_0000 },
    { index: 2, kind: "memory32", byteLength: 0x4_0000 },
  ],
  msixVectorCount: 0,
  // The card starts in 1 ms.
  settleNs: 2_000_000,
  afterReset: {
    // HW_STARTUP has cleared.
    FEATURE_CFG: 0,
    HW_TIME: "it moves",
    // 64:3f:5f:01:02:30 and the next, the first byte of each half lowest.
    PORT_MAC_ADDR_OUI: 0x005f_3f64,
    "PORT_MAC_ADDR_NIC(0)": 0x0030_0201,
    "PORT_MAC_ADDR_NIC(1)": 0x0031_0201,
  },
  hole: { offset: 0x00050, value: 0 },
  wrongWidths: [
    { offset: 0x00210, byteLength: 1 },
    { offset: 0x00210, byteLength: 2 },
    { offset: 0x00210, byteLength: 8 },
  ],
  dma: {
    prepare(pci, buffer) {
      const [bar, region] = [pci.bar(0), pci.bar(2)];
      // A frame of 60 bytes, type 1, id 0xbeef for slot 3; two bytes of padding count.
      region.write32(0, 0x0003_beef);
      region.write32(4, 0x0001_0000 | 62);
      bar.write32(TX_FEEDBACK_BASE_LO, buffer.iovaLow);
      bar.write32(TX_FEEDBACK_BASE_HI, buffer.iovaHigh);
      // Nothing comes in: what matters is that there is a region.
      bar.write32(PORT_RX_DMA_BASE_LO, (buffer.iovaLow + 4096) >>> 0);
      bar.write32(PORT_RX_DMA_BASE_HI, buffer.iovaHigh);
      bar.write32(PORT_ENABLED, 1);
      for (let polls = 0; (bar.read32(PORT_STATUS) & LINK) === 0; polls++) {
        if (polls === 10_000_000) throw new Error("the link does not come up");
        pci.cpu.relax();
      }
    },
    ring: (pci) => pci.bar(0).write32(PORT_TX_COMMAND, 0),
    durationNs: 1_000_000,
  },
  driverLife(pci) {
    for (const interrupts of ["none", "msi"] as const) {
      const driver = ExanicDriver.probe(pci, { interrupts });
      for (let frame = 0; frame < 20; frame++) {
        if (!driver.transmit(new Uint8Array(60 + 70 * frame))) throw new Error("no room for 20 frames");
      }
      driver.waitForTraffic(1);
      driver.close();
    }
  },
};
