import { conformance } from "../conformance/conformance.ts";
import { DEVICES_UNDER_TEST } from "../conformance/devices.ts";

for (const device of DEVICES_UNDER_TEST) {
  conformance(device, { name: "threaded", options: { run: "threaded" } });
  conformance(device, { name: "threaded in virtual time", options: { run: "threaded", clock: "virtual" } });
}
