import { DeviceGoneError, DeviceStuckError, DriverModuleError, TestbedError } from "../emulator/run/testbed-error.ts";

/** An error on its way from one thread to another. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export function errorData(thrown: unknown): ErrorData {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { name: error.name, message: error.message, stack: error.stack ?? error.message };
}

/** An error keeps its name, message and stack across threads; of classes, only the testbed's own. */
export function errorFrom(data: ErrorData): Error {
  const Class =
    [DeviceGoneError, DeviceStuckError, DriverModuleError, TestbedError].find((known) => known.name === data.name) ??
    Error;
  const error = new Class(data.message);
  error.name = data.name;
  error.stack = data.stack;
  return error;
}
