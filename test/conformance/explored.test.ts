import { conformance, EXPLORED } from "../../harness/conformance/conformance.ts";
import { DEVICES_UNDER_TEST } from "./devices.ts";
import { runChecks } from "./run-checks.ts";

for (const device of DEVICES_UNDER_TEST) runChecks(conformance(device, EXPLORED));
