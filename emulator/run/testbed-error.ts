/** Something is wrong with the testbed or its use, not with the driver's dealings with the device: it is thrown. */
export class TestbedError extends Error {
  override name = "TestbedError";
}

/** The device's thread is gone: it threw, was terminated, or the testbed was closed. */
export class DeviceGoneError extends TestbedError {
  override name = "DeviceGoneError";
}
