// The driver and the device, to be searched: npx softbar explore ./template-device/race.ts

import { type ExplorationModule, exploration } from "../../harness/index.ts";
import { TemplateDeviceDriver } from "./driver.ts";
import templateDevice from "./index.ts";

const WORDS = [3, 4, 5];

const race: ExplorationModule<TemplateDeviceDriver> = exploration({
  devices: [templateDevice()],
  // Before each schedule, in the ordinary order. A small ring, so that it wraps.
  setup: (bed) => new TemplateDeviceDriver(bed.pci, 2),
  // Every access of the driver in here is a moment at which the device, the bus or a store buffer may go first.
  body(bed, driver) {
    let expected = 0;
    for (const word of WORDS) {
      while (!driver.add(word)) bed.pci.cpu.relax();
      expected += word;
      let total = driver.total();
      for (; total === undefined; total = driver.total()) bed.pci.cpu.relax();
      if (total !== expected) throw new Error(`the total is ${total} instead of ${expected}`);
    }
  },
});

export default race;
