/**
 * What a device owes its driver, as checks for whatever runs tests: `import { conformance } from "softbar/conformance"`.
 * Describe the device by its data sheet ({@link DeviceUnderTest}), and run each check: `test(check.name, check.run)`.
 */

export {
  type ConformanceCheck,
  conformance,
  EXPLORED,
  FOLDED,
  RUN_MODES,
  THREADED,
  THREADED_IN_VIRTUAL_TIME,
} from "./conformance.ts";
export { determinism } from "./determinism.ts";
export type { DeviceUnderTest, RunMode } from "./device-under-test.ts";
export { registerTable } from "./register-table.ts";
