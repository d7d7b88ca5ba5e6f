import { conformance, THREADED, THREADED_IN_VIRTUAL_TIME } from "../../harness/conformance/conformance.ts";
import { DEVICES_UNDER_TEST } from "../conformance/devices.ts";
import { runChecks } from "../conformance/run-checks.ts";

for (const device of DEVICES_UNDER_TEST) runChecks(conformance(device, [THREADED, THREADED_IN_VIRTUAL_TIME]));
