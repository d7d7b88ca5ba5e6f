import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DeviceUnderTest } from "../../harness/conformance/device-under-test.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";

/** Intel 82599 data sheet 331520: register offsets by section, written out here so that a slip in the model's shows. */
const TDBAL = 0x06000; // 8.2.3.9.5
const TDBAH = 0x06004;
const TDLEN = 0x06008;
const TDH = 0x06010;
const TDT = 0x06018;
const TXDCTL = 0x06028;
const TXDCTL_ENABLE = 1 << 25;
const DMATXCTL = 0x04a80; // 8.2.3.9.2
/** Advanced data descriptor (7.2.3.2.4): DTYP 3, EOP, IFCS, RS, DEXT. */
const DESCRIPTOR_COMMAND = (3 << 20) | (0b0010_1011 << 24);
const FRAME_BYTES = 64;

/** One doorbell for so many frames, whose data the card asks for all at once. */
function sendTogether(driver: IxgbeDriver, count: number): void {
  const { pool } = driver;
  const batch = new PacketBatch(count);
  for (let entry = 0; entry < count; entry++) {
    const buffer = pool.take();
    pool.memory.write32(buffer * pool.bufferBytes, entry);
    batch.set(entry, buffer, FRAME_BYTES + entry);
  }
  if (driver.txBatch(0, batch, count) !== count) throw new Error(`no room for ${count} frames`);
}

export const ixgbeUnderTest: DeviceUnderTest = {
  spec: () => ixgbe(),
  identity: { vendorId: 0x8086, deviceId: 0x10fb, revisionId: 0x01, classCode: 0x020000 },
  bars: [
    { index: 0, kind: "memory64", byteLength: 0x8_0000 },
    { index: 4, kind: "memory64", byteLength: 0x4000 },
  ],
  msixVectorCount: 64,
  // The reset takes 1 ms, auto-negotiation 2 ms here.
  settleNs: 5_000_000,
  afterReset: {
    // The link is up: LINK_UP (8.2.3.1.2), link status change and the sum of the other causes (8.2.3.5.1).
    STATUS: 0x0008_0080,
    EICR: { firstRead: 0x8010_0000 },
    // Station address 02:00:00:82:59:90 out of the EEPROM, valid (8.2.3.7.8, 8.2.3.7.9).
    "RAL(0)": 0x8200_0002,
    "RAH(0)": 0x8000_9059,
    // DMAIDONE: the receive DMA is initialised (8.2.3.8.8).
    RDRXCTL: 0x0010_8808,
    // Up, 10 Gb/s, without negotiation; bit 7 says that it was up ever since the last read (8.2.3.22.20).
    LINKS: { firstRead: 0x7000_0000 },
    // Out of the EEPROM of a card with an SFP+ cage: 10 GbE serial by SFI (8.2.3.22.19, 8.2.3.22.22).
    AUTOC: 0xc19d_6084,
    AUTOC2: 0x0002_0000,
    // SDP2 says that there is a module, and SDP3, which switches its laser off, is an output (8.2.3.1.4).
    ESDP: 0x0000_0804,
    // The partner can do 10GBASE-KX4 (8.2.3.22.23).
    ANLP1: 0x0008_0000,
  },
  hole: { offset: 0x00050, value: 0 },
  wrongWidths: [
    { offset: 0x05080, byteLength: 1 },
    { offset: 0x05080, byteLength: 2 },
    { offset: 0x05080, byteLength: 8 },
  ],
  dma: {
    prepare(pci, buffer) {
      const bar = pci.bar(0);
      buffer.bytes.fill(0, 0, 128);
      buffer.write32(0, (buffer.iovaLow + 4096) >>> 0);
      buffer.write32(4, buffer.iovaHigh >>> 0);
      buffer.write32(8, (FRAME_BYTES | DESCRIPTOR_COMMAND) >>> 0);
      buffer.write32(12, FRAME_BYTES << 14);
      bar.write32(TDBAL, buffer.iovaLow);
      bar.write32(TDBAH, buffer.iovaHigh);
      bar.write32(TDLEN, 128);
      bar.write32(TDH, 0);
      bar.write32(TDT, 0);
      bar.write32(DMATXCTL, bar.read32(DMATXCTL) | 1);
      bar.write32(TXDCTL, TXDCTL_ENABLE);
      for (let polls = 0; (bar.read32(TXDCTL) & TXDCTL_ENABLE) === 0; polls++) {
        if (polls === 100_000) throw new Error("the queue does not come up");
        pci.cpu.relax();
      }
    },
    ring: (pci) => pci.bar(0).write32(TDT, 1),
    durationNs: 1_000_000,
  },
  driverLife(pci) {
    for (const interrupts of ["none", "msix"] as const) {
      const driver = IxgbeDriver.probe(pci, { interrupts });
      for (let frame = 0; frame < 20; frame++) {
        if (!driver.transmit(new Uint8Array(60 + 70 * frame))) throw new Error("no room for 20 frames");
      }
      sendTogether(driver, 24);
      driver.waitForTraffic(1);
      driver.close();
    }
  },
};
