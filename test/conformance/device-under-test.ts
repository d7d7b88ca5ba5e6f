export type { DeviceUnderTest } from "../../harness/conformance/device-under-test.ts";
