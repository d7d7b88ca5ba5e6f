import { edu } from "../../devices/index.ts";
import { faultScenario } from "../../harness/index.ts";
import { EduDriver } from "./readme-driver.ts"; // from above, unchanged

export default faultScenario({
  devices: [edu()],
  setup: (bed) => new EduDriver(bed.pci),
  body(_bed, driver) {
    const product = driver.factorial(5);
    if (product !== 120) throw new Error(`5! came out as ${product}`); // an error of its own is a way out
  },
});
