/** Mistakes with descriptors, buffers and their memory. */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { opened, traffic } from "./ixgbe-traffic.ts";
import { BUFFER_BYTES, RING_SIZE, SmallIxgbe } from "./small-ixgbe.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;

/** Something done to a driver that has filled its rings and has not had a frame. */
function whileIdle(wrong: (driver: SmallIxgbe) => void) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallIxgbe(bed.pci).open();
    return () => {
      if (isWrong) wrong(driver);
      driver.close();
    };
  };
}

/** Sends one frame and does something before it has looked whether that was sent. */
function afterSending(wrong: (driver: SmallIxgbe) => void) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallIxgbe(bed.pci).open();
    return () => {
      driver.transmit(new Uint8Array(60).fill(1));
      if (!isWrong) driver.retry(() => driver.isSent(0));
      wrong(driver);
      driver.close();
    };
  };
}

export const IXGBE_RINGS: readonly WrongDriver[] = wrongDrivers(ixgbe({ linkUpNs: 0 }), [
  [
    "buffer-high-half-forgotten",
    "the upper half of a buffer's address is not written",
    "dma-outside-map",
    opened(
      class extends SmallIxgbe {
        override writeTransmitDescriptor(slot: number, iova: number, byteLength: number): void {
          super.writeTransmitDescriptor(slot, iova % 2 ** 32, byteLength);
        }
      },
      1,
    ),
    EVERYWHERE,
  ],
  [
    "ring-high-half-forgotten",
    "RDBAH is not written",
    "dma-outside-map",
    (bed, isWrong) => {
      const Wrong = class extends SmallIxgbe {
        override writeReceiveRing(): void {
          super.writeReceiveRing();
          this.bar.write32(reg.RDBAH(0), 0);
        }
      };
      const driver = new (isWrong ? Wrong : SmallIxgbe)(bed.pci).open();
      return () => driver.close();
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "doorbell-before-descriptor",
    "TDT is rung, then the descriptor is written",
    "descriptor-not-written",
    opened(
      class extends SmallIxgbe {
        override writeTransmitDescriptor(slot: number, iova: number, byteLength: number): void {
          super.ring((slot + 1) % RING_SIZE);
          super.writeTransmitDescriptor(slot, iova, byteLength);
        }
        override ring(): void {}
      },
      1,
    ),
  ],
  [
    "receive-doorbell-first",
    "RDT is rung before the ring is filled",
    "descriptor-not-written",
    (bed, isWrong) => {
      const Wrong = class extends SmallIxgbe {
        override fillReceiveRing(): void {
          this.bar.write32(reg.RDT(0), RING_SIZE - 1);
        }
      };
      const driver = new (isWrong ? Wrong : SmallIxgbe)(bed.pci).open();
      return () => driver.close();
    },
  ],
  [
    "tail-meets-head",
    "no descriptor stays free: the full ring is an empty one",
    "ring-overfull",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        const count = isWrong ? RING_SIZE : RING_SIZE - 1;
        for (let slot = 0; slot < count; slot++)
          driver.writeTransmitDescriptor(slot, driver.buffers.iova + (RING_SIZE + slot) * BUFFER_BYTES, 60);
        driver.ring(count % RING_SIZE);
        driver.close();
      };
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "tail-beyond-ring",
    "the tail is not wrapped",
    "tail-beyond-ring",
    opened(
      class extends SmallIxgbe {
        override ring(tail: number): void {
          super.ring(tail === 0 ? RING_SIZE : tail);
        }
      },
      RING_SIZE,
    ),
    EVERYWHERE,
  ],
  [
    "receive-done-not-cleared",
    "a receive descriptor is given back with its DD set",
    "descriptor-handed-over-done",
    opened(
      class extends SmallIxgbe {
        override writeReceiveDescriptor(slot: number): void {
          this.writeReceiveAddress(slot, this.buffers.iova + slot * BUFFER_BYTES);
        }
      },
      // Less than a lap: what comes of taking old descriptors for new ones is another story.
      3,
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "transmit-done-not-cleared",
    "PAYLEN is or-ed into the last word of a descriptor: DD is there from the lap before",
    "descriptor-handed-over-done",
    opened(
      class extends SmallIxgbe {
        override writeTransmitDescriptor(slot: number, iova: number, byteLength: number): void {
          const before = this.txRing.read32(slot * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS);
          super.writeTransmitDescriptor(slot, iova, byteLength);
          const status = before | (byteLength << reg.TXD_PAYLEN_SHIFT);
          this.txRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS, status);
        }
      },
      RING_SIZE + 1,
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "receive-buffer-given-twice",
    "every descriptor gets the first buffer",
    "buffer-handed-over-twice",
    (bed, isWrong) => {
      const Wrong = class extends SmallIxgbe {
        override writeReceiveAddress(slot: number): void {
          super.writeReceiveAddress(slot, this.buffers.iova);
        }
      };
      const driver = new (isWrong ? Wrong : SmallIxgbe)(bed.pci).open();
      return () => driver.close();
    },
  ],
  [
    "receive-completion-processed-twice",
    "a completed buffer goes onto the free list twice, and into two descriptors from there",
    "buffer-handed-over-twice",
    opened(
      class extends SmallIxgbe {
        readonly posted: number[] = Array.from({ length: RING_SIZE }, (_, slot) => slot * BUFFER_BYTES);
        readonly pool: number[] = [];
        override bufferOf(slot: number): number {
          return this.posted[slot] as number;
        }
        override completed(slot: number): void {
          this.pool.push(this.bufferOf(slot), this.bufferOf(slot));
          this.posted[slot] = this.pool.shift() as number;
        }
      },
      // As many as it takes until the second of them is handed over, and before a frame arrives there.
      3,
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "receive-descriptor-rewritten",
    "a descriptor is given another buffer after the doorbell",
    "descriptor-changed-in-flight",
    whileIdle((driver) => driver.writeReceiveAddress(2, driver.buffers.iova)),
    FOLDED_AND_EXPLORED,
  ],
  [
    "receive-buffer-read-early",
    "a buffer is read without a look at its descriptor",
    "buffer-read-in-flight",
    whileIdle((driver) => driver.buffers.copyTo(0, new Uint8Array(60), 0, 60)),
    FOLDED_AND_EXPLORED,
  ],
  [
    "receive-buffer-written",
    "a buffer that the card fills is used to build a frame",
    "buffer-changed-in-flight",
    whileIdle((driver) => driver.buffers.write32(BUFFER_BYTES, 1)),
    FOLDED_AND_EXPLORED,
  ],
  [
    "transmit-buffer-reused",
    "a frame's buffer is filled again although nobody has looked whether the frame was sent",
    "completion-not-checked",
    afterSending((driver) => driver.buffers.write32(RING_SIZE * BUFFER_BYTES, 2)),
    FOLDED_AND_EXPLORED,
  ],
  [
    "transmit-completion-counted-twice",
    "one write-back is taken for two frames: the buffer of the second is filled again",
    "completion-not-checked",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        for (let frame = 0; frame < 2; frame++) driver.transmit(new Uint8Array(60));
        driver.retry(() => driver.isSent(0));
        driver.pci.cpu.delay(1e6);
        if (!isWrong) driver.retry(() => driver.isSent(1));
        driver.buffers.write32((RING_SIZE + 1) * BUFFER_BYTES, 1);
        driver.close();
      };
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "transmit-descriptor-reused",
    "descriptors are written round the ring without a look at DD",
    "completion-not-checked",
    opened(
      class extends SmallIxgbe {
        override clean(): void {
          this.txOldest = this.txNext;
        }
      },
    ),
  ],
  [
    "no-report-asked-for",
    "RS is not set: DD never comes, and the ring is never cleaned",
    "completion-never-reported",
    opened(
      class extends SmallIxgbe {
        override command(): number {
          return super.command() & ~reg.TXD_DCMD_RS;
        }
      },
    ),
  ],
  [
    "payload-length-forgotten",
    "PAYLEN is left 0",
    "payload-length",
    opened(
      class extends SmallIxgbe {
        override writeTransmitDescriptor(slot: number, iova: number, byteLength: number): void {
          super.writeTransmitDescriptor(slot, iova, byteLength);
          this.txRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS, 0);
        }
      },
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "frame-too-short",
    "a frame of 10 bytes is sent",
    "transmit-too-short",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        driver.transmit(new Uint8Array(isWrong ? 10 : 60));
        driver.retry(() => driver.isSent(0));
        driver.close();
      };
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "freed-before-stopped",
    "close frees the memory before the queues are stopped",
    "freed-in-flight",
    opened(
      class extends SmallIxgbe {
        override close(): void {
          this.free();
          this.stopQueues();
          this.pci.config.setBusMaster(false);
        }
      },
    ),
    ["folded"],
  ],
  [
    "freed-under-traffic",
    "buffers are unmapped while the card still receives into them",
    "dma-after-unmap",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        if (isWrong) driver.buffers.free();
        bed.wire.send(new Uint8Array(60).fill(0xff));
        driver.retry(() => driver.bar.read32(reg.STATUS) === 0);
        driver.stopQueues();
      };
    },
    ["threaded"],
  ],
  [
    "used-after-free",
    "a frame is looked at when its buffer is gone",
    "use-after-free",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        driver.stopQueues();
        driver.pci.config.setBusMaster(false);
        if (!isWrong) driver.buffers.read32(0);
        driver.free();
        if (isWrong) driver.buffers.read32(0);
      };
    },
    EVERYWHERE,
  ],
  [
    "freed-twice",
    "close frees what the error path has freed",
    "double-free",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        traffic(bed, driver, 1);
        if (isWrong) driver.free();
      };
    },
    EVERYWHERE,
  ],
  [
    "ring-never-freed",
    "close forgets a ring",
    "dma-buffer-leaked",
    opened(
      class extends SmallIxgbe {
        override free(): void {
          this.rxRing.free();
          this.buffers.free();
        }
      },
    ),
    FOLDED_AND_EXPLORED,
  ],
]);
