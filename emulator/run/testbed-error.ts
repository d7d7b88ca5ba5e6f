/** Something is wrong with the testbed or its use, not with the driver's dealings with the device: it is thrown. */
export class TestbedError extends Error {
  override name = "TestbedError";
}

/** The device's thread is gone: it threw, was terminated, or the testbed was closed. */
export class DeviceGoneError extends TestbedError {
  override name = "DeviceGoneError";
}

/** The device's thread lives, or is not known to be dead, and does not answer within the limit. */
export class DeviceStuckError extends TestbedError {
  override name = "DeviceStuckError";
}

/** What was given as a driver module is none, or cannot be loaded. The message is one sentence. */
export class DriverModuleError extends TestbedError {
  override name = "DriverModuleError";
}
