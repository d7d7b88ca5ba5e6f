/** Three frames in, three frames out: `softbar explore scenarios/explorations/ixgbe-traffic.ts` searches the reference driver. */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";
import { frames } from "../../harness/frames.ts";
import { IxgbeDriver } from "../drivers/ixgbe.ts";

const FRAMES = frames(3, { seed: 12, minByteLength: 60, maxByteLength: 64 });

const traffic: ExplorationModule<IxgbeDriver> = exploration({
  devices: [ixgbe({ linkUpNs: 0 })],
  // Runs before each schedule, in the ordinary order of events.
  setup: (bed) => IxgbeDriver.probe(bed.pci, { ringSize: 8, bufferCount: 24, promiscuous: true, linkLimitMs: 1000 }),
  // Every access in here is a moment at which the card, the bus or a store buffer may go first.
  body(bed, driver) {
    for (const frame of FRAMES) bed.wire.send(frame);
    for (const frame of FRAMES) driver.transmit(frame);
    for (const [index, expected] of FRAMES.entries()) {
      let got = driver.receive();
      for (; got === undefined; got = driver.receive()) bed.pci.cpu.relax();
      if (Buffer.compare(got, expected) !== 0) throw new Error(`frame ${index} arrived damaged`);
    }
    bed.quiesce();
    if (bed.wire.sent.length !== FRAMES.length) throw new Error(`${bed.wire.sent.length} frames were sent`);
  },
});

export default traffic;
