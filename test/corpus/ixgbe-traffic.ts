import { frames } from "../../harness/frames.ts";
import { SmallIxgbe } from "./small-ixgbe.ts";
import type { CorpusBed, WrongDriver } from "./wrong-driver.ts";

/** Longer than a lap of the ring. */
export const LAP_FRAMES = 12;
const FRAMES = frames(LAP_FRAMES, { seed: 5, minByteLength: 60, maxByteLength: 80 });

/** Frames both ways, one after the other, then a close. */
export function traffic(bed: CorpusBed, driver: SmallIxgbe, count: number, before: () => void = () => {}): void {
  for (const frame of FRAMES.slice(0, count)) {
    bed.wire.send(frame);
    driver.retry(() => driver.transmit(frame));
    driver.retry(() => driver.receive() !== undefined);
  }
  before();
  driver.close();
}

/** A driver that is wrong in some step, put through `count` frames each way. */
export function opened(Wrong: typeof SmallIxgbe, count: number = LAP_FRAMES): WrongDriver["setup"] {
  return (bed, isWrong) => {
    const driver = new (isWrong ? Wrong : SmallIxgbe)(bed.pci).open();
    return () => traffic(bed, driver, count);
  };
}

/** Something done to a driver that has filled its rings and has not had a frame. */
export function whileIdle(wrong: (driver: SmallIxgbe) => void) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const driver = new SmallIxgbe(bed.pci).open();
    return () => {
      if (isWrong) wrong(driver);
      driver.close();
    };
  };
}
