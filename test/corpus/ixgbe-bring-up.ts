/** Mistakes in bringing an 82599 up, and in touching its registers. */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { opened, traffic } from "./ixgbe-traffic.ts";
import { RING_SIZE, SmallIxgbe } from "./small-ixgbe.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const STATUS = 0x00008;
const RDH = 0x01010;
const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;

/** One line of a driver that is otherwise right and idle. */
function line(wrong: (driver: SmallIxgbe) => void, right: (driver: SmallIxgbe) => void = () => {}) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallIxgbe(bed.pci).open();
    return () => {
      (isWrong ? wrong : right)(driver);
      driver.close();
    };
  };
}

export const IXGBE_BRING_UP: readonly WrongDriver[] = wrongDrivers(ixgbe({ linkUpNs: 0 }), [
  [
    "dmatxctl-bare-one",
    "DMATXCTL is written as a bare 1 instead of being or-ed: the VLAN type beside TE goes to 0",
    "reserved-bits-changed",
    opened(
      class extends SmallIxgbe {
        override enableTransmitPath(): void {
          this.bar.write32(reg.DMATXCTL, 0xffff_0000 | reg.DMATXCTL_TE); // here
        }
      },
    ),
  ],
  [
    "reset-not-awaited",
    "registers are written right after CTRL.RST, and the writes are lost",
    "write-during-reset",
    opened(
      class extends SmallIxgbe {
        override waitForReset(): void {
          this.bar.write32(reg.EIMC, reg.EIMC_ALL); // here
          super.waitForReset();
        }
      },
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "bus-master-off",
    "pci_set_master is forgotten",
    "bus-master-off-at-doorbell",
    opened(
      class extends SmallIxgbe {
        override enableMaster(): void {} // here, in change
      },
    ),
    EVERYWHERE,
  ],
  [
    "memory-space-off",
    "the function is used before pci_enable_device",
    "memory-space-off",
    (bed, isWrong) => {
      if (isWrong) bed.pci.config.write16(0x04, 0);
      return () => void bed.pci.bar(0).read32(STATUS); // here
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "ring-base-misaligned",
    "the ring's base is no multiple of 128",
    "ring-misaligned",
    line(
      (driver) => driver.bar.write32(reg.RDBAL(1), driver.rxRing.iovaLow + 64), // here
      (driver) => driver.bar.write32(reg.RDBAL(1), driver.rxRing.iovaLow),
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "ring-length-in-descriptors",
    "RDLEN is given in descriptors instead of bytes",
    "ring-length",
    line(
      (driver) => driver.bar.write32(reg.RDLEN(1), RING_SIZE), // here
      (driver) => driver.bar.write32(reg.RDLEN(1), RING_SIZE * reg.DESCRIPTOR_BYTES),
    ),
  ],
  [
    "ring-never-described",
    "a queue is enabled before its ring is described",
    "ring-empty",
    line((driver) => driver.change(reg.RXDCTL(1), reg.RXDCTL_ENABLE)), // here, in change
  ],
  [
    "ring-changed-while-enabled",
    "the ring of a running queue is moved",
    "ring-changed-while-enabled",
    line((driver) => driver.bar.write32(reg.TDBAL(0), driver.rxRing.iovaLow)), // here
    FOLDED_AND_EXPLORED,
  ],
  [
    "head-written",
    "the head of a running queue is set, as if it were the driver's",
    "head-written-while-enabled",
    line((driver) => driver.bar.write32(RDH, 3)), // here
  ],
  [
    "tail-before-enable",
    "RDT is written before ENABLE reads 1",
    "doorbell-before-enable",
    opened(
      class extends SmallIxgbe {
        override enableReceive(): void {
          this.change(reg.RXDCTL(0), reg.RXDCTL_ENABLE);
          for (let slot = 0; slot < RING_SIZE; slot++) this.writeReceiveDescriptor(slot);
          this.bar.write32(reg.RDT(0), RING_SIZE - 1); // here
          this.waitSet(reg.RXDCTL(0), reg.RXDCTL_ENABLE);
        }
        override fillReceiveRing(): void {}
      },
    ),
  ],
  [
    "receive-buffer-size",
    "SRRCTL is written with the size in bytes instead of KiB, which leaves 0",
    "receive-buffer-size",
    line(
      (driver) => driver.bar.write32(reg.SRRCTL(1), reg.SRRCTL_DESCTYPE_ADVANCED), // here
      (driver) => {
        driver.bar.write32(reg.SRRCTL(1), 2 | reg.SRRCTL_DESCTYPE_ADVANCED);
      },
    ),
  ],
  [
    "status-written",
    "a read-only register is written",
    "write-to-read-only",
    line((driver) => driver.bar.write32(reg.LINKS, reg.LINKS_LINK_UP)), // here
    EVERYWHERE,
  ],
  [
    "mask-set-of-nothing",
    "EIMS is written with 0 to mask everything: ones set bits, and zeros do nothing",
    "write-without-effect",
    line(
      (driver) => driver.bar.write32(reg.EIMS, 0), // here
      (driver) => driver.bar.write32(reg.EIMC, reg.EIMC_ALL),
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "wrong-offset",
    "a register is written where there is none",
    "no-register",
    line((driver) => driver.bar.write32(0x1f004, 1)), // here
    FOLDED_AND_EXPLORED,
  ],
  [
    "half-word-doorbell",
    "RDT is written with 16 bits, as the index fits",
    "wrong-width",
    line((driver) => driver.bar.write16(reg.RDT(0), RING_SIZE - 1)), // here
    FOLDED_AND_EXPLORED,
  ],
  [
    "misaligned-read",
    "a register is read across its border",
    "bar-access",
    line(
      (driver) => void driver.bar.read32(reg.RDT(0) + 2), // here
      (driver) => void driver.bar.read32(reg.RDT(0)),
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "poll-own-bit",
    "waits for a bit of a register that the card never touches",
    "poll-never-changes",
    line((driver) => driver.waitSet(reg.RXCSUM, reg.RXCSUM_PCSD)), // here, in waitSet
  ],
  [
    "poll-beside-enable",
    "waits for a bit of its own beside one that the card grants, and has granted",
    "poll-never-changes",
    line((driver) => driver.waitSet(reg.RXDCTL(0), reg.RXDCTL_VME)), // here, in waitSet
    FOLDED_AND_EXPLORED,
  ],
  [
    "mask-read-back",
    "a mask is read back where it can only be written",
    "read-of-write-only",
    line(
      (driver) => void driver.bar.read32(reg.EIMC), // here
      (driver) => void driver.bar.read32(reg.EIMS),
    ),
    FOLDED_AND_EXPLORED,
  ],
  [
    "wait-for-own-write",
    "sets a bit and waits until it reads 1, in a register that gives back what was written",
    "self-satisfied-poll",
    line((driver) => {
      driver.change(reg.RXCSUM, reg.RXCSUM_PCSD);
      driver.waitSet(reg.RXCSUM, reg.RXCSUM_PCSD); // here, in waitSet
    }),
  ],
  [
    "counter-read-twice",
    "a statistics register is read once for a check and once for the sum: the sum is 0",
    "read-to-clear-twice",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        traffic(bed, driver, 2, () => {
          if (driver.bar.read32(reg.GPRC) > 0 && isWrong) driver.bar.read32(reg.GPRC); // here
        });
      };
    },
  ],
  [
    "counters-dumped",
    "a dump of all registers reads the counters away that are summed up then",
    "read-to-clear-twice",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      return () => {
        traffic(bed, driver, 2, () => {
          if (isWrong) for (const counter of [reg.GPRC, reg.GPTC]) driver.bar.read32(counter);
          for (const counter of [reg.GPRC, reg.GPTC]) driver.bar.read32(counter); // here
        });
      };
    },
  ],
]);
