/** Mistakes with interrupts. */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { SmallIxgbe } from "./small-ixgbe.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FRAME = new Uint8Array(60).fill(0xff);
const WAIT_MS = 1;
const RX_CAUSE = 1;

/** A driver with MSI-X whose vector is masked by cause; `use` gets it with one frame in its ring. */
function interrupted(use: (driver: SmallIxgbe, bed: CorpusBed, isWrong: boolean) => void, wrongVector = 0) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallIxgbe(bed.pci).open();
    driver.initMsix(isWrong ? wrongVector : 0);
    return () => {
      bed.wire.send(FRAME);
      driver.retry(() => driver.receive() !== undefined);
      use(driver, bed, isWrong);
      driver.bar.write32(reg.EIMC, reg.EIMC_ALL);
      driver.close();
    };
  };
}

export const IXGBE_INTERRUPTS: readonly WrongDriver[] = wrongDrivers(ixgbe({ linkUpNs: 0 }), [
  [
    "cause-read-twice",
    "EICR is read once for each cause that is looked for",
    "read-to-clear-twice",
    (bed, isWrong) => {
      const driver = new SmallIxgbe(bed.pci).open();
      // One cause for everything, as INTx has it.
      driver.bar.write32(reg.IVAR(0), reg.IVAR_INT_ALLOC_VAL);
      return () => {
        bed.wire.send(FRAME);
        driver.retry(() => driver.receive() !== undefined);
        const causes = driver.bar.read32(reg.EICR);
        if ((causes & reg.EICR_LSC) === 0 && isWrong) driver.bar.read32(reg.EICR); // here
        driver.close();
      };
    },
  ],
  [
    "causes-dumped",
    "a dump of registers reads EICR, and the driver waits for the interrupt that it has read away",
    "causes-dropped",
    interrupted((driver, bed, isWrong) => {
      driver.bar.write32(reg.EICR, RX_CAUSE);
      driver.receive();
      bed.wire.send(FRAME);
      driver.pci.cpu.delay(1_000_000);
      if (isWrong) driver.bar.read32(reg.EICR);
      driver.interrupts[0]?.wait(WAIT_MS); // here
    }),
  ],
  [
    "vector-not-set-up",
    "IVAR names a vector that was never set up",
    "vector-not-set-up",
    interrupted((driver, bed) => {
      driver.bar.write32(reg.EIMS, (RX_CAUSE << 5) | RX_CAUSE); // here
      driver.receive();
      bed.wire.send(FRAME);
      driver.retry(() => driver.receive() !== undefined);
    }, 5),
  ],
  [
    "unmasked-and-asleep",
    "EIMS is set and the driver sleeps without another look at the ring",
    "unmask-without-recheck",
    interrupted((driver, _bed, isWrong) => {
      driver.bar.write32(reg.EIMS, RX_CAUSE);
      if (!isWrong) driver.receive();
      driver.interrupts[0]?.wait(WAIT_MS); // here
    }),
    ["folded", "explored"],
  ],
  [
    "acknowledged-too-late",
    "the ring is emptied first and the cause acknowledged then",
    "acknowledge-after-processing",
    interrupted((driver, _bed, isWrong) => {
      driver.bar.write32(reg.EIMS, RX_CAUSE);
      if (!isWrong) driver.bar.write32(reg.EICR, RX_CAUSE);
      driver.receive();
      if (isWrong) driver.bar.write32(reg.EICR, RX_CAUSE);
      driver.interrupts[0]?.wait(WAIT_MS); // here
    }),
    ["folded", "explored"],
  ],
  [
    "vector-never-serviced",
    "interrupts are enabled, and the driver polls all the same",
    "vector-never-serviced",
    interrupted((driver, bed, isWrong) => {
      // The message itself clears the cause.
      driver.bar.write32(reg.EIAC, RX_CAUSE);
      if (isWrong) driver.bar.write32(reg.EIMS, RX_CAUSE);
      for (let count = 0; count < 20; count++) {
        bed.wire.send(FRAME);
        driver.retry(() => driver.receive() !== undefined); // here, in retry
      }
    }),
  ],
  [
    "handler-left-behind",
    "close leaves the handler in place",
    "interrupt-not-released",
    interrupted((driver, _bed, isWrong) => {
      driver.interrupts[0]?.handle(() => {});
      if (!isWrong) driver.interrupts[0]?.handle(undefined);
    }),
    ["folded", "explored"],
  ],
]);
