import type { DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { WrappedDevice } from "../../emulator/run/device-thread.ts";
import { PassModel, PassPort } from "../pass-through.ts";

/** A device of a machine that is run again and again: something can be put around it for a run, and taken off again. */
export class SwitchedDevice {
  readonly endpoint: Endpoint;
  /** What the device gets as its port. */
  readonly port: DevicePort;
  readonly #port: SwitchedPort;
  #model: SwitchedModel | undefined;
  #device: DeviceModel | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.#port = new SwitchedPort(endpoint);
    this.port = this.#port;
  }

  /** What the endpoint gets as its device. */
  model(device: DeviceModel): DeviceModel {
    this.#device = device;
    this.#model = new SwitchedModel(device);
    return this.#model;
  }

  /** What is around it from here on; undefined for nothing. */
  surround(around: WrappedDevice | undefined): void {
    const device = this.#device as DeviceModel;
    this.#port.lead(around?.port(this.endpoint) ?? this.endpoint);
    this.#model?.lead(around?.model(device) ?? device);
  }
}

class SwitchedPort extends PassPort {
  lead(port: DevicePort): void {
    this.inner = port;
  }
}

class SwitchedModel extends PassModel {
  lead(device: DeviceModel): void {
    this.inner = device;
  }
}
