/** Mistakes with the ExaNIC. */
import { exanic } from "../../devices/exanic/index.ts";
import type { Bar, DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import * as reg from "../../scenarios/drivers/exanic-registers.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;
const STARTUP_NS = 10e6;
const LINK_UP_NS = 3e6;
const DISABLE_NS = 100_000;
const POLL_LIMIT = 10_000;
const REGION_BYTES: number = reg.RX_CHUNK_COUNT * reg.RX_CHUNK_BYTES;
const SLOT = 3;
const CHUNK = 0x1000;

/** A driver for port 0, right in every step. */
export class SmallExanic {
  readonly bed: CorpusBed;
  readonly bar: Bar;
  readonly txRegion: Bar;
  readonly region: DmaBuffer;
  readonly feedback: DmaBuffer;

  constructor(bed: CorpusBed) {
    this.bed = bed;
    this.bar = bed.pci.bar(0);
    this.txRegion = bed.pci.bar(2);
    bed.pci.cpu.delay(STARTUP_NS);
    this.region = bed.pci.dma.alloc(REGION_BYTES, { label: "rx region" });
    this.feedback = bed.pci.dma.alloc(4096, { label: "tx feedback" });
    bed.pci.config.setBusMaster(true);
    // As libexanic does: no id of a chunk yet.
    this.feedback.write16(2 * SLOT, 0);
    this.tell(reg.TX_FEEDBACK_BASE_LO, reg.TX_FEEDBACK_BASE_HI, this.feedback);
    this.tell(reg.PORT_RX_DMA_BASE_LO(0), reg.PORT_RX_DMA_BASE_HI(0), this.region);
    this.bar.write32(reg.PORT_ENABLED(0), 1);
    bed.pci.cpu.delay(LINK_UP_NS);
  }

  tell(low: number, high: number, { iovaLow, iovaHigh }: DmaBuffer): void {
    this.bar.write32(low, iovaLow >>> 0);
    this.bar.write32(high, iovaHigh >>> 0);
  }

  /** A frame of zeros behind its header. */
  write(id: number): void {
    this.txRegion.write32(CHUNK, id | (SLOT << 16));
    this.txRegion.write32(CHUNK + 4, (reg.TX_PADDING_BYTES + 60) | (reg.TX_TYPE_RAW << 16));
  }

  send(id: number): void {
    this.write(id);
    this.bar.write32(reg.PORT_TX_COMMAND(0), CHUNK);
  }

  waitFor(id: number): void {
    const { cpu } = this.bed.pci;
    for (let polls = 0; polls < POLL_LIMIT && this.feedback.read16(2 * SLOT) !== id; polls++) cpu.relax();
  }

  stop(): void {
    this.bar.write32(reg.PORT_ENABLED(0), 0);
    this.bar.read32(reg.PORT_STATUS(0));
    this.bed.pci.cpu.delay(DISABLE_NS);
  }

  close(): void {
    this.stop();
    this.bed.pci.config.setBusMaster(false);
    this.region.free();
    this.feedback.free();
  }
}

/** Something done to a driver that is up. */
function up(does: (driver: SmallExanic, isWrong: boolean) => void) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallExanic(bed);
    return () => {
      does(driver, isWrong);
      driver.close();
    };
  };
}

export const EXANIC: readonly WrongDriver[] = wrongDrivers(exanic(), [
  [
    "port-without-region",
    "a port is enabled before it has a receive region",
    "port-without-region",
    (bed, isWrong) => {
      const bar = bed.pci.bar(0);
      bed.pci.cpu.delay(STARTUP_NS);
      bed.pci.config.setBusMaster(true);
      const region = bed.pci.dma.alloc(2 << 20, { label: "rx region" });
      return () => {
        if (!isWrong) {
          bar.write32(reg.PORT_RX_DMA_BASE_HI(0), Math.floor(region.iova / 2 ** 32));
          bar.write32(reg.PORT_RX_DMA_BASE_LO(0), region.iova % 2 ** 32);
        }
        bar.write32(reg.PORT_ENABLED(0), 1);
      };
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "region-misaligned",
    "the receive region does not begin on a page",
    "region-misaligned",
    (bed, isWrong) => {
      bed.pci.cpu.delay(STARTUP_NS);
      const region = bed.pci.dma.alloc(2 << 20);
      return () => {
        bed.pci.bar(0).write32(reg.PORT_RX_DMA_BASE_HI(0), Math.floor(region.iova / 2 ** 32));
        bed.pci.bar(0).write32(reg.PORT_RX_DMA_BASE_LO(0), (region.iova % 2 ** 32) + (isWrong ? 128 : 0));
      };
    },
    EVERYWHERE,
  ],
  [
    "sent-on-disabled-port",
    "a frame is sent before the port is enabled",
    "transmit-on-disabled-port",
    (bed, isWrong) => {
      bed.pci.cpu.delay(STARTUP_NS);
      return () => {
        if (isWrong) bed.pci.bar(0).write32(reg.PORT_TX_COMMAND(0), 0);
      };
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "read-chunk-cleared",
    "a chunk is set to 0xff when it has been read: the card may be at it already",
    "region-written",
    up((driver, isWrong) => {
      if (isWrong) driver.region.write32(reg.RX_STATE_AT, 0xffff_ffff);
      else driver.region.read32(reg.RX_STATE_AT);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "region-freed-while-on",
    "the receive region is freed while the port is on",
    "freed-in-flight",
    (bed, isWrong) => {
      const driver = new SmallExanic(bed);
      return () => {
        if (!isWrong) driver.stop();
        driver.region.free();
        driver.stop();
      };
    },
    ["folded"],
  ],
  [
    "feedback-cleared-under-way",
    "the word of the feedback page is cleared behind the command that asks for it",
    "region-written",
    up((driver, isWrong) => {
      if (!isWrong) driver.feedback.write16(2 * SLOT, 0);
      driver.send(1);
      if (isWrong) driver.feedback.write16(2 * SLOT, 0);
      driver.waitFor(1);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "chunk-reused",
    "a chunk is given the time that it usually takes, and nobody reads its feedback",
    "completion-not-checked",
    up((driver, isWrong) => {
      driver.send(1);
      if (isWrong) driver.bed.pci.cpu.delay(STARTUP_NS);
      else driver.waitFor(1);
      driver.send(2);
      driver.waitFor(2);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "chunk-changed-under-way",
    "a chunk is written again right behind its command",
    "transmit-chunk-changed",
    up((driver, isWrong) => {
      driver.send(1);
      if (!isWrong) driver.waitFor(1);
      driver.write(2);
      driver.waitFor(1);
    }),
  ],
]);
