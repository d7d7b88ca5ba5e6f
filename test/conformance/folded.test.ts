import { conformance } from "./conformance.ts";
import { DEVICES_UNDER_TEST } from "./devices.ts";

for (const device of DEVICES_UNDER_TEST) {
  conformance(device, { name: "folded", options: { run: "folded" } });
}
