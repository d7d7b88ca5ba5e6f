/** Mistakes with the memory of an 82599's driver: when it is freed, and by which way it is reached. */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { opened, traffic, whileIdle } from "./ixgbe-traffic.ts";
import { SmallIxgbe } from "./small-ixgbe.ts";
import { type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;

export const IXGBE_MEMORY: readonly WrongDriver[] = wrongDrivers(ixgbe({ linkUpNs: 0 }), [
  [
    "transmit-buffer-freed",
    "a frame's buffer is freed although nobody has looked whether the frame was sent",
    "completion-not-checked",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        const buffer = bed.pci.dma.alloc(64, { label: "frame" });
        driver.writeTransmitDescriptor(0, buffer.iova, 60);
        driver.txNext = 1;
        driver.ring(1);
        driver.pci.cpu.delay(1_000_000);
        if (!isWrong) driver.clean();
        buffer.free(); // here
        driver.close();
      };
    },
  ],
  [
    "buffers-as-bytes",
    "the buffers are taken as raw memory",
    "raw-memory-unwatched",
    whileIdle((driver) => void driver.buffers.bytes), // here
    FOLDED_AND_EXPLORED,
  ],
  [
    "freed-before-stopped",
    "close frees the memory before the queues are stopped",
    "freed-in-flight",
    opened(
      class extends SmallIxgbe {
        override close(): void {
          this.clean();
          this.free(); // here, in free
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
        if (isWrong) driver.buffers.read32(0); // here
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
        if (isWrong) driver.free(); // here, in free
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
