import { vi } from "vitest";
import { conformance, THREADED, THREADED_IN_VIRTUAL_TIME } from "../../harness/conformance/conformance.ts";
import { DEVICES_UNDER_TEST } from "../conformance/devices.ts";
import { runChecks } from "../conformance/run-checks.ts";

/** Each access crosses between two threads: milliseconds instead of a microsecond where other work has the second core. */
vi.setConfig({ testTimeout: 120_000 });

for (const device of DEVICES_UNDER_TEST) runChecks(conformance(device, [THREADED, THREADED_IN_VIRTUAL_TIME]));
